#include <algorithm>
#include <numeric>

#include "api/instance_view.h"
#include "api/json_writer.h"
#include "api/routes/routes.h"
#include "api/scope.h"
#include "api/stats.h"

namespace datasync::api::routes {
namespace {

using pipeline::EngineSnapshot;

std::size_t waiting_of(const EngineSnapshot& snapshot) {
  return std::accumulate(snapshot.waiting.begin(), snapshot.waiting.end(), std::size_t{0});
}

/// Events of these tenants that have not ended. The engine knows the whole; a part is counted in the store, where what
/// has not ended is found by its status.
Result<std::int64_t> count_pending(const Services& services, const storage::Reader::Tenants& tenants,
                                   storage::Reader& reader) {
  if (tenants.empty()) return static_cast<std::int64_t>(services.backend.snapshot().unfinished);
  std::int64_t pending = 0;
  for (const EventStatus status : {EventStatus::kPending, EventStatus::kProcessing, EventStatus::kRetry}) {
    storage::Reader::EventFilter filter;
    filter.tenants = tenants;
    filter.status = status;
    const auto count = reader.count_events(filter);
    if (!count) return fail(count.error());
    pending += *count;
  }
  return pending;
}

void write_suspensions(JsonWriter& out, const std::vector<EngineSnapshot::Suspension>& suspended) {
  out.key("suspended").begin_array();
  for (const auto& one : suspended) {
    out.begin_object().field("reason", to_string(one.reason));
    if (!one.entity.empty()) out.field("entity", one.entity).field("verb", to_string(one.verb));
    out.field("tenants", one.tenants);
    if (one.since) out.field("since", *one.since);
    if (one.until) out.field("until", *one.until);
    out.end_object();
  }
  out.end_array();
}

void write_rates(JsonWriter& out, const RateSourceStatus& rates, Timestamp now) {
  out.key("rates").begin_object().field("source", rates.source);
  out.field("degraded", rates.degraded).field("currencies", rates.currencies);
  if (rates.as_of) {
    out.field("as_of", *rates.as_of);
    out.field("age_seconds", std::chrono::duration_cast<seconds>(now - *rates.as_of).count());
  }
  if (rates.heard_at) out.field("heard_at", *rates.heard_at);
  if (!rates.last_error.empty()) out.field("last_error", rates.last_error);
  out.key("too_old").begin_array();
  for (const std::string& currency : rates.too_old) out.text(currency);
  out.end_array().key("refused").begin_object();
  for (const auto& [currency, why] : rates.refused) out.field(currency, why);
  out.end_object().end_object();
}

}  // namespace

/// GET /sync/status: how the service stands as a whole; it tells nothing of a tenant. Where several instances share a
/// database, of this one.
void status(Services& services, Call call) {
  const EngineSnapshot snapshot = services.backend.snapshot();
  JsonWriter out;
  out.begin_object().field("queue_size", waiting_of(snapshot)).field("processing", snapshot.in_flight);
  out.field("pending", snapshot.pending).field("retry", snapshot.retry).field("unfinished", snapshot.unfinished);
  out.field("set_aside", snapshot.set_aside);
  out.key("queues").begin_object();
  for (std::size_t i = 0; i < kPriorityCount; ++i) {
    out.field(to_string(static_cast<Priority>(i)), snapshot.waiting[i]);
  }
  out.end_object().key("platforms").begin_object();
  for (const auto& platform : snapshot.platforms) {
    out.key(platform.platform.str()).begin_object().field("health", platform.health);
    out.field("circuit", platform.circuit).field("queued", platform.queued);
    out.field("in_flight", platform.in_flight).field("parked", platform.parked);
    out.field("paused_until", platform.paused_until);
    write_suspensions(out, platform.suspended);
    out.end_object();
  }
  out.end_object();
  if (const auto rates = services.rate_source ? services.rate_source() : std::nullopt) {
    write_rates(out, *rates, services.clock.now());
  }
  if (services.event_log) {
    const EventLogStatus log = services.event_log();
    out.key("kafka").begin_object().field("connected", log.connected).field("lag", log.lag);
    out.field("dead_letters", log.dead_letters).end_object();
  }
  if (services.shares != nullptr) write_instances(out, services.shares->instances());
  out.field("sync_engine_active", snapshot.store_healthy);
  out.field("timestamp", services.clock.now()).end_object();
  std::move(call.reply).send(net::json_response(200, out.take()));
}

/// GET /sync/metrics
net::HttpResponse metrics(Services& services, const Call& call, storage::Reader& reader) {
  const auto tenants = tenants_of(call);
  if (!tenants) return to_response(tenants.error());
  const int kept = tenants->empty() ? Stats::kHoursMax : Stats::kTenantHoursMax;
  const auto hours = integer_parameter(call, "hours", 24, 1, Stats::kHoursMax);
  if (!hours) return to_response(hours.error());
  const auto window = std::chrono::hours{std::min<std::int64_t>(*hours, kept)};
  const auto pending = count_pending(services, *tenants, reader);
  if (!pending) return to_response(pending.error());
  const Stats::Summary summary = services.stats.summarise(*tenants, window, services.clock.now());
  const EngineSnapshot snapshot = services.backend.snapshot();
  const auto ended = static_cast<double>(summary.completed + summary.failed);
  const double error_rate = ended > 0 ? static_cast<double>(summary.failed) / ended : 0.0;

  JsonWriter out;
  out.begin_object().field("total_events", summary.created).field("events_processed", summary.completed);
  out.field("events_failed", summary.failed).field("events_pending", *pending);
  // The seed and the gateway's first client name the same number differently.
  out.field("average_processing_time_ms", summary.latency_ms_mean);
  out.field("avg_processing_time_ms", summary.latency_ms_mean).key("platforms_synced").begin_array();
  for (const std::string& platform : summary.platforms) out.text(platform);
  out.end_array().field("last_sync_time", summary.last_sync);
  out.field("sync_success_rate", 100.0 * (1.0 - error_rate)).field("error_rate", error_rate);
  out.field("queue_depth", waiting_of(snapshot)).key("platform_health_scores").begin_object();
  for (const auto& platform : snapshot.platforms) out.field(platform.platform.str(), platform.health);
  out.end_object().field("hours", static_cast<std::int64_t>(window.count()));
  out.field("timestamp", services.clock.now()).end_object();
  return net::json_response(200, out.take());
}

}  // namespace datasync::api::routes
