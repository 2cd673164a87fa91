#include "net/timer_wheel.h"

#include <algorithm>
#include <limits>

namespace datasync::net {
namespace {
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
}  // namespace

void WheelTimer::unlink() noexcept {
  if (next_ == nullptr) return;
  previous_->next_ = next_;
  next_->previous_ = previous_;
  previous_ = next_ = nullptr;
}

TimerWheel::TimerWheel(SteadyTime now) : start_(now) {
  for (Sentinel& slot : slots_) slot.previous_ = slot.next_ = &slot;
  visited_.previous_ = visited_.next_ = &visited_;
}

TimerWheel::~TimerWheel() {
  // Timers may outlive the wheel (a connection that a responder still holds): they must not find it through their
  // links.
  for (Sentinel& slot : slots_) {
    while (slot.next_ != &slot) slot.next_->unlink();
    slot.previous_ = slot.next_ = nullptr;
  }
  visited_.previous_ = visited_.next_ = nullptr;
}

std::int64_t TimerWheel::tick_in(milliseconds delay) const noexcept {
  // One more tick than the delay holds, since the present tick is partly over.
  return now_tick_ + (std::max(delay, milliseconds{0}) + kTick - milliseconds{1}) / kTick + 1;
}

void TimerWheel::arm_at(WheelTimer& timer, std::int64_t tick) {
  timer.due_tick_ = std::max(tick, now_tick_ + 1);
  const bool linked = timer.next_ != nullptr;
  if (linked && timer.slot_tick_ <= timer.due_tick_) return;
  timer.unlink();
  link(timer, timer.due_tick_);
}

void TimerWheel::disarm(WheelTimer& timer) noexcept {
  timer.due_tick_ = kNever;
}

void TimerWheel::link(WheelTimer& timer, std::int64_t tick) noexcept {
  timer.slot_tick_ = tick;
  Sentinel& slot = slots_[static_cast<std::size_t>(tick) % kSlots];
  timer.previous_ = slot.previous_;
  timer.next_ = &slot;
  slot.previous_->next_ = &timer;
  slot.previous_ = &timer;
}

void TimerWheel::advance(SteadyTime now) {
  const std::int64_t target = (now - start_) / kTick;
  // After a long sleep (or a jump of a test's clock) one turn visits every slot; earlier ticks would find the same
  // timers.
  now_tick_ = std::max(now_tick_, target - static_cast<std::int64_t>(kSlots));
  while (now_tick_ < target) visit(++now_tick_);
}

void TimerWheel::visit(std::int64_t tick) {
  // The slot is emptied first: what fires may arm itself into the same slot, a whole turn ahead.
  Sentinel& slot = slots_[static_cast<std::size_t>(tick) % kSlots];
  while (slot.next_ != &slot) {
    WheelTimer& timer = *slot.next_;
    timer.unlink();
    timer.previous_ = visited_.previous_;
    timer.next_ = &visited_;
    visited_.previous_->next_ = &timer;
    visited_.previous_ = &timer;
  }
  while (visited_.next_ != &visited_) {
    WheelTimer& timer = *visited_.next_;
    timer.unlink();
    if (timer.due_tick_ <= tick) {
      timer.on_timer();
    } else if (timer.due_tick_ != kNever) {
      link(timer, timer.due_tick_);
    }
  }
}

}  // namespace datasync::net
