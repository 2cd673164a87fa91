#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "storage/postgres/failure.h"

namespace datasync::storage::postgres {

/// A thread that runs one transaction beside who began it. Until `finish`, what the transaction uses is the thread's.
///
/// Lifetime: what the work borrows outlives it; it is waited for at the end.
/// Threads:  one begins and finishes.
class Committer {
 public:
  using Work = std::function<Outcome<void>()>;

  Committer() = default;
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  /// Nothing may be under way.
  void start(Work work);
  /// Waits for its end. Something must be under way.
  [[nodiscard]] Outcome<void> finish();
  [[nodiscard]] bool is_busy() const noexcept { return busy_; }

 private:
  void run();

  bool busy_ = false;  // as who begins knows it
  std::mutex mutex_;   // guards what follows
  std::condition_variable changed_;
  Work work_;
  std::optional<Outcome<void>> outcome_;
  bool ends_ = false;
  std::thread thread_;  // from the first work on
};

}  // namespace datasync::storage::postgres
