#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace datasync::storage {

/// A file that is there whole or not at all: it is written beside its place, for its owner alone, and takes its name
/// when all of it is on the disk. What stands under that name keeps it until then.
///
/// Errors: `kUnavailable`, with the file and the reason.
/// Threads: one at a time.
class NewFile {
 public:
  /// What an interrupted run left beside the place goes.
  [[nodiscard]] static Result<NewFile> create(std::string path);
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&& other) noexcept;
  /// Deletes it, unless it has its name.
  ~NewFile();

  /// Where it is so far, for those who write it by that name.
  [[nodiscard]] std::string part() const { return path_ + ".part"; }
  [[nodiscard]] Result<void> write(std::string_view text);
  /// Brings to the disk what was written, by whomever.
  [[nodiscard]] Result<void> sync();
  /// `sync`, then it takes its name, and its folder is on the disk, too.
  [[nodiscard]] Result<void> finish();

 private:
  NewFile(std::string path, int file) : path_(std::move(path)), file_(file) {}
  void drop() noexcept;

  std::string path_;
  int file_ = -1;  // -1: it has its name, or was moved from
};

}  // namespace datasync::storage
