#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "net/timer_wheel.h"
#include "net/unique_function.h"

namespace boost::asio {
class io_context;
}  // namespace boost::asio

namespace datasync::net {

using Task = UniqueFunction<void()>;

/// One thread that runs one `io_context`, with a mailbox and a timer wheel. A task that throws is logged and forgotten.
/// Lifetime: owned by `IoThreads`; whoever holds a reference must be gone before that is.
class IoThread {
 public:
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;
  ~IoThread();

  /// Runs `task` on this thread, after all that was posted before. Any thread may call it. Only a push onto an empty
  /// mailbox wakes the thread, so a thousand posts in a row cost one wake-up. After `IoThreads::stop()` the task is
  /// destroyed without being run.
  void post(Task task);
  /// The same for many, under one lock.
  void post_all(std::vector<Task> tasks);

  /// Runs `task` on this thread once `delay` has passed: at most two ticks (200 ms) late, never early. Any thread may
  /// call it. Tasks still waiting at `IoThreads::stop()` are destroyed without being run.
  void after(milliseconds delay, Task task);

  /// The I/O thread that we are on, or null elsewhere.
  [[nodiscard]] static IoThread* current() noexcept;
  [[nodiscard]] bool is_current() const noexcept { return current() == this; }
  [[nodiscard]] std::size_t index() const noexcept { return index_; }

  /// For sockets that other rooms drive themselves. Any thread may post to it.
  [[nodiscard]] boost::asio::io_context& context() noexcept;
  /// Only on this thread.
  [[nodiscard]] TimerWheel& timers() noexcept;
  /// `Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n`, at most two ticks old. Only on this thread.
  [[nodiscard]] std::string_view date_header() const noexcept;

 private:
  friend class IoThreads;
  struct Impl;
  IoThread(std::size_t index, const Clock& clock);

  std::size_t index_;
  std::unique_ptr<Impl> impl_;
};

/// A fixed set of I/O threads. Work may be posted before `start()`; it waits.
///
/// Lifetime: built first and destroyed last of all that does I/O. `clock` is borrowed and outlives it.
/// Threads: `start`, `stop` and the destructor belong to one owner thread outside the set; the rest is free.
class IoThreads {
 public:
  /// `count` >= 1. The clock drives the timer wheels, so a test may move time; the ticks themselves come in real time.
  IoThreads(std::size_t count, const Clock& clock);
  IoThreads(const IoThreads&) = delete;
  IoThreads& operator=(const IoThreads&) = delete;
  ~IoThreads();

  void start();
  /// Ends the threads after what they run at this moment; what is still queued is destroyed without being run. Stop
  /// servers and clients first, they drain.
  void stop();

  [[nodiscard]] std::size_t size() const noexcept { return threads_.size(); }
  [[nodiscard]] IoThread& at(std::size_t index) noexcept { return *threads_[index]; }
  /// The threads in turn; any thread may call it.
  [[nodiscard]] IoThread& next() noexcept;

  /// Runs `task` once on each thread and returns when all have. Where the threads do not run (before `start()`, after
  /// `stop()`) it runs on the caller's. Must not be called on one of these threads.
  void run_on_each(const std::function<void(IoThread&)>& task);

 private:
  struct Impl;
  std::vector<std::unique_ptr<IoThread>> threads_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace datasync::net
