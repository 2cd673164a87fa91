#include "delivery/circuit_breaker.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace datasync::delivery {

CircuitBreaker::CircuitBreaker(Options options) : options_(options) {
  options_.calls_min = std::max<std::uint32_t>(options_.calls_min, 1);
  options_.cool_down_min = std::max(options_.cool_down_min, seconds{1});
  options_.cool_down_max = std::max(options_.cool_down_max, options_.cool_down_min);
}

CircuitBreaker::Permit CircuitBreaker::ask(SteadyTime now) {
  if (!open_) return Permit::kCall;
  if (now < open_until_) return Permit::kNo;
  if (trial_ && now - trial_since_ < options_.trial_timeout) return Permit::kNo;
  trial_ = true;
  trial_since_ = now;
  return Permit::kTrial;
}

CircuitBreaker::Shift CircuitBreaker::report(Permit permit, bool failed, std::uint64_t tenant, SteadyTime now) {
  if (open_) {
    if (permit != Permit::kTrial || !trial_) return Shift::kNone;
    trial_ = false;
    if (!failed) {
      close();
      return Shift::kClosed;
    }
    open(std::min<milliseconds>(cool_down_ * 2, options_.cool_down_max), now);
    return Shift::kOpened;
  }
  Bucket& bucket = bucket_at(now);
  ++bucket.calls;
  bucket.callers.add(tenant);
  if (!failed) return Shift::kNone;
  ++bucket.failures;
  bucket.failing.add(tenant);
  if (!must_open(now)) return Shift::kNone;
  open(options_.cool_down_min, now);
  return Shift::kOpened;
}

bool CircuitBreaker::must_open(SteadyTime now) const {
  const std::int64_t newest = std::chrono::floor<seconds>(now).time_since_epoch() / kBucket;
  std::uint64_t calls = 0;
  std::uint64_t failures = 0;
  Tenants callers;
  Tenants failing;
  for (const Bucket& bucket : buckets_) {
    if (bucket.number <= newest - static_cast<std::int64_t>(kBuckets) || bucket.number > newest) continue;
    calls += bucket.calls;
    failures += bucket.failures;
    callers.add(bucket.callers);
    failing.add(bucket.failing);
  }
  if (calls < options_.calls_min) return false;
  if (static_cast<double>(failures) < options_.failure_share * static_cast<double>(calls)) return false;
  return failing.count > 1 || callers.count == 1;
}

void CircuitBreaker::open(milliseconds cool_down, SteadyTime now) {
  open_ = true;
  trial_ = false;
  cool_down_ = cool_down;
  open_until_ = now + cool_down;
}

void CircuitBreaker::close() {
  open_ = false;
  cool_down_ = milliseconds{0};
  buckets_.fill({});  // what led to the outage must not open it again at the next failure
}

CircuitBreaker::Bucket& CircuitBreaker::bucket_at(SteadyTime now) {
  const std::int64_t number = std::chrono::floor<seconds>(now).time_since_epoch() / kBucket;
  Bucket& bucket = buckets_[static_cast<std::uint64_t>(number) % kBuckets];
  if (bucket.number != number) {
    bucket = {};
    bucket.number = number;
  }
  return bucket;
}

void CircuitBreaker::Tenants::add(std::uint64_t tenant) noexcept {
  if (count == 0) {
    count = 1;
    one = tenant;
  } else if (one != tenant) {
    count = 2;
  }
}

void CircuitBreaker::Tenants::add(const Tenants& other) noexcept {
  if (other.count == 0) return;
  add(other.one);
  if (other.count > 1) count = 2;
}

CircuitBreaker::Saved CircuitBreaker::saved(SteadyTime now, Timestamp wall) const noexcept {
  return {open_, open_ ? wall + (open_until_ - now) : Timestamp{}, cool_down_};
}

void CircuitBreaker::restore(const Saved& saved, SteadyTime now, Timestamp wall) {
  if (!saved.open) {
    close();
    trial_ = false;
    return;
  }
  open(std::clamp<milliseconds>(saved.cool_down, options_.cool_down_min, options_.cool_down_max), now);
  // Not pushed on by the restart, and never longer than the longest cool-down, whatever the stored clock said.
  open_until_ = now + std::min<microseconds>(saved.open_until - wall, options_.cool_down_max);
}

std::string CircuitBreaker::Saved::to_text() const {
  if (!open) return "closed";
  return fmt::format("open {} {}", open_until.time_since_epoch().count(), cool_down.count());
}

Result<CircuitBreaker::Saved> CircuitBreaker::Saved::parse(std::string_view text) {
  if (text == "closed") return Saved{};
  const auto refuse = [] { return fail(ErrorCode::kCorrupt, "this is no saved state of a circuit breaker"); };
  if (!text.starts_with("open ")) return refuse();
  const char* at = text.data() + 5;
  const char* end = text.data() + text.size();
  std::int64_t until = 0;
  std::int64_t cool_down = 0;
  const auto first = std::from_chars(at, end, until);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != ' ') return refuse();
  const auto second = std::from_chars(first.ptr + 1, end, cool_down);
  constexpr std::int64_t kDayMs = 24LL * 3'600 * 1'000;
  constexpr std::int64_t kYear9999Us = 253'402'300'800'000'000;
  if (second.ec != std::errc{} || second.ptr != end || cool_down < 0 || cool_down > kDayMs) return refuse();
  if (until < 0 || until > kYear9999Us) return refuse();
  return Saved{true, Timestamp{microseconds{until}}, milliseconds{cool_down}};
}

}  // namespace datasync::delivery
