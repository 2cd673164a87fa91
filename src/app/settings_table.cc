#include "app/settings_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace datasync::app {
namespace {

using Kind = Setting::Kind;

constexpr double kMany = 1e9;

// The order is that of the documentation. A group's settings stand together.
const std::array kTable = {
    // Service
    Setting{.group = "Service",
            .name = "ENVIRONMENT",
            .member = &Settings::environment,
            .standard = "development",
            .reason =
                "`development`: this machine only, no tokens. Any other word is production: all addresses, tokens "
                "needed",
            .in_help = true},
    Setting{.group = "Service",
            .name = "PORT",
            .member = &Settings::port,
            .standard = "8025",
            .max = 65535,
            .reason = "Port of the HTTP API; 0 takes a free one",
            .in_help = true},
    Setting{.group = "Service",
            .name = "LISTEN_ADDRESS",
            .member = &Settings::listen_addresses,
            .kind = Kind::kAddresses,
            .standard_note = "127.0.0.1 in development, else `::` (all addresses, IPv4 too)",
            .reason = "IP addresses to listen on, separated by commas",
            .in_help = true},
    Setting{.group = "Service",
            .name = "CONFIG",
            .member = &Settings::config_file,
            .reason = "YAML file with settings, further platforms and rules; `--config` goes before it",
            .in_help = true},
    Setting{.group = "Service",
            .name = "LOG_LEVEL",
            .member = &Settings::log_level,
            .kind = Kind::kWord,
            .standard = "info",
            .words = {"debug", "info", "warning", "warn", "error", "critical"},
            .reason = "The lowest level that is written to standard error",
            .reloadable = true,
            .in_help = true},
    Setting{.group = "Service",
            .name = "IO_THREADS",
            .member = &Settings::io_threads,
            .standard_note = "cores − 1, at least 1",
            .min = 1,
            .max = 256,
            .reason = "Threads that read and write sockets; the engine has one more of its own"},
    Setting{.group = "Service",
            .name = "SERVER_CONNECTIONS",
            .member = &Settings::server_connections_max,
            .standard = "20000",
            .min = 1,
            .max = 1e6,
            .reason = "Clients connected at once, WebSockets included; one more is answered 503"},
    Setting{.group = "Service",
            .name = "BODY_BYTES",
            .member = &Settings::body_bytes_max,
            .standard = "1048576",
            .min = 1024,
            .max = kMany,
            .unit = "bytes",
            .reason = "The largest body of a request; more is 413"},
    Setting{.group = "Service",
            .name = "BULK_BODY_BYTES",
            .member = &Settings::bulk_body_bytes_max,
            .standard = "16777216",
            .min = 1024,
            .max = kMany,
            .unit = "bytes",
            .reason = "The same for `POST /sync/events/batch`"},
    Setting{.group = "Service",
            .name = "BULK_EVENTS",
            .member = &Settings::bulk_events_max,
            .standard = "10000",
            .min = 1,
            .max = 1e6,
            .reason = "Events in one batch"},
    Setting{.group = "Service",
            .name = "CLIENT_MEMORY_BYTES",
            .member = &Settings::client_memory_bytes_max,
            .standard = "268435456",
            .min = 1024,
            .max = 1e12,
            .unit = "bytes",
            .reason =
                "Bodies of requests and answers that wait to be taken, of all clients together; a body that does not "
                "fit is answered 503. Room for two bulk bodies there is always"},
    Setting{.group = "Service",
            .name = "STOP_SECONDS",
            .member = &Settings::stop_deadline,
            .standard = "10",
            .max = 3600,
            .unit = "s",
            .reason =
                "How long a stopping service waits for what is under way; what is left is repeated at the next start"},

    // Identity
    Setting{.group = "Identity",
            .name = "JWT_SECRET",
            .member = &Settings::jwt_secret,
            .kind = Kind::kSecret,
            .reason = "Key that tokens are verified with (HS256), at least 32 bytes; needed in production",
            .in_help = true},
    Setting{.group = "Identity",
            .name = "JWT_ISSUER",
            .member = &Settings::jwt_issuer,
            .reason = "If set, tokens must carry it as `iss`"},
    Setting{.group = "Identity",
            .name = "JWT_AUDIENCE",
            .member = &Settings::jwt_audience,
            .reason = "If set, tokens must carry it in `aud`"},
    Setting{.group = "Identity",
            .name = "AUTH_SERVICE_URL",
            .member = &Settings::auth_service_url,
            .kind = Kind::kUrl,
            .standard = "http://localhost:8007",
            .reason = "The service that issues the tokens",
            .idle = true},

    // Storage and queue
    Setting{.group = "Storage and queue",
            .name = "DATABASE_URL",
            .member = &Settings::database_url,
            .kind = Kind::kConnection,
            .standard = "sqlite:///data/data-sync.db",
            .reason =
                "Where events and records are kept: `sqlite:///file` under the working directory, `sqlite:////file` "
                "from the root, or `postgresql://user:password@host:5432/database` (14 or newer; "
                "`?prepared_statements=off` behind pgbouncer in transaction mode)",
            .in_help = true},
    Setting{.group = "Storage and queue",
            .name = "CONNECTION_POOL_SIZE",
            .member = &Settings::connection_pool_size,
            .standard = "20",
            .min = 1,
            .max = 1000,
            .reason = "Connections to PostgreSQL; SQLite has one writer and does not use it",
            .idle = true},
    Setting{
        .group = "Storage and queue",
        .name = "INSTANCE_ADDRESS",
        .member = &Settings::instance_address,
        .standard_note = "the listen address, or the host's name where that is all addresses, and the port",
        .reason =
            "`host:port` at which other instances on the same PostgreSQL database reach this one, without TLS; each "
            "has its own"},
    Setting{.group = "Storage and queue",
            .name = "LEASE_SECONDS",
            .member = &Settings::lease_time,
            .standard = "5",
            .min = 2,
            .max = 60,
            .unit = "s",
            .reason =
                "How long an instance on PostgreSQL counts as alive without being heard of; then others take over its "
                "work, and it can't write any more"},
    Setting{
        .group = "Storage and queue",
        .name = "REDIS_URL",
        .member = &Settings::redis_url,
        .kind = Kind::kConnection,
        .standard_note = "not set: nobody watches there",
        .reason =
            "Redis, `redis://[[user]:password@]host[:port][/database]`, where others watch: the length of the lists "
            "`events:critical`, `events:high`, `events:normal` and `events:low` is the queue's depth, and what "
            "WebSocket clients are told goes to the channels `events:<type>`. Nothing depends on it"},
    Setting{.group = "Storage and queue",
            .name = "KAFKA_BROKERS",
            .member = &Settings::kafka_brokers,
            .standard_note = "not set: events are accepted into the database",
            .reason =
                "Kafka, `host:port` separated by commas, into which events are accepted: what it has acknowledged is "
                "kept while the database is away, and goes there when it is back"},
    Setting{
        .group = "Storage and queue",
        .name = "KAFKA_TOPIC",
        .member = &Settings::kafka_topic,
        .standard = "data-sync.events",
        .reason =
            "Where they are accepted, for one database alone. Created where it is missing; one that is there must have "
            "256 partitions, and must keep events for longer than the database may be away"},
    Setting{.group = "Storage and queue",
            .name = "KAFKA_DEAD_LETTER_TOPIC",
            .member = &Settings::kafka_dead_letter_topic,
            .standard = "data-sync.dead-letters",
            .reason = "Where what can't be taken from it goes, with the reason in the header `error`"},
    Setting{
        .group = "Storage and queue",
        .name = "KAFKA_OUTCOME_TOPIC",
        .member = &Settings::kafka_outcome_topic,
        .standard_note = "not set: outcomes are published nowhere",
        .reason =
            "Where what has become of events is published as CloudEvents, and which conflicts there were; created "
            "where it is missing. What Kafka can't keep at once is dropped and counted: the database has all of it"},
    Setting{.group = "Storage and queue",
            .name = "KAFKA_INPUT_TOPICS",
            .member = &Settings::kafka_input_topics,
            .standard_note = "not set: events come by HTTP alone",
            .reason =
                "Topics of others, separated by commas, whose messages are taken as events: JSON as of `POST "
                "/sync/events`, or CloudEvents. Whoever may write there may write for every tenant. They must keep "
                "messages for longer than the service may be down"},
    Setting{.group = "Storage and queue",
            .name = "KAFKA_GROUP",
            .member = &Settings::kafka_group,
            .standard = "data-sync",
            .reason = "The consumer group that reads them; all instances of one service have the same"},
    Setting{.group = "Storage and queue",
            .name = "EVENT_RETENTION_DAYS",
            .member = &Settings::event_retention,
            .standard = "30",
            .min = 1,
            .max = 3650,
            .unit = "d",
            .reason = "How long a finished event is kept"},

    // Platforms
    Setting{.group = "Platforms",
            .name = "BIZOSAAS_BRAIN_URL",
            .member = &Settings::bizosaas_brain_url,
            .kind = Kind::kUrl,
            .standard = "http://localhost:8001",
            .reason = "Where bizosaas is (REST)",
            .reloadable = true,
            .in_help = true},
    Setting{.group = "Platforms",
            .name = "BIZOHOLIC_FRONTEND_URL",
            .member = &Settings::bizoholic_frontend_url,
            .kind = Kind::kUrl,
            .standard = "http://localhost:3008",
            .reason = "Where bizoholic is (REST)",
            .reloadable = true,
            .in_help = true},
    Setting{.group = "Platforms",
            .name = "SALEOR_API_URL",
            .member = &Settings::saleor_api_url,
            .kind = Kind::kUrl,
            .standard_note = "CORELDOVE_FRONTEND_URL if set, else http://localhost:8024",
            .reason = "Where coreldove's GraphQL is; `/graphql/` is added to an address without a path",
            .reloadable = true,
            .in_help = true},
    Setting{.group = "Platforms",
            .name = "CORELDOVE_FRONTEND_URL",
            .member = &Settings::coreldove_frontend_url,
            .kind = Kind::kUrl,
            .standard_note = "not set (its usual port is 3012)",
            .reason = "Where coreldove's GraphQL is, if SALEOR_API_URL is not set",
            .reloadable = true},
    Setting{.group = "Platforms",
            .name = "DJANGO_CRM_URL",
            .member = &Settings::django_crm_url,
            .kind = Kind::kUrl,
            .standard = "http://localhost:8008",
            .reason = "Where the optional platform of the CRM is",
            .reloadable = true},
    Setting{.group = "Platforms",
            .name = "WAGTAIL_CMS_URL",
            .member = &Settings::wagtail_cms_url,
            .kind = Kind::kUrl,
            .standard = "http://localhost:8006",
            .reason = "Where the optional platform of the CMS is",
            .reloadable = true},
    Setting{.group = "Platforms",
            .name = "NOTIFIER_URL",
            .member = &Settings::notifier_url,
            .kind = Kind::kUrl,
            .standard_note = "not set: a person decides a change that waits for verification",
            .reason =
                "Where the notifier is: what writes to people. It gets the tokens by which a changed email is verified",
            .reloadable = true},
    Setting{.group = "Platforms",
            .name = "NOTIFIER_API_KEY",
            .member = &Settings::notifier_api_key,
            .kind = Kind::kSecret,
            .reason = "How the notifier knows us",
            .reloadable = true},
    Setting{
        .group = "Platforms",
        .name = "VERIFICATION_URL",
        .member = &Settings::verification_url,
        .kind = Kind::kUrl,
        .standard_note = "not set: the notifier makes the link",
        .reason =
            "Where a person answers; the token follows directly, and the notifier gets the whole as `link`. Either a "
            "page of yours, or `…/sync/verifications/` of this service as people reach it"},
    Setting{.group = "Platforms",
            .name = "BIZOSAAS_API_KEY",
            .member = &Settings::bizosaas_api_key,
            .kind = Kind::kSecret,
            .reason = "How bizosaas knows us",
            .reloadable = true},
    Setting{.group = "Platforms",
            .name = "BIZOHOLIC_API_KEY",
            .member = &Settings::bizoholic_api_key,
            .kind = Kind::kSecret,
            .reason = "How bizoholic knows us",
            .reloadable = true},
    Setting{.group = "Platforms",
            .name = "CORELDOVE_API_KEY",
            .member = &Settings::coreldove_api_key,
            .kind = Kind::kSecret,
            .reason = "How coreldove knows us",
            .reloadable = true},

    // Synchronization
    Setting{.group = "Synchronization",
            .name = "SYNC_BATCH_SIZE",
            .member = &Settings::sync_batch_size,
            .standard = "100",
            .min = 1,
            .max = 1000,
            .reason = "Changes in one request to a platform that takes several at once",
            .idle = true},
    Setting{.group = "Synchronization",
            .name = "SYNC_INTERVAL_SECONDS",
            .member = &Settings::sync_interval,
            .standard = "5",
            .min = 1,
            .max = 86400,
            .unit = "s",
            .reason = "How often a platform that must be asked is asked for changes",
            .idle = true},
    Setting{.group = "Synchronization",
            .name = "MAX_CONCURRENT_SYNCS",
            .member = &Settings::max_concurrent_syncs,
            .standard = "10",
            .min = 1,
            .max = 1000,
            .reason = "Polls, backfills and bulk files at work at once",
            .idle = true},

    // Delivery
    Setting{.group = "Delivery",
            .name = "MAX_HTTP_CONNECTIONS",
            .member = &Settings::max_http_connections,
            .standard = "100",
            .min = 1,
            .max = 10'000,
            .reason = "Connections to one origin (scheme, host, port), all tenants together"},
    Setting{.group = "Delivery",
            .name = "REQUEST_TIMEOUT",
            .member = &Settings::request_timeout,
            .standard = "30",
            .min = 0.1,
            .max = 600,
            .unit = "s",
            .reason = "For a whole attempt of a delivery, waiting for a connection included"},
    Setting{.group = "Delivery",
            .name = "RETRY_ATTEMPTS",
            .member = &Settings::retry_attempts,
            .standard = "3",
            .max = 20,
            .reason = "Quick retries; then 30 s, 5 min, 30 min, 2 h, 5 h, 10 h, then the dead letters"},
    Setting{.group = "Delivery",
            .name = "BACKOFF_FACTOR",
            .member = &Settings::backoff_factor,
            .standard = "2",
            .min = 1,
            .max = 10,
            .reason = "How much longer each quick retry waits than the one before; the first waits 1 s"},
    Setting{.group = "Delivery",
            .name = "BATCH_WAIT_MS",
            .member = &Settings::batch_wait,
            .standard = "50",
            .max = 10'000,
            .unit = "ms",
            .reason = "How long a started batch waits for company while another request of its lane is under way"},
    Setting{.group = "Delivery",
            .name = "LANE_CONCURRENCY",
            .member = &Settings::lane_concurrency_max,
            .standard = "100",
            .min = 1,
            .max = 10'000,
            .reason = "Requests of one tenant to one platform under way at once"},

    // Engine
    Setting{.group = "Engine",
            .name = "COMMIT_WINDOW_US",
            .member = &Settings::commit_window,
            .standard = "1500",
            .max = 100'000,
            .unit = "us",
            .reason = "How long a commit waits for company while there is load: longer is cheaper, shorter is quicker"},
    Setting{.group = "Engine",
            .name = "WINDOW_EVENTS",
            .member = &Settings::window_events_max,
            .standard = "2000",
            .min = 1,
            .max = 100'000,
            .reason = "Events accepted or reconciled in one transaction"},
    Setting{.group = "Engine",
            .name = "INBOX_EVENTS",
            .member = &Settings::inbox_events_max,
            .standard = "50000",
            .min = 1,
            .max = 1e7,
            .reason = "Requests that wait for a commit; one more is answered 503"},
    Setting{.group = "Engine",
            .name = "UNFINISHED_EVENTS",
            .member = &Settings::unfinished_events_max,
            .standard = "100000",
            .min = 1,
            .max = 1e8,
            .reason = "Events in memory that are not final, above EVENTS_IN_MEMORY; one more is answered 503"},
    Setting{.group = "Engine",
            .name = "EVENTS_IN_MEMORY",
            .member = &Settings::events_in_memory_max,
            .standard = "20000",
            .min = 100,
            .max = 1e8,
            .reason = "Events in memory, 3 to 6 KB each, beyond which what waits for platforms waits in the store"},
    Setting{.group = "Engine",
            .name = "RECORD_CACHE",
            .member = &Settings::records_cached,
            .standard = "20000",
            .min = 100,
            .max = 1e8,
            .reason = "Golden records kept in memory, 4 to 5 KB each"},

    // Monitoring
    Setting{.group = "Monitoring",
            .name = "ENABLE_MONITORING",
            .member = &Settings::monitoring_enabled,
            .standard = "true",
            .reason = "Alerts are judged, and the history of metrics is kept",
            .idle = true},
    Setting{.group = "Monitoring",
            .name = "ALERT_EMAIL",
            .member = &Settings::alert_email,
            .reason = "Who gets alerts by mail",
            .idle = true},
    Setting{.group = "Monitoring",
            .name = "SLACK_WEBHOOK_URL",
            .member = &Settings::slack_webhook_url,
            .kind = Kind::kSecret,
            .reason = "Where alerts go in Slack; whoever knows the address may write there, so it is a secret",
            .idle = true},
};

}  // namespace

std::span<const Setting> settings_table() {
  return kTable;
}

const Setting* find_setting(std::string_view name) {
  const auto found = std::find_if(kTable.begin(), kTable.end(), [&](const Setting& s) { return s.name == name; });
  return found == kTable.end() ? nullptr : &*found;
}

std::string range_text(const Setting& setting) {
  if (std::holds_alternative<bool Settings::*>(setting.member)) return "true or false";
  if (setting.kind == Kind::kUrl) return "an http:// or https:// address";
  if (setting.kind == Kind::kAddresses) return "IP addresses";
  if (!setting.words.empty()) {
    std::string text;
    for (std::size_t i = 0; i < setting.words.size(); ++i) {
      if (i > 0) text += i + 1 == setting.words.size() ? " or " : ", ";
      text += setting.words[i];
    }
    return text;
  }
  if (setting.max == 0) return {};
  const auto plain = [](double number) {
    return number == static_cast<double>(static_cast<std::int64_t>(number))
               ? fmt::to_string(static_cast<std::int64_t>(number))
               : fmt::to_string(number);
  };
  return fmt::format("{} to {}{}{}", plain(setting.min), plain(setting.max), setting.unit.empty() ? "" : " ",
                     setting.unit);
}

}  // namespace datasync::app
