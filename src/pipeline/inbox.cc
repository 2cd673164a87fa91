#include "pipeline/inbox.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace datasync::pipeline {
namespace {

constexpr std::size_t kPersonsMax = 1'000;  // requests of each kind that only people make

}  // namespace

bool Inbox::push(AcceptRequest& request) {
  const std::lock_guard lock(mutex_);
  if (is_closed() || submissions_ + request.submissions.size() > accepts_max_) return false;
  submissions_ += request.submissions.size();
  load_.accepts.push_back(std::move(request));
  notify_if_needed();
  return true;
}

template <typename Request>
bool Inbox::push_to(std::vector<Request>& requests, Request& request) {
  const std::lock_guard lock(mutex_);
  if (is_closed() || requests.size() >= kPersonsMax) return false;
  requests.push_back(std::move(request));
  notify_if_needed();
  return true;
}

bool Inbox::push(RedriveRequest& request) {
  return push_to(load_.redrives, request);
}

bool Inbox::push(ReviewRequest& request) {
  return push_to(load_.reviews, request);
}

bool Inbox::push(UndoAsked& request) {
  return push_to(load_.undos, request);
}

bool Inbox::push(MergeAsked& request) {
  return push_to(load_.merges, request);
}

void Inbox::push(TargetAnswer answer) {
  const std::lock_guard lock(mutex_);
  changes_ += answer.changes;
  load_.answers.push_back(std::move(answer));
  notify_if_needed();
}

Inbox::Load Inbox::take(std::size_t submissions) {
  const std::lock_guard lock(mutex_);
  woken_ = false;
  changes_ = 0;
  Load load = std::exchange(load_, Load{});
  std::size_t taken = 0;
  const auto rest = std::find_if(load.accepts.begin(), load.accepts.end(), [&](const AcceptRequest& request) {
    const bool fits = taken == 0 || taken + request.submissions.size() <= submissions;
    if (fits) taken += request.submissions.size();
    return !fits;
  });
  load_.accepts.assign(std::make_move_iterator(rest), std::make_move_iterator(load.accepts.end()));
  load.accepts.erase(rest, load.accepts.end());
  submissions_ -= taken;
  return load;
}

std::size_t Inbox::waiting() {
  const std::lock_guard lock(mutex_);
  return much();
}

void Inbox::wait_for_work(SteadyTime due) {
  std::unique_lock lock(mutex_);
  wake_at_ = 1;
  changed_.wait_until(lock, due, [this] { return woken_ || load_.size() > 0; });
  wake_at_ = 0;
}

void Inbox::wait_for_company(SteadyTime due, std::size_t enough) {
  std::unique_lock lock(mutex_);
  wake_at_ = enough;
  changed_.wait_until(lock, due, [this, enough] { return woken_ || load_.size() >= enough; });
  wake_at_ = 0;
}

void Inbox::wait_for_much(std::size_t enough) {
  std::unique_lock lock(mutex_);
  wake_at_much_ = enough;
  changed_.wait(lock, [this, enough] { return woken_ || is_committed() || much() >= enough; });
  wake_at_much_ = 0;
}

void Inbox::note_committed(bool is_committed) {
  const std::lock_guard lock(mutex_);
  committed_.store(is_committed, std::memory_order_relaxed);
  if (is_committed) changed_.notify_one();
}

void Inbox::wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  changed_.notify_one();
}

void Inbox::close() {
  closed_.store(true, std::memory_order_relaxed);
  wake();
}

void Inbox::notify_if_needed() {
  // A wake-up costs more than the push: one is enough for the engine, and none while it gathers company anyway.
  const bool is_enough = wake_at_ != 0 && load_.size() >= wake_at_,
             is_much = wake_at_much_ != 0 && much() >= wake_at_much_;
  if (!is_enough && !is_much) return;
  wake_at_ = wake_at_much_ = 0;
  changed_.notify_one();
}

}  // namespace datasync::pipeline
