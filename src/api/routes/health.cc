#include <algorithm>

#include "api/instance_view.h"
#include "api/json_writer.h"
#include "api/routes/routes.h"

namespace datasync::api::routes {
namespace {

/// A platform is unwell when its breaker is open, or too many of its last attempts failed.
std::string_view word_for(const pipeline::EngineSnapshot::PlatformState& platform) {
  constexpr double kHealthy = 0.95;
  return platform.circuit == "open" || platform.health < kHealthy ? "unhealthy" : "healthy";
}

std::string_view word_for(storage::Replication replication) {
  switch (replication) {
    case storage::Replication::kNone:
      return {};
    case storage::Replication::kAsynchronous:
      return "asynchronous";
    case storage::Replication::kSynchronous:
      return "synchronous";
  }
  return {};
}

/// Where they are accepted into a log, the store may be away meanwhile.
bool takes_events(const Services& services, const pipeline::EngineSnapshot& snapshot) {
  return services.event_log ? services.event_log().connected : snapshot.store_healthy;
}

}  // namespace

/// 503 only when events can't be accepted. A platform that is down is told inside a 200: this service is well then, it
/// keeps what it can't deliver.
void health(Services& services, Call call) {
  const pipeline::EngineSnapshot snapshot = services.backend.snapshot();
  const bool well = takes_events(services, snapshot);
  JsonWriter out;
  out.begin_object().field("status", well ? "healthy" : "unhealthy");
  out.field("timestamp", services.clock.now()).field("environment", services.options.environment);
  out.field("version", services.options.version).key("services").begin_object();
  out.field("database", snapshot.store_healthy ? "healthy" : "unhealthy").field("queue", "healthy");
  for (const auto& platform : snapshot.platforms) out.field(platform.platform.str(), word_for(platform));
  if (const auto rates = services.rate_source ? services.rate_source() : std::nullopt) {
    out.field("rates", rates->degraded ? "unhealthy" : "healthy");
  }
  if (const auto redis = services.redis ? services.redis() : std::nullopt) out.field("redis", redis->word);
  if (services.event_log) {
    out.field("kafka", services.event_log().connected ? "healthy" : "disconnected");
  }
  out.end_object();
  if (services.shares != nullptr) {
    const std::string_view replication = word_for(services.shares->replication());
    if (!replication.empty()) out.field("replication", replication);
    write_instances(out, services.shares->instances());
  }
  if (!snapshot.store_healthy) {
    out.field("detail", "the store does not take events; see the log");
  } else if (!well) {
    out.field("detail", "Kafka does not take events; see the log");
  }
  out.end_object();
  std::move(call.reply).send(net::json_response(well ? 200 : 503, out.take()));
}

/// The process answers.
void livez(Services&, Call call) {
  std::move(call.reply).send(net::json_response(200, R"({"status":"alive"})"));
}

/// Events can be accepted.
void readyz(Services& services, Call call) {
  if (services.shares != nullptr) {
    const auto instances = services.shares->instances();
    if (std::any_of(instances.begin(), instances.end(),
                    [](const auto& one) { return one.is_self && one.is_leaving; })) {
      return std::move(call.reply).send(net::problem_response(503, "this instance is stopping"));
    }
  }
  const bool ready = takes_events(services, services.backend.snapshot());
  std::move(call.reply)
      .send(ready ? net::json_response(200, R"({"status":"ready"})")
                  : net::problem_response(
                        503, !services.event_log ? "the store does not take events" : "Kafka does not take events"));
}

}  // namespace datasync::api::routes
