#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "net/unique_function.h"
#include "storage/store.h"

namespace datasync::api {

using MakeReader = std::function<Result<std::unique_ptr<storage::Reader>>()>;

/// A few threads for what would hold up an I/O thread: reads of the store, large bodies. Each thread has a reader of
/// its own, made when it is first needed and made anew after one that could not be had.
///
/// Lifetime: what `make_reader` borrows outlives the pool. The destructor runs what is queued and then ends the
/// threads. Threads:  `post` from any; the destructor from outside the pool.
class WorkPool {
 public:
  struct Options {
    std::string name;             ///< of the threads, at most 12 characters
    std::size_t threads = 2;      ///< >= 1
    std::size_t queue_max = 256;  ///< jobs waiting; one more is refused
  };
  /// Gives the thread's reader. Errors: those of `Store::make_reader`.
  using GetReader = std::function<Result<storage::Reader*>()>;
  using Job = net::UniqueFunction<void(const GetReader& reader)>;

  WorkPool(MakeReader make_reader, Options options);
  ~WorkPool();
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  /// False, with the job untouched, where the queue is full. A job that throws is logged.
  [[nodiscard]] bool post(Job& job);
  [[nodiscard]] std::size_t waiting() const;

 private:
  void run(std::size_t index);

  const MakeReader make_reader_;
  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace datasync::api
