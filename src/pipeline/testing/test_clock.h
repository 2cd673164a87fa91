#pragma once

#include "base/time.h"

namespace datasync::pipeline {

/// Time stands still until it is told to move, and somebody may set the wall clock.
class TestClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return true_now_ + set_by_; }
  [[nodiscard]] SteadyTime steady_now() const override { return SteadyTime{true_now_.time_since_epoch()}; }
  /// What the wall clock would show if nobody had set it.
  [[nodiscard]] Timestamp true_now() const noexcept { return true_now_; }
  void advance(microseconds by) { true_now_ += by; }
  /// Sets the wall clock forth, or back.
  void step(microseconds by) { set_by_ += by; }

 private:
  Timestamp true_now_{std::chrono::hours{24 * 365 * 55}};
  microseconds set_by_{0};
};

}  // namespace datasync::pipeline
