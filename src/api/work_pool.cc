#include "api/work_pool.h"

#include <pthread.h>

#include "base/log.h"

namespace datasync::api {

WorkPool::WorkPool(MakeReader make_reader, Options options)
    : make_reader_(std::move(make_reader)), options_(std::move(options)) {
  for (std::size_t i = 0; i < options_.threads; ++i) threads_.emplace_back([this, i] { run(i); });
}

WorkPool::~WorkPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool WorkPool::post(Job& job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= options_.queue_max) return false;
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

std::size_t WorkPool::waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void WorkPool::run(std::size_t index) {
  pthread_setname_np(pthread_self(), (options_.name + '-' + std::to_string(index)).c_str());
  std::unique_ptr<storage::Reader> reader;
  const GetReader get_reader = [this, &reader]() -> Result<storage::Reader*> {
    if (!reader) {
      auto made = make_reader_();
      if (!made) return fail(std::move(made).error());
      reader = std::move(*made);
    }
    return reader.get();
  };
  for (;;) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    Job job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    try {
      job(get_reader);
    } catch (const std::exception& error) {
      log::error("a job of the pool {} threw: {}", options_.name, error.what());
    }
  }
}

}  // namespace datasync::api
