#pragma once

#include <array>
#include <cstdint>

#include "base/time.h"

namespace datasync::net {

class TimerWheel;

/// Something with one deadline. Embed it (or derive from it) and arm it on a `TimerWheel`; it leaves the wheel when it
/// is destroyed. Threads: only the wheel's own.
class WheelTimer {
 public:
  WheelTimer() = default;
  WheelTimer(const WheelTimer&) = delete;
  WheelTimer& operator=(const WheelTimer&) = delete;
  virtual ~WheelTimer() { unlink(); }

 protected:
  /// The deadline has passed. The timer is no longer armed; it may be armed again or destroyed in here.
  virtual void on_timer() = 0;

 private:
  friend class TimerWheel;
  void unlink() noexcept;

  WheelTimer* previous_ = nullptr;
  WheelTimer* next_ = nullptr;
  std::int64_t due_tick_ = 0;   // when it must fire
  std::int64_t slot_tick_ = 0;  // when the wheel next looks at it; never later than due_tick_
};

/// Coarse deadlines for thousands of connections: one tick for all of them instead of one system timer each. Firing is
/// late by at most two ticks and never early. Moving a deadline further away, which is what every request does, is one
/// store: the wheel finds out when it looks at the timer's old slot.
///
/// Threads: not thread-safe; owned by its I/O thread.
class TimerWheel {
 public:
  static constexpr milliseconds kTick{100};

  explicit TimerWheel(SteadyTime now);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  ~TimerWheel();

  /// Sets or moves the deadline to `delay` from now.
  void arm(WheelTimer& timer, milliseconds delay) { arm_at(timer, tick_in(delay)); }
  /// The tick at which a delay that starts now has surely passed; for a deadline that outlives one timer.
  [[nodiscard]] std::int64_t tick_in(milliseconds delay) const noexcept;
  void arm_at(WheelTimer& timer, std::int64_t tick);
  /// Removes the deadline. Costs one store; the wheel drops the timer when it next comes by.
  void disarm(WheelTimer& timer) noexcept;

  /// Takes the timer off the wheel for good, so that another thread may destroy it.
  void remove(WheelTimer& timer) noexcept { timer.unlink(); }
  [[nodiscard]] std::int64_t now_tick() const noexcept { return now_tick_; }

  /// Fires all that is due at `now`.
  void advance(SteadyTime now);

 private:
  static constexpr std::size_t kSlots = 512;  // one turn is 51.2 s; longer delays go round again
  class Sentinel final : public WheelTimer {
    void on_timer() override {}
    friend class TimerWheel;
  };

  void link(WheelTimer& timer, std::int64_t tick) noexcept;
  void visit(std::int64_t tick);

  SteadyTime start_;
  std::int64_t now_tick_ = 0;
  std::array<Sentinel, kSlots> slots_;
  Sentinel visited_;
};

}  // namespace datasync::net
