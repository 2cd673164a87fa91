#pragma once

#include <string>

#include "base/result.h"

namespace datasync::storage::sqlite {

/// Keeps two processes from writing one database unknowingly: a lock on `<path>.lock` for as long as this lives, gone
/// with the process however it ends. A file of its own, because closing any handle of the database would drop SQLite's
/// locks.
class FileGuard {
 public:
  /// Errors: `kUnavailable`, naming the process that holds it.
  [[nodiscard]] static Result<FileGuard> take(const std::string& path, const std::string& instance);
  FileGuard(FileGuard&& other) noexcept;
  FileGuard& operator=(FileGuard&& other) noexcept;
  ~FileGuard();

 private:
  explicit FileGuard(int file) : file_(file) {}
  int file_ = -1;
};

}  // namespace datasync::storage::sqlite
