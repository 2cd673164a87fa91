#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "pipeline/notice.h"
#include "storage/store.h"

namespace datasync::api {

/// Counts what notices tell, by the minute: over everything for a week, and for each tenant for a day. In memory, so
/// `GET /sync/metrics` costs the same however many events there are.
///
/// Limits:  `kTenantsMax` tenants; the one that was quiet longest makes room, and is then known only as a part of the
/// whole. Threads: any; one lock, taken once for all notices of a window.
class Stats {
 public:
  static constexpr int kHoursMax = 24 * 7;    ///< kept over everything
  static constexpr int kTenantHoursMax = 24;  ///< kept for one tenant
  static constexpr std::size_t kTenantsMax = 512;
  /// Upper bounds of the latency histogram in milliseconds; one more bucket above.
  static constexpr std::array<double, 12> kLatencyBoundsMs{5,   10,    25,    50,     100,    200,
                                                           500, 1'000, 5'000, 10'000, 60'000, 3'600'000};

  void add(const std::vector<pipeline::Notice>& notices, Timestamp now);
  /// What the store knows from before this process began at `start`: what notices tell is not counted twice.
  void add_stored(const storage::StoredEvent& stored, Timestamp start);

  struct Summary {
    std::int64_t created = 0;         ///< events accepted in the window
    std::int64_t completed = 0;       ///< events that ended well in it
    std::int64_t failed = 0;          ///< events that failed or expired in it
    double latency_ms_mean = 0;       ///< from acceptance to the last target, of those that ended well
    std::set<std::string> platforms;  ///< targets that took something
    std::optional<Timestamp> last_sync;
  };
  /// Of these tenants, none given means all.
  [[nodiscard]] Summary summarise(const storage::Reader::Tenants& tenants, std::chrono::hours window,
                                  Timestamp now) const;

  /// Since the start of the process, for counters that only rise.
  struct Totals {
    std::uint64_t created = 0, completed = 0, failed = 0, expired = 0, conflicts = 0;
    std::map<std::pair<std::string, std::string>, std::uint64_t> results;  ///< by target and status
    std::array<std::uint64_t, kLatencyBoundsMs.size() + 1> latency{};
    double latency_ms_sum = 0;
  };
  [[nodiscard]] Totals totals() const;

 private:
  struct Bucket {
    std::int64_t created = 0, completed = 0, failed = 0;
    double latency_ms = 0;
  };
  struct Series {
    std::map<std::int64_t, Bucket> minutes;
    std::map<std::string, Timestamp> synced;  ///< when a target last took something
    Timestamp last_active{};
  };

  void count_created(const Event& event, Timestamp at);
  void count_completed(const Event& event, const EventState& state);
  template <typename Count>
  void count(const TenantId& tenant, Timestamp at, Count count);
  Series& series_of(const TenantId& tenant, Timestamp at);
  static void collect(const Series& series, std::int64_t from_minute, Timestamp from, Summary& summary,
                      double& latency);

  mutable std::mutex mutex_;
  Series all_;
  std::unordered_map<TenantId, Series> tenants_;
  Totals totals_;
};

}  // namespace datasync::api
