#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/result.h"

namespace datasync::storage::postgres {

/// The rows of one statement, in the binary format. Private to this folder, as all that knows `PGresult`.
class Answer {
 public:
  explicit Answer(PGresult* native) : native_(native) {}

  [[nodiscard]] int rows() const noexcept { return PQntuples(native_.get()); }
  [[nodiscard]] bool is_null(int row, int column) const noexcept {
    return PQgetisnull(native_.get(), row, column) != 0;
  }
  /// 0 for NULL. Any width that the column has.
  [[nodiscard]] std::int64_t integer(int row, int column) const noexcept;
  /// Empty for NULL. It lies in this object.
  [[nodiscard]] std::string_view bytes(int row, int column) const noexcept;
  [[nodiscard]] Hash128 uuid(int row, int column) const noexcept;
  /// Errors: as `from_text`.
  [[nodiscard]] Result<std::string> text(int row, int column) const;
  /// What the statement was, as the server says when it is done: "COMMIT".
  [[nodiscard]] std::string_view tag() const noexcept { return PQcmdStatus(native_.get()); }
  [[nodiscard]] int columns() const noexcept { return PQnfields(native_.get()); }

 private:
  struct Clear {
    void operator()(PGresult* native) const noexcept { PQclear(native); }
  };
  std::unique_ptr<PGresult, Clear> native_;
};

}  // namespace datasync::storage::postgres
