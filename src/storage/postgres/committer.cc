#include "storage/postgres/committer.h"

#include <utility>

namespace datasync::storage::postgres {

Committer::~Committer() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Committer::start(Work work) {
  busy_ = true;
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  {
    const std::lock_guard lock(mutex_);
    work_ = std::move(work);
  }
  changed_.notify_all();
}

Outcome<void> Committer::finish() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return outcome_.has_value(); });
  busy_ = false;
  Outcome<void> outcome = std::move(*outcome_);
  outcome_.reset();
  return outcome;
}

void Committer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return work_ || ends_; });
    if (!work_) return;
    const Work work = std::exchange(work_, nullptr);
    lock.unlock();
    Outcome<void> outcome = work();
    lock.lock();
    outcome_ = std::move(outcome);
    changed_.notify_all();
  }
}

}  // namespace datasync::storage::postgres
