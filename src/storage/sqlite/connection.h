#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace datasync::storage::sqlite {

/// One connection to the file. Private to this folder, as everything that knows `sqlite3`.
/// Threads: one at a time (opened without SQLite's own mutex).
class Connection {
 public:
  struct Options {
    std::string path;
    bool writable = false;
    std::string base_vfs;  ///< empty: the system's; tests put one that fails underneath
  };
  /// Errors: `kUnavailable` with a message for the operator.
  [[nodiscard]] static Result<Connection> open(const Options& options);

  [[nodiscard]] sqlite3* native() const noexcept { return native_.get(); }

  /// Runs one or several statements without parameters.
  [[nodiscard]] Result<void> run(const char* sql);
  /// The integer in the first column of the first row; 0 if there is none.
  [[nodiscard]] Result<std::int64_t> query_integer(const char* sql);

  /// The last call's failure in our words. Does not return if it was a failed fsync.
  [[nodiscard]] Error last_error(std::string_view doing) const;

  /// Writes anew, and syncs, what a process that crashed left in the log. If a failed fsync was the reason, the kernel
  /// may show pages that are not on the disk and never will be; behind such a gap all that is appended is lost with the
  /// power. Where it can't be done now, the log stays as it is, with a warning.
  void settle_old_log();

  /// Leaves the open transaction, if there is one, without a trace.
  void roll_back() noexcept;

 private:
  struct Close {
    void operator()(sqlite3* native) const noexcept { sqlite3_close_v2(native); }
  };
  explicit Connection(sqlite3* native) : native_(native) {}
  std::unique_ptr<sqlite3, Close> native_;
};

/// Ends the process with exit code 74. After a failed fsync nobody knows which pages the kernel has dropped, and asking
/// again would be told that all is well; only a restart, which reads what is really there, is safe. Source: Rebello et
/// al., Can Applications Recover from fsync Failures? (2020).
[[noreturn]] void die_of_failed_sync(std::string_view detail);

/// Our error for one of SQLite's result codes (extended). Does not return if it was a failed fsync.
[[nodiscard]] Error error_of(int code, std::string_view message, std::string_view doing);

}  // namespace datasync::storage::sqlite
