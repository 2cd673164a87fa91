#pragma once

#include <cstdint>
#include <optional>

#include "base/random.h"
#include "base/time.h"

namespace datasync::delivery {

/// When a delivery is tried again. Quick tries catch a hiccup, slow ones an outage; what a day could not deliver needs
/// a person.
///
/// Units:   attempts count from 1; the n-th retry is attempt n + 1.
/// Errors:  none; "no more" is an answer.
/// Threads: immutable, any; `random` belongs to the caller.
class RetryPlan {
 public:
  struct Options {
    std::uint32_t quick_retries = 3;       ///< 0..20 (RETRY_ATTEMPTS)
    double backoff_factor = 2.0;           ///< 1..10 (BACKOFF_FACTOR); the first quick retry comes after 1 s
    seconds retry_after_max{3'600};        ///< a longer wish of the platform counts as this one
    std::chrono::hours give_up_after{24};  ///< no attempt later than this after the first
  };

  explicit RetryPlan(Options options);

  /// What has happened to a delivery so far.
  struct Past {
    std::uint32_t attempts = 1;  ///< made so far, the failed one included
    Timestamp first_attempt_at{};
    std::optional<milliseconds> retry_after = {};   ///< the platform's wish, if it had one
    std::optional<std::uint32_t> max_retries = {};  ///< the event's own cap on quick and slow retries together
  };

  /// The time of the next attempt, never before `now`; none when the delivery is a dead letter.
  [[nodiscard]] std::optional<Timestamp> next(const Past& past, Timestamp now, Random& random) const;
  /// The longest that it lets a delivery wait after so many attempts, a wish of the platform aside; and after any.
  [[nodiscard]] milliseconds longest_wait(std::uint32_t attempts) const;
  [[nodiscard]] static milliseconds longest_wait();
  /// Whether the next attempt after so many belongs to the quick ones.
  [[nodiscard]] bool is_quick(std::uint32_t attempts) const noexcept { return attempts <= options_.quick_retries; }

 private:
  [[nodiscard]] std::optional<milliseconds> planned_delay(std::uint32_t retry) const;

  Options options_;
};

}  // namespace datasync::delivery
