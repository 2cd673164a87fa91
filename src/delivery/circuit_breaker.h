#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace datasync::delivery {

/// Stops calls to an origin that mostly fails, and feels from time to time whether it is back.
///
/// *Closed*: calls go. It opens when at least `failure_share` of at least `calls_min` calls of the last 60 s failed,
/// with failures of at least two tenants, or calls of one tenant only: were one tenant's failures among others'
/// successes enough, its broken account would stop everybody. *Open*: nothing goes until the cool-down is over. Then
/// one call at a time goes as a *trial*: well, and it closes; failed, and it opens again for twice as long.
///
/// What a failure is decides `is_origin_failure`: a 4xx never is one.
/// Memory:  fixed, 12 buckets of 5 s; of tenants it keeps no more than tells one from several.
/// Threads: not thread-safe; owned by its origin's thread. Time is an argument, of a clock that nobody sets.
class CircuitBreaker {
 public:
  struct Options {
    double failure_share = 0.5;    ///< 0..1, of the calls in the window
    std::uint32_t calls_min = 20;  ///< fewer prove nothing
    seconds cool_down_min{5};      ///< after opening
    seconds cool_down_max{300};    ///< it doubles up to this
    seconds trial_timeout{60};     ///< a trial of which nothing was heard for so long is forgotten
  };

  enum class Permit : std::uint8_t {
    kCall,   ///< go
    kTrial,  ///< go, alone: its outcome decides; report it, or `abandon_trial()`
    kNo,     ///< not now
  };
  enum class Shift : std::uint8_t { kNone, kOpened, kClosed };

  /// What survives a restart: small and plain, so that it may be stored as text.
  struct Saved {
    bool open = false;
    Timestamp open_until{};
    milliseconds cool_down{0};
    bool operator==(const Saved&) const = default;
    [[nodiscard]] std::string to_text() const;  ///< `closed`, or `open <microseconds since 1970> <cool-down ms>`
    /// Errors: `kCorrupt` for any other text.
    static Result<Saved> parse(std::string_view text);
  };

  explicit CircuitBreaker(Options options);

  [[nodiscard]] Permit ask(SteadyTime now);
  /// The outcome of a call that was permitted. `tenant` is any hash of the tenant. Says whether the state changed, so
  /// that the caller may store it and tell. Calls begun before it opened change nothing any more.
  Shift report(Permit permit, bool failed, std::uint64_t tenant, SteadyTime now);
  /// The trial was never sent, or its outcome says nothing.
  void abandon_trial() noexcept { trial_ = false; }

  [[nodiscard]] bool is_open() const noexcept { return open_; }
  /// When to ask again while it is open.
  [[nodiscard]] SteadyTime open_until() const noexcept { return open_until_; }

  /// `now` and `wall` are one moment.
  [[nodiscard]] Saved saved(SteadyTime now, Timestamp wall) const noexcept;
  void restore(const Saved& saved, SteadyTime now, Timestamp wall);

 private:
  static constexpr seconds kBucket{5};
  static constexpr std::size_t kBuckets = 12;

  /// None, one or several, and which one: all that the rule asks.
  struct Tenants {
    std::uint8_t count = 0;  // 2 is several
    std::uint64_t one = 0;
    void add(std::uint64_t tenant) noexcept;
    void add(const Tenants& other) noexcept;
  };
  struct Bucket {
    std::int64_t number = -1;  // which 5 s of the clock
    std::uint64_t calls = 0;
    std::uint64_t failures = 0;
    Tenants callers;
    Tenants failing;
  };

  [[nodiscard]] bool must_open(SteadyTime now) const;
  void open(milliseconds cool_down, SteadyTime now);
  void close();
  Bucket& bucket_at(SteadyTime now);

  Options options_;
  std::array<Bucket, kBuckets> buckets_;
  bool open_ = false;
  bool trial_ = false;
  SteadyTime trial_since_{};
  SteadyTime open_until_{};
  milliseconds cool_down_{0};
};

}  // namespace datasync::delivery
