#pragma once

#include <algorithm>
#include <cstddef>

#include "base/time.h"

namespace datasync::pipeline {

/// How much may come in. An engine that is short of time must finish rather than accept: what was accepted and can't be
/// delivered yet costs memory, and then disk, while a client that waits for its answer slows down by itself.
///
/// While changes queue for their targets, a window that took longer than it should makes the next one accept less, and
/// a quick one makes it accept more. A target that is slow or down has its queue too, but its windows are quick, so it
/// slows nobody's acceptance.
///
/// Source: the multiplicative search for a batch that keeps a deadline. Threads: the engine's.
class Admission {
 public:
  /// A window never accepts more than `most` events.
  explicit Admission(std::size_t most) : most_(most), limit_(most) {}

  /// Events that the next window may accept.
  [[nodiscard]] std::size_t limit() const noexcept { return limit_; }

  /// The window is over, and so many changes are queued still.
  void window_took(microseconds duration, std::size_t queued) noexcept {
    const bool must_slow_down = queued >= kQueuedMin && duration > kWindowMax;
    limit_ = std::clamp(must_slow_down ? limit_ * 3 / 4 : limit_ * 5 / 4 + 1, kLimitMin, most_);
  }

 private:
  static constexpr std::size_t kQueuedMin = 500;  // fewer are gone within a few windows
  static constexpr milliseconds kWindowMax{5};
  static constexpr std::size_t kLimitMin = 8;

  std::size_t most_;
  std::size_t limit_;
};

}  // namespace datasync::pipeline
