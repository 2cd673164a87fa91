#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "api/event_hub.h"
#include "api/router.h"
#include "api/routes/routes.h"
#include "api/services.h"
#include "api/stats.h"

namespace datasync::api::routes {
namespace {

/// Text exposition format 0.0.4. Names of platforms come from the configuration; nothing that a client sent is a label.
class Exposition {
 public:
  void begin(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    append("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  template <typename Number>
  void sample(std::string_view labels, Number value) {
    sample("", labels, value);
  }
  template <typename Number>
  void sample(std::string_view suffix, std::string_view labels, Number value) {
    append("{}{}", name_, suffix);
    if (!labels.empty()) append("{{{}}}", labels);
    append(" {}\n", value);
  }
  template <typename Number>
  void single(std::string_view name, std::string_view type, std::string_view help, Number value) {
    begin(name, type, help);
    sample("", value);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  template <typename... Arguments>
  void append(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Arguments>(arguments)...);
  }
  std::string text_;
  std::string_view name_;
};

void write_engine(Exposition& out, const pipeline::EngineSnapshot& snapshot) {
  out.begin("datasync_queue_depth", "gauge", "Accepted events that wait to be reconciled, by priority.");
  for (std::size_t i = 0; i < kPriorityCount; ++i) {
    out.sample(fmt::format("priority=\"{}\"", to_string(static_cast<Priority>(i))), snapshot.waiting[i]);
  }
  out.single("datasync_events_unfinished", "gauge", "Events that are not final.", snapshot.unfinished);
  out.single("datasync_events_set_aside", "gauge", "Of them: wait in the store, since memory has no room for them.",
             snapshot.set_aside);
  out.single("datasync_deliveries_pending", "gauge", "Deliveries queued or under way.", snapshot.pending);
  out.single("datasync_deliveries_retry", "gauge", "Deliveries parked until their next attempt.", snapshot.retry);
  out.single("datasync_requests_in_flight", "gauge", "Requests to platforms under way.", snapshot.in_flight);
  out.single("datasync_store_healthy", "gauge", "1 while events can be accepted.", snapshot.store_healthy ? 1 : 0);
  out.begin("datasync_platform_health", "gauge", "Share of good attempts in the last minutes, 0 to 1.");
  for (const auto& one : snapshot.platforms) out.sample(fmt::format("platform=\"{}\"", one.platform.str()), one.health);
  out.begin("datasync_platform_circuit_open", "gauge", "1 while the platform's circuit breaker is open.");
  for (const auto& one : snapshot.platforms) {
    out.sample(fmt::format("platform=\"{}\"", one.platform.str()), one.circuit == "open" ? 1 : 0);
  }
  out.begin("datasync_platform_suspended_tenants", "gauge",
            "Tenants whose deliveries to a platform wait or are refused at once, by reason.");
  for (const auto& one : snapshot.platforms) {
    std::array<std::size_t, 3> tenants{};
    for (const auto& some : one.suspended) {
      std::size_t& most = tenants[static_cast<std::size_t>(some.reason)];
      most = std::max(most, some.tenants);  // one tenant may be there several times, once for each kind of change
    }
    for (std::size_t i = 0; i < tenants.size(); ++i) {
      out.sample(fmt::format("platform=\"{}\",reason=\"{}\"", one.platform.str(),
                             to_string(static_cast<pipeline::EngineSnapshot::Suspension::Reason>(i))),
                 tenants[i]);
    }
  }
  out.begin("datasync_platform_deliveries", "gauge", "Deliveries of a platform, by where they are.");
  for (const auto& one : snapshot.platforms) {
    const auto sample = [&](std::string_view state, std::size_t count) {
      out.sample(fmt::format("platform=\"{}\",state=\"{}\"", one.platform.str(), state), count);
    };
    sample("queued", one.queued);
    sample("in_flight", one.in_flight);
    sample("parked", one.parked);
  }
}

/// Rates of exchange: whoever converts money at old ones wants to hear of it before a customer does.
void write_rates(Exposition& out, const transform::RateTable& table, const std::optional<RateSourceStatus>& source,
                 Timestamp now) {
  const auto age = [now](Timestamp as_of) {
    return std::max<std::int64_t>(0, std::chrono::duration_cast<seconds>(now - as_of).count());
  };
  const auto labels = [](std::string_view from, const Currency& currency) {
    return fmt::format("source=\"{}\",currency=\"{}\"", from, currency.code());
  };
  out.begin(
      "datasync_rate_age_seconds", "gauge",
      "Age of the rate that is in force, by currency and where it comes from: the source, or the configured table.");
  if (source) {
    for (const auto& [currency, quote] : table.quotes.rates) {
      out.sample(labels(source->source, currency), age(quote.as_of));
    }
  }
  if (table.as_of > Timestamp{}) {
    for (const auto& [currency, rate] : table.rates) {
      if (!table.quotes.knows(currency)) out.sample(labels("table", currency), age(table.as_of));
    }
  }
  if (!source) return;
  const std::string label = fmt::format("source=\"{}\"", source->source);
  out.begin("datasync_rates_last_success_timestamp_seconds", "gauge",
            "When the source of rates last gave a good answer; 0 if it has not since the start.");
  out.sample(label, source->heard_at ? std::chrono::duration_cast<seconds>(source->heard_at->time_since_epoch()).count()
                                     : std::int64_t{0});
  out.begin("datasync_rates_source_up", "gauge", "1 while the source's last answer was good.");
  out.sample(label, source->heard_at && source->last_error.empty() ? 1 : 0);
  out.begin("datasync_rates_degraded", "gauge", "1 while a rate is missing, too old or not believed.");
  out.sample(label, source->degraded ? 1 : 0);
}

void write_events(Exposition& out, const Stats::Totals& totals) {
  out.single("datasync_events_accepted_total", "counter", "Events accepted since the start.", totals.created);
  out.begin("datasync_events_ended_total", "counter", "Events that ended since the start, by how.");
  out.sample("status=\"completed\"", totals.completed);
  out.sample("status=\"failed\"", totals.failed);
  out.sample("status=\"expired\"", totals.expired);
  out.single("datasync_conflicts_total", "counter", "Conflicts detected since the start.", totals.conflicts);
  out.begin("datasync_results_total", "counter", "Results of ended events, by target and status.");
  for (const auto& [key, count] : totals.results) {
    out.sample(fmt::format("platform=\"{}\",status=\"{}\"", key.first, key.second), count);
  }
  out.begin("datasync_event_seconds", "histogram", "From the acceptance of an event to the end of its last target.");
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < totals.latency.size(); ++i) {
    below += totals.latency[i];
    const bool last = i == Stats::kLatencyBoundsMs.size();
    out.sample("_bucket", last ? "le=\"+Inf\"" : fmt::format("le=\"{}\"", Stats::kLatencyBoundsMs[i] / 1000), below);
  }
  out.sample("_sum", "", totals.latency_ms_sum / 1000);
  out.sample("_count", "", below);
}

void write_http(Exposition& out, const HttpStats& stats) {
  const auto name_of = [](std::size_t i) {
    return i < all_routes().size()
               ? fmt::format("method=\"{}\",route=\"{}\"", net::to_string(all_routes()[i].method), all_routes()[i].path)
               : std::string("method=\"\",route=\"\"");
  };
  out.begin("datasync_http_requests_total", "counter", "Answers, by route and class of status.");
  for (std::size_t i = 0; i < HttpStats::kRoutesMax; ++i) {
    for (std::size_t kind = 0; kind < 5; ++kind) {
      const std::uint64_t count = stats.row(i).by_class[kind].load(std::memory_order_relaxed);
      if (count > 0) out.sample(fmt::format("{},status=\"{}xx\"", name_of(i), kind + 1), count);
    }
  }
  out.begin("datasync_http_request_seconds", "histogram", "From a whole request to its answer, by route.");
  for (std::size_t i = 0; i < HttpStats::kRoutesMax; ++i) {
    const HttpStats::Row& row = stats.row(i);
    std::uint64_t below = 0;
    for (const auto& count : row.by_time) below += count.load(std::memory_order_relaxed);
    if (below == 0) continue;
    below = 0;
    for (std::size_t bucket = 0; bucket < row.by_time.size(); ++bucket) {
      below += row.by_time[bucket].load(std::memory_order_relaxed);
      const std::string le = bucket == HttpStats::kBounds.size()
                                 ? "+Inf"
                                 : fmt::format("{}", static_cast<double>(HttpStats::kBounds[bucket]) / 1e6);
      out.sample("_bucket", fmt::format("{},le=\"{}\"", name_of(i), le), below);
    }
    out.sample("_sum", name_of(i), static_cast<double>(row.microseconds.load(std::memory_order_relaxed)) / 1e6);
    out.sample("_count", name_of(i), below);
  }
}

void write_kafka(Exposition& out, const EventLogStatus& state) {
  out.single("datasync_kafka_up", "gauge", "1 while Kafka answers.", state.connected ? 1 : 0);
  out.single("datasync_kafka_lag_events", "gauge", "Accepted events of this instance's tenants that wait in Kafka.",
             state.lag);
  out.single("datasync_kafka_appended_total", "counter", "Events that Kafka has acknowledged.", state.appended);
  out.single("datasync_kafka_dead_letters_total", "counter", "Entries that could not be taken from Kafka.",
             state.dead_letters);
}

void write_topics(Exposition& out, const TopicsStatus& topics) {
  if (topics.outcomes) {
    out.single("datasync_kafka_outcomes_published_total", "counter", "Outcomes that Kafka has acknowledged.",
               topics.outcomes->published);
    out.single("datasync_kafka_outcomes_dropped_total", "counter", "Outcomes that Kafka did not keep.",
               topics.outcomes->dropped);
  }
  if (!topics.input) return;
  out.single("datasync_kafka_input_lag_events", "gauge",
             "Messages of this instance's partitions of the input topics that are not taken yet.", topics.input->lag);
  out.single("datasync_kafka_input_taken_total", "counter", "Events taken from the input topics.", topics.input->taken);
  out.single("datasync_kafka_input_dead_letters_total", "counter", "Messages of the input topics that were no event.",
             topics.input->dead_letters);
}

}  // namespace

/// GET /metrics
void prometheus(Services& services, Call call) {
  Exposition out;
  out.begin("datasync_build_info", "gauge", "1, with the version as its label.");
  out.sample(fmt::format("version=\"{}\"", services.options.version), 1);
  write_engine(out, services.backend.snapshot());
  write_events(out, services.stats.totals());
  const auto source = services.rate_source ? services.rate_source() : std::nullopt;
  write_rates(out, services.catalog()->mapper.rates(), source, services.clock.now());
  out.single("datasync_live_clients", "gauge", "WebSocket clients of /ws/sync.", services.hub.clients());
  out.single("datasync_live_notices_dropped_total", "counter",
             "Notices that came too fast; clients read them from the store.", services.hub.dropped());
  out.single("datasync_query_queue_depth", "gauge", "Reads that wait for a query thread.", services.queries->waiting());
  if (services.bytes_on_disk) {
    out.single("datasync_store_bytes", "gauge", "Bytes of the store on disk.", services.bytes_on_disk());
  }
  if (const auto redis = services.redis ? services.redis() : std::nullopt) {
    out.single("datasync_redis_up", "gauge", "1 while Redis takes what it is told.", redis->word == "healthy" ? 1 : 0);
    out.single("datasync_redis_messages_dropped_total", "counter", "Messages that no channel got.", redis->dropped);
  }
  if (services.event_log) write_kafka(out, services.event_log());
  if (services.topics) write_topics(out, services.topics());
  write_http(out, services.http_stats);
  std::move(call.reply).send({200, "text/plain; version=0.0.4; charset=utf-8", out.take(), {}});
}

}  // namespace datasync::api::routes
