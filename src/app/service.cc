#include "app/service.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>

#include "api/api.h"
#include "api/channel_notices.h"
#include "api/event_hub.h"
#include "api/notice_fan.h"
#include "api/outcome_topic.h"
#include "api/peer.h"
#include "api/shared_backend.h"
#include "api/stats.h"
#include "api/topic_source.h"
#include "app/catalog_factory.h"
#include "app/proposal.h"
#include "app/rate_poller.h"
#include "base/log.h"
#include "base/random.h"
#include "bus/redis/mirror.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/io_threads.h"
#include "pipeline/engine.h"
#include "pipeline/event_log.h"
#include "security/gatekeeper.h"
#include "storage/engines.h"

namespace datasync::app {
namespace {

/// The engine as the API asks for it.
class EngineBackend final : public api::Backend {
 public:
  /// `log` is where events are accepted; null: into the store.
  EngineBackend(pipeline::Engine& engine, pipeline::EventLog* log) : engine_(engine), log_(log) {}
  void accept(std::vector<pipeline::Submission> submissions, pipeline::AcceptCallback callback) override {
    if (log_ != nullptr) return log_->accept(std::move(submissions), std::move(callback));
    engine_.accept(std::move(submissions), std::move(callback));
  }
  void redrive(storage::Reader::Tenants tenants, std::string event_id, pipeline::RedriveCallback callback) override {
    engine_.redrive(std::move(tenants), std::move(event_id), std::move(callback));
  }
  void redrive(storage::Reader::EventFilter filter, pipeline::RedriveCallback callback) override {
    engine_.redrive(std::move(filter), std::move(callback));
  }
  void decide(pipeline::ReviewDecision decision, pipeline::ReviewCallback callback) override {
    engine_.decide(std::move(decision), std::move(callback));
  }
  void undo(pipeline::UndoRequest request, pipeline::UndoCallback callback) override {
    engine_.undo(std::move(request), std::move(callback));
  }
  void merge(pipeline::MergeRequest request, pipeline::MergeCallback callback) override {
    engine_.merge(std::move(request), std::move(callback));
  }
  [[nodiscard]] Result<pipeline::Preview> preview(storage::Reader& reader, std::shared_ptr<Event> event,
                                                  std::shared_ptr<const pipeline::Catalog> catalog) override {
    return engine_.preview(reader, std::move(event), std::move(catalog));
  }
  [[nodiscard]] pipeline::EngineSnapshot snapshot() const override { return engine_.snapshot(); }

 private:
  pipeline::Engine& engine_;
  pipeline::EventLog* log_;
};

/// What is in force; a reload replaces it under everybody's hands.
template <typename T>
class InForce {
 public:
  explicit InForce(std::shared_ptr<const T> present) : present_(std::move(present)) {}
  [[nodiscard]] std::shared_ptr<const T> get() const {
    const std::lock_guard lock(mutex_);
    return present_;
  }
  void set(std::shared_ptr<const T> present) {
    const std::lock_guard lock(mutex_);
    present_ = std::move(present);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> present_;
};

/// The configured catalog with the rates that a source has told. A reload or other rates replace it.
class CatalogInForce {
 public:
  explicit CatalogInForce(std::shared_ptr<const pipeline::Catalog> catalog)
      : configured_(catalog), present_(std::move(catalog)) {}
  [[nodiscard]] std::shared_ptr<const pipeline::Catalog> get() const { return present_.get(); }
  /// Not in force before rates are set.
  void configure(std::shared_ptr<const pipeline::Catalog> catalog) { configured_.set(std::move(catalog)); }
  std::shared_ptr<const pipeline::Catalog> set_quotes(const transform::Quotes& quotes) {
    auto catalog = pipeline::with_quotes(configured_.get(), quotes);
    present_.set(catalog);
    return catalog;
  }

 private:
  InForce<pipeline::Catalog> configured_;
  InForce<pipeline::Catalog> present_;
};

constexpr seconds kSettleMax{5};
/// So long clients that keep connections may take to hear that they are to use others.
constexpr seconds kWindDown{1};

bool has_others(const storage::Shares& shares) {
  const auto instances = shares.instances();
  return std::any_of(instances.begin(), instances.end(),
                     [](const storage::Instance& one) { return !one.is_self && !one.is_expired && !one.is_leaving; });
}

/// Who we are, for whoever finds the database taken.
std::string instance_name() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) return "process " + std::to_string(::getpid());
  return std::string(host.data()) + ", process " + std::to_string(::getpid());
}

Result<std::unique_ptr<storage::Store>> open_store(const Settings& settings) {
  const std::filesystem::path folder = std::filesystem::path(settings.state_path()).parent_path();
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error && !settings.database_file.empty()) {
    return fail(ErrorCode::kUnavailable, "the folder of the database can't be made: " + folder.string() + ": " +
                                             error.message() + "; set DATABASE_URL=sqlite:///path/to/file");
  }
  return storage::open_store({settings.database_location, instance_name(), false, settings.lease_time});
}

net::HttpClientOptions client_options(const Settings& settings) {
  net::HttpClientOptions options;
  options.connections_per_origin_max = settings.max_http_connections;
  return options;
}

/// To other instances. What is asked of them carries its own id where it may be repeated, so nothing is by itself.
net::HttpClientOptions peer_options(const Settings& settings) {
  net::HttpClientOptions options;
  options.connections_per_origin_max = settings.max_http_connections;
  options.connect_timeout = milliseconds{1'000};
  options.response_body_bytes_max = settings.bulk_body_bytes_max;
  options.retry_stale_connection = false;
  return options;
}

/// Where other instances reach this one.
std::string own_address(const Settings& settings, std::uint16_t port) {
  if (!settings.instance_address.empty()) return settings.instance_address;
  const std::string& listens = settings.listen_addresses.front();
  std::array<char, 256> name{};
  const bool all = listens == "0.0.0.0" || listens == "::";
  const bool has_name = all && ::gethostname(name.data(), name.size() - 1) == 0;
  const std::string host = has_name ? std::string(name.data()) : all ? "127.0.0.1" : listens;
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

pipeline::EngineOptions engine_options(const Settings& settings) {
  pipeline::EngineOptions options;
  options.window = settings.commit_window;
  options.window_events_max = settings.window_events_max;
  options.inbox_max = settings.inbox_events_max;
  options.unfinished_max = settings.unfinished_events_max;
  options.events_in_memory_max = settings.events_in_memory_max;
  options.records_cached = settings.records_cached;
  options.batch_wait = settings.batch_wait;
  options.retry_attempts = settings.retry_attempts;
  options.backoff_factor = settings.backoff_factor;
  options.request_timeout = settings.request_timeout;
  options.lane_concurrency_max = settings.lane_concurrency_max;
  options.origin_concurrency_max = settings.max_http_connections;
  options.retention = settings.event_retention;
  options.verification_link = settings.verification_url;
  return options;
}

api::ApiOptions api_options(const Settings& settings) {
  api::ApiOptions options;
  options.environment = settings.environment;
  options.body_bytes_max = settings.body_bytes_max;
  options.bulk_body_bytes_max = settings.bulk_body_bytes_max;
  options.bulk_events_max = settings.bulk_events_max;
  return options;
}

Result<std::unique_ptr<security::Gatekeeper>> make_gatekeeper(const Settings& settings, const Clock& clock) {
  security::GatekeeperOptions options;
  options.environment = settings.environment;
  options.jwt_secret = settings.jwt_secret;
  options.claims.issuer = settings.jwt_issuer;
  options.claims.audience = settings.jwt_audience;
  return security::Gatekeeper::make(std::move(options), clock);
}

}  // namespace

/// In the order in which they are built; destroyed the other way round, so each may borrow from those above it.
struct Service::Parts {
  Parts(const Settings& settings, std::shared_ptr<const pipeline::Catalog> first_catalog,
        std::unique_ptr<storage::Store> opened_store, std::unique_ptr<security::Gatekeeper> made_gatekeeper,
        std::function<void()> credential_refused)
      : random(make_system_random()),
        catalog(std::move(first_catalog)),
        running(std::make_shared<const Settings>(settings)),
        store(std::move(opened_store)),
        gatekeeper(std::move(made_gatekeeper)),
        threads(settings.io_threads, clock),
        client(threads, client_options(settings)),
        rate_random(make_system_random()),
        make_reader([this] { return store->make_reader(); }),
        hub(clock, stats, hub_options()),
        peers(threads, peer_options(settings)),
        fan(make_fan()),
        redis(make_mirror(settings)),
        channels(make_channels()),
        outcomes(make_outcomes(settings)),
        engine(engine_parts(std::move(credential_refused)), catalog.get(), engine_options(settings)),
        rates({client, clock, *rate_random, RateFile::beside(settings.state_path()),
               [this](const transform::Quotes& quotes) { engine.set_catalog(catalog.set_quotes(quotes)); }}),
        log_random(make_system_random()),
        log(make_log(settings)),
        peer_random(make_system_random()),
        backend(engine, log.get()),
        shared(share_backend()),
        api({shared ? static_cast<api::Backend&>(*shared) : backend,
             clock,
             *gatekeeper,
             stats,
             hub,
             make_reader,
             [this] { return catalog.get(); },
             security::VerificationTokens(store->identity_secret()),
             [this] { return store->bytes_on_disk(); },
             {},
             [this](const Value& proposal) {
               auto proposed = propose(*running.get(), proposal);
               if (proposed) *proposed = pipeline::with_quotes(*proposed, catalog.get()->mapper.rates().quotes);
               return proposed;
             },
             [this] { return rates.status(); },
             [this] { return redis_status(); },
             store->shares() == nullptr ? nullptr : &backend,
             api::peer_token(store->identity_secret()),
             store->shares(),
             log_status(),
             [this](const auto& tenants, milliseconds patience) { return log->catch_up(tenants, patience); },
             [this] { return topics_status(); }},
            api_options(settings)),
        topics(make_topics(settings)),
        server(threads, server_options(settings)) {}

  pipeline::Engine::Parts engine_parts(std::function<void()> credential_refused) {
    pipeline::NoticeSink& notices = outcomes ? static_cast<pipeline::NoticeSink&>(*outcomes) : watched_notices();
    pipeline::Engine::Parts made{*store, client, clock, *random, notices};
    if (credential_refused) {
      made.credential_refused = [tell = std::move(credential_refused)](const PlatformId&) { tell(); };
    }
    return made;
  }

  std::function<api::EventLogStatus()> log_status() {
    if (!log) return {};
    return [this] {
      const auto [connected, lag, appended, dead_letters] = log->state();
      return api::EventLogStatus{connected, lag, appended, dead_letters};
    };
  }

  std::unique_ptr<pipeline::EventLog> make_log(const Settings& settings) {
    if (settings.kafka_brokers.empty()) return nullptr;
    pipeline::EventLog::Options options;
    options.brokers = settings.kafka_brokers;
    options.topic = settings.kafka_topic;
    options.dead_letter_topic = settings.kafka_dead_letter_topic;
    options.batch_max = std::min(options.batch_max, settings.inbox_events_max);
    return std::make_unique<pipeline::EventLog>(
        pipeline::EventLog::Parts{engine, store->shares(), make_reader, clock, *log_random}, std::move(options));
  }

  pipeline::NoticeSink& live_notices() { return fan ? static_cast<pipeline::NoticeSink&>(*fan) : hub; }

  pipeline::NoticeSink& watched_notices() {
    return channels ? static_cast<pipeline::NoticeSink&>(*channels) : live_notices();
  }

  std::unique_ptr<api::OutcomeTopic> make_outcomes(const Settings& settings) {
    if (settings.kafka_outcome_topic.empty()) return nullptr;
    api::OutcomeTopic::Options options;
    options.brokers = settings.kafka_brokers;
    options.topic = settings.kafka_outcome_topic;
    return std::make_unique<api::OutcomeTopic>(watched_notices(), std::move(options));
  }

  std::unique_ptr<api::TopicSource> make_topics(const Settings& settings) {
    if (settings.kafka_input_topic_names.empty()) return nullptr;
    api::TopicSource::Options options;
    options.brokers = settings.kafka_brokers;
    options.topics = settings.kafka_input_topic_names;
    options.group = settings.kafka_group;
    options.dead_letter_topic = settings.kafka_dead_letter_topic;
    options.value_bytes_max = settings.body_bytes_max;
    return std::make_unique<api::TopicSource>(
        api::TopicSource::Parts{shared ? static_cast<api::Backend&>(*shared) : backend,
                                [this] { return catalog.get(); }, clock},
        std::move(options));
  }

  [[nodiscard]] api::TopicsStatus topics_status() const {
    api::TopicsStatus status;
    if (outcomes) {
      const auto [published, dropped] = outcomes->state();
      status.outcomes = {published, dropped};
    }
    if (topics) {
      const auto [lag, taken, dead_letters] = topics->state();
      status.input = {lag, taken, dead_letters};
    }
    return status;
  }

  std::unique_ptr<bus::redis::Mirror> make_mirror(const Settings& settings) {
    if (!settings.redis) return nullptr;
    return std::make_unique<bus::redis::Mirror>(
        *settings.redis, instance_name(), [this] { return engine.snapshot().waiting; }, bus::redis::Mirror::Options{});
  }

  std::unique_ptr<api::ChannelNotices> make_channels() {
    if (redis == nullptr) return nullptr;
    using Messages = std::vector<bus::redis::Mirror::Message>;
    return std::make_unique<api::ChannelNotices>(live_notices(), [this](std::size_t count, auto make) {
      redis->publish(count, [make = std::move(make)](Messages& into) {
        make([&into](std::string channel, std::string text) { into.push_back({std::move(channel), std::move(text)}); });
      });
    });
  }

  [[nodiscard]] std::optional<api::RedisStatus> redis_status() const {
    if (redis == nullptr) return std::nullopt;
    using Word = bus::redis::Mirror::State::Word;
    const auto [word, dropped] = redis->state();
    return api::RedisStatus{word == Word::kHealthy   ? "healthy"
                            : word == Word::kRefused ? "unhealthy"
                                                     : "disconnected",
                            dropped};
  }

  api::EventHub::Options hub_options() {
    api::EventHub::Options options;
    if (storage::Shares* shares = store->shares()) {
      options.is_shared = [shares] { return !shares->has_all(); };
      options.clients_changed = [shares](bool any) { shares->set_wants_notices(any); };
    }
    return options;
  }

  std::unique_ptr<api::NoticeFan> make_fan() {
    if (store->shares() == nullptr) return nullptr;
    return std::make_unique<api::NoticeFan>(
        api::NoticeFan::Parts{hub, *store->shares(), peers, clock, api::peer_token(store->identity_secret())});
  }

  std::unique_ptr<api::SharedBackend> share_backend() {
    if (store->shares() == nullptr) return nullptr;
    return std::make_unique<api::SharedBackend>(
        api::SharedBackend::Parts{backend, *store->shares(), peers, threads, clock, *peer_random,
                                  api::peer_token(store->identity_secret())},
        api::SharedBackend::Options{.accepts_all = log != nullptr});
  }

  net::HttpServerOptions server_options(const Settings& settings) {
    net::HttpServerOptions options;
    options.body_bytes_max = [this](std::string_view path) { return api.body_bytes_max(path); };
    options.connections_max = settings.server_connections_max;
    options.memory_bytes_max = std::max(settings.client_memory_bytes_max, 2 * settings.bulk_body_bytes_max);
    return options;
  }

  SystemClock clock;
  std::unique_ptr<Random> random;
  CatalogInForce catalog;
  InForce<Settings> running;
  std::unique_ptr<storage::Store> store;
  std::unique_ptr<security::Gatekeeper> gatekeeper;
  net::IoThreads threads;
  net::HttpClient client;
  std::unique_ptr<Random> rate_random;
  std::function<Result<std::unique_ptr<storage::Reader>>()> make_reader;
  api::Stats stats;
  api::EventHub hub;
  net::HttpClient peers;
  std::unique_ptr<api::NoticeFan> fan;            // null: this instance is alone by nature
  std::unique_ptr<bus::redis::Mirror> redis;      // null: nobody watches there
  std::unique_ptr<api::ChannelNotices> channels;  // null: as `redis`
  std::unique_ptr<api::OutcomeTopic> outcomes;    // null: they are published nowhere
  pipeline::Engine engine;
  RatePoller rates;
  std::unique_ptr<Random> log_random;
  std::unique_ptr<pipeline::EventLog> log;  // null: the store accepts events
  std::unique_ptr<Random> peer_random;
  EngineBackend backend;
  std::unique_ptr<api::SharedBackend> shared;  // null: this instance is alone by nature
  api::Api api;
  std::unique_ptr<api::TopicSource> topics;  // null: events come by HTTP alone
  net::HttpServer server;
  std::vector<std::uint16_t> ports;
};

Service::Service(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Service::~Service() {
  stop(milliseconds{0});
}

Result<std::unique_ptr<Service>> Service::start(const Settings& settings, std::function<void()> credential_refused) {
  std::optional<RateSourceOptions> rate_source;
  auto catalog = make_catalog(settings, &rate_source);
  if (!catalog) return fail(std::move(catalog).error());
  static const SystemClock clock;
  for (const std::string& field : unverified_fields(**catalog)) {
    log::info("a changed {} waits for a person: there is no notifier to verify it through (NOTIFIER_URL)", field);
  }
  auto gatekeeper = make_gatekeeper(settings, clock);
  if (!gatekeeper) return fail(std::move(gatekeeper).error());
  auto store = open_store(settings);
  if (!store) return fail(std::move(store).error());

  auto parts = std::make_unique<Parts>(settings, std::move(*catalog), std::move(*store), std::move(*gatekeeper),
                                       std::move(credential_refused));
  parts->threads.start();
  auto service = std::unique_ptr<Service>(new Service(std::move(parts)));
  Parts& made = *service->parts_;
  if (made.redis) DATASYNC_TRY(made.redis->start());
  made.hub.start(made.store->last_sequence());
  made.rates.configure(std::move(rate_source),
                       made.catalog.get()->mapper.rates());  // what starts has the last good ones
  if (made.outcomes) DATASYNC_TRY(made.outcomes->start());
  DATASYNC_TRY(made.engine.start());
  if (made.log) DATASYNC_TRY(made.log->start());
  if (made.topics) DATASYNC_TRY(made.topics->prepare());
  made.rates.start();
  made.server.set_handler([&made](net::HttpRequest request, net::Responder responder) {
    made.api.handle(std::move(request), std::move(responder));
  });
  for (const std::string& address : settings.listen_addresses) {
    const auto port = made.server.listen(address, settings.port);
    if (!port) return fail(port.error().code, port.error().message + "; PORT and LISTEN_ADDRESS say where");
    made.ports.push_back(*port);
  }
  if (storage::Shares* shares = made.store->shares()) {
    shares->join(own_address(settings, made.ports.front()), [&made] { made.engine.wake(); });
    if (!shares->wait_until_settled(kSettleMax))
      log::warning("the shards could not be taken up yet; it goes on trying");
  }
  if (made.topics) DATASYNC_TRY(made.topics->start());
  return service;
}

const std::vector<std::uint16_t>& Service::ports() const noexcept {
  return parts_->ports;
}

Result<void> Service::reload(const Settings& settings) {
  std::optional<RateSourceOptions> rate_source;
  auto catalog = make_catalog(settings, &rate_source);
  if (!catalog) return fail(std::move(catalog).error());
  parts_->running.set(std::make_shared<const Settings>(settings));
  parts_->catalog.configure(*catalog);
  parts_->rates.configure(std::move(rate_source), (*catalog)->mapper.rates());
  return {};
}

bool Service::stop(milliseconds deadline) {
  // Something is kept for closing the store: whoever stops us counts to the deadline, and then kills.
  const milliseconds closing = std::min(deadline / 10, milliseconds{1000});
  const SteadyTime by = parts_->clock.steady_now() + deadline - closing;
  const auto left = [&] {
    return std::max(milliseconds{0}, std::chrono::duration_cast<milliseconds>(by - parts_->clock.steady_now()));
  };
  // Before the shards: what is under way still goes to whoever has its tenant.
  if (parts_->topics) parts_->topics->stop(left() / 4);
  // What others can do they take over now, while we still answer and pass on what we are asked.
  storage::Shares* const shares = parts_->store->shares();
  if (shares != nullptr && has_others(*shares)) {
    const SteadyTime began = parts_->clock.steady_now();
    parts_->server.wind_down();
    if (!shares->leave(left() / 3)) log::warning("the shards were not given up in time");
    std::this_thread::sleep_for(std::min(left() / 3, milliseconds{kWindDown}) - (parts_->clock.steady_now() - began));
  }
  // Clients first, while the engine still answers them; then the engine, while the HTTP client still brings it answers.
  // Half the time each, since a client that never ends its request is no reason to cut deliveries.
  const bool answered = parts_->server.stop(left() / 2);
  if (parts_->log) parts_->log->stop(left() / 2);
  const bool settled = parts_->engine.stop(left());
  if (parts_->outcomes) parts_->outcomes->stop(left() / 2);
  if (parts_->redis) parts_->redis->stop();
  if (shares != nullptr) shares->stop();
  parts_->rates.stop();
  parts_->client.stop();
  parts_->peers.stop();
  parts_->hub.stop();
  parts_->threads.stop();
  return answered && settled;
}

}  // namespace datasync::app
