#include "api/stats.h"

#include <algorithm>

namespace datasync::api {
namespace {

using pipeline::Notice;

std::int64_t minute_of(Timestamp time) {
  return std::chrono::floor<std::chrono::minutes>(time).time_since_epoch().count();
}

double latency_ms_of(const Event& event, const EventState& state) {
  if (!state.processed_at) return 0;
  return static_cast<double>((*state.processed_at - event.created_at).count()) / 1000.0;
}

}  // namespace

void Stats::add(const std::vector<Notice>& notices, Timestamp now) {
  const std::lock_guard lock(mutex_);
  for (const Notice& notice : notices) {
    switch (notice.kind) {
      case Notice::Kind::kEventCreated:
        ++totals_.created;
        count_created(*notice.event, now);
        break;
      case Notice::Kind::kSyncCompleted: {
        count_completed(*notice.event, notice.state);
        ++(notice.state.status == EventStatus::kCompleted ? totals_.completed
           : notice.state.status == EventStatus::kExpired ? totals_.expired
                                                          : totals_.failed);
        const double ms = latency_ms_of(*notice.event, notice.state);
        const auto bound = std::lower_bound(kLatencyBoundsMs.begin(), kLatencyBoundsMs.end(), ms);
        ++totals_.latency[static_cast<std::size_t>(bound - kLatencyBoundsMs.begin())];
        totals_.latency_ms_sum += ms;
        for (const DeliveryResult& result : notice.state.results) {
          ++totals_.results[{result.target.str(), std::string(to_string(result.status))}];
        }
        break;
      }
      case Notice::Kind::kConflict:
        if (notice.conflict->revision == 1) ++totals_.conflicts;  // else a review that has another proposal now
        break;
      case Notice::Kind::kConflictResolved:
        break;
    }
  }
}

void Stats::add_stored(const storage::StoredEvent& stored, Timestamp start) {
  const std::lock_guard lock(mutex_);
  if (stored.event->created_at >= start) return;
  count_created(*stored.event, stored.event->created_at);
  if (is_final(stored.state.status) && stored.state.processed_at && *stored.state.processed_at < start) {
    count_completed(*stored.event, stored.state);
  }
}

void Stats::count_created(const Event& event, Timestamp at) {
  count(event.tenant, at, [](Series&, Bucket& bucket) { ++bucket.created; });
}

void Stats::count_completed(const Event& event, const EventState& state) {
  const Timestamp at = state.processed_at.value_or(event.created_at);
  count(event.tenant, at, [&](Series& series, Bucket& bucket) {
    if (state.status == EventStatus::kCompleted) {
      ++bucket.completed;
      bucket.latency_ms += latency_ms_of(event, state);
    } else {
      ++bucket.failed;
    }
    for (const DeliveryResult& result : state.results) {
      if (result.status != ResultStatus::kCompleted) continue;
      Timestamp& last = series.synced[result.target.str()];
      last = std::max(last, result.processed_at.value_or(at));
    }
  });
}

template <typename Count>
void Stats::count(const TenantId& tenant, Timestamp at, Count count) {
  const std::int64_t minute = minute_of(at);
  const auto into = [&](Series& series, int hours_kept) {
    Bucket& bucket = series.minutes[minute];
    count(series, bucket);
    const std::int64_t newest = series.minutes.rbegin()->first;
    while (series.minutes.begin()->first < newest - hours_kept * 60) series.minutes.erase(series.minutes.begin());
  };
  into(all_, kHoursMax);
  into(series_of(tenant, at), kTenantHoursMax);
}

Stats::Series& Stats::series_of(const TenantId& tenant, Timestamp at) {
  const auto known = tenants_.find(tenant);
  if (known == tenants_.end() && tenants_.size() >= kTenantsMax) {
    tenants_.erase(std::min_element(tenants_.begin(), tenants_.end(), [](const auto& a, const auto& b) {
      return a.second.last_active < b.second.last_active;
    }));
  }
  Series& series = known == tenants_.end() ? tenants_[tenant] : known->second;
  series.last_active = std::max(series.last_active, at);
  return series;
}

void Stats::collect(const Series& series, std::int64_t from_minute, Timestamp from, Summary& summary,
                    double& latency_ms) {
  for (auto at = series.minutes.lower_bound(from_minute); at != series.minutes.end(); ++at) {
    summary.created += at->second.created;
    summary.completed += at->second.completed;
    summary.failed += at->second.failed;
    latency_ms += at->second.latency_ms;
  }
  for (const auto& [platform, last] : series.synced) {
    if (last < from) continue;
    summary.platforms.insert(platform);
    summary.last_sync = std::max(summary.last_sync.value_or(last), last);
  }
}

Stats::Summary Stats::summarise(const storage::Reader::Tenants& tenants, std::chrono::hours window,
                                Timestamp now) const {
  Summary summary;
  double latency_ms = 0;
  const Timestamp from = now - window;
  const std::lock_guard lock(mutex_);
  if (tenants.empty()) collect(all_, minute_of(from), from, summary, latency_ms);
  for (const TenantId& tenant : tenants) {
    const auto known = tenants_.find(tenant);
    if (known != tenants_.end()) collect(known->second, minute_of(from), from, summary, latency_ms);
  }
  if (summary.completed > 0) summary.latency_ms_mean = latency_ms / static_cast<double>(summary.completed);
  return summary;
}

Stats::Totals Stats::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

}  // namespace datasync::api
