#pragma once

#include "base/result.h"
#include "domain/record.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/statement.h"

namespace datasync::storage::sqlite {

/// Writes conflicts, and beside a settled one how it was settled. Within the caller's transaction.
class ConflictWriter {
 public:
  [[nodiscard]] Result<void> prepare(Connection& connection);
  [[nodiscard]] Result<void> write(const Conflict& conflict);

 private:
  Statement conflict_, resolution_;
};

}  // namespace datasync::storage::sqlite
