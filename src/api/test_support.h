#pragma once

// What the tests of this room share; only *_test.cc include it.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/api.h"
#include "api/event_hub.h"
#include "api/stats.h"
#include "base/random.h"
#include "base/uuid.h"
#include "domain/json.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/io_threads.h"
#include "pipeline/identity.h"
#include "security/jws.h"
#include "storage/memory/memory_store.h"

namespace datasync::api::testing {

/// Moves only when told to, and is safe to move while others read it.
class TestClock final : public Clock {
 public:
  Timestamp now() const override { return Timestamp{microseconds{micros_.load()}}; }
  SteadyTime steady_now() const override { return SteadyTime{microseconds{micros_.load()}}; }
  void advance(microseconds by) { micros_ += by.count(); }

 private:
  std::atomic<std::int64_t> micros_{1'767'225'600'000'000};  // 2026-01-01
};

/// The three shipped platforms in small.
inline std::shared_ptr<const pipeline::Catalog> make_catalog() {
  transform::Mapping mapping;
  const auto add_platform = [&mapping](const char* name, const char* currency) -> transform::PlatformMapping& {
    transform::PlatformMapping& platform = mapping.platforms[PlatformId{name}];
    platform.platform = {PlatformId{name}, Currency::parse(currency).value()};
    return platform;
  };
  add_platform("bizoholic", "USD").entities["user"].to_canonical = {
      {"user_id", "id"}, {"full_name", "name"}, {"email_address", "email"}};
  add_platform("coreldove", "INR").entities["user"].to_canonical = {
      {"customer_id", "id"}, {"customer_name", "name"}, {"customer_email", "email"}};
  add_platform("bizosaas", "USD").entities["user"].to_canonical = {
      {"user_id", "id"}, {"user_name", "name"}, {"user_email", "email"}};
  for (const char* entity : {"user", "lead", "order", "campaign", "product", "tenant"}) mapping.entities[entity];
  mapping.entities["user"].natural_keys = {"email"};
  mapping.entities["analytics"].stateless = true;
  return std::make_shared<const pipeline::Catalog>(
      pipeline::Catalog{transform::Mapper(std::move(mapping), transform::RateTable{}), conflict::RuleBook{}, {}});
}

/// An engine that accepts and stores, and delivers nothing: what the API asks for, on a store in memory.
class FakeBackend final : public Backend {
 public:
  FakeBackend(const Clock& clock, EventHub& hub)
      : clock_(clock), hub_(hub), store_(std::move(storage::memory::open_memory_store(disk_).value())) {}

  void accept(std::vector<pipeline::Submission> submissions, pipeline::AcceptCallback callback) override {
    if (refusal) return callback(fail(*refusal));
    std::vector<pipeline::Receipt> receipts;
    {
      const std::lock_guard lock(mutex_);
      std::vector<pipeline::Notice> notices;
      for (pipeline::Submission& submission : submissions) {
        receipts.push_back(accept_one(std::move(submission), notices));
      }
      hub_.publish(std::move(notices));
    }
    callback(std::move(receipts));  // it may submit something else
  }

  void redrive(storage::Reader::Tenants tenants, std::string event_id, pipeline::RedriveCallback callback) override {
    const auto reader = store_->make_reader().value();
    const auto found = reader->find_event(tenants, event_id).value();
    if (found.empty()) return callback(fail(ErrorCode::kNotFound, "there is no such event"));
    const EventStatus status = found.front().state.status;
    if (status == EventStatus::kCompleted || status == EventStatus::kPending) {
      return callback(fail(ErrorCode::kInvalid, "the event is neither failed nor waiting"));
    }
    callback(pipeline::Redriven{1, 1});
  }

  void redrive(storage::Reader::EventFilter filter, pipeline::RedriveCallback callback) override {
    const auto count = store_->make_reader().value()->count_events(filter).value();
    callback(pipeline::Redriven{count, count});
  }

  void decide(pipeline::ReviewDecision decision, pipeline::ReviewCallback callback) override {
    decided = decision;
    if (refusal) return callback(fail(*refusal));
    storage::Reader::ConflictFilter filter;
    filter.tenants = decision.tenants;
    filter.id = decision.conflict;
    auto found = store_->load_conflicts(filter).value().conflicts;
    if (found.empty()) return callback(fail(ErrorCode::kNotFound, "no such conflict"));
    found.front().status = "resolved";
    found.front().resolved_by = decision.by;
    found.front().resolved_why = decision.reason;
    callback(std::move(found.front()));
  }

  void undo(pipeline::UndoRequest request, pipeline::UndoCallback callback) override {
    callback(EventId("undo-of-" + request.event_id));
  }
  void merge(pipeline::MergeRequest request, pipeline::MergeCallback callback) override {
    merge_asked = request;
    if (refusal) return callback(fail(*refusal));
    callback(pipeline::Merged{EventId("merge"), EventId("of-other"), {{PlatformId("coreldove"), "VXNlcjox"}}});
  }
  Result<pipeline::Preview> preview(storage::Reader&, std::shared_ptr<Event>,
                                    std::shared_ptr<const pipeline::Catalog>) override {
    return fail(ErrorCode::kUnavailable, "nothing is previewed here");
  }

  pipeline::EngineSnapshot snapshot() const override { return state; }
  pipeline::ReviewDecision decided;    ///< the last one that came
  pipeline::MergeRequest merge_asked;  ///< the last one that came

  /// Ends an event as the real engine would.
  void finish(const EventId& id, EventStatus status, ResultStatus each = ResultStatus::kCompleted) {
    const std::lock_guard lock(mutex_);
    const auto stored = store_->make_reader().value()->find_event({}, id.str()).value().front();
    EventState end{stored.event->sequence, status, {}, clock_.now(), "", {}};
    if (status == EventStatus::kFailed) end.message = "refused";
    for (const PlatformId& target : stored.event->targets) {
      DeliveryResult result;
      result.target = target;
      result.status = each;
      result.attempts = 1;
      result.processed_at = clock_.now();
      end.results.push_back(std::move(result));
    }
    storage::WriteBatch batch;
    batch.states.push_back(end);
    ASSERT_TRUE(store_->commit(batch));
    hub_.publish({{pipeline::Notice::Kind::kSyncCompleted, stored.event, end, nullptr}});
  }

  void put_record(const Record& record) {
    storage::WriteBatch batch;
    batch.records.push_back({std::make_shared<const Record>(record), {}, false});
    storage::IdentityWrite identity;
    identity.hash = pipeline::identity_of_canonical(record.tenant, record.entity, record.id.str());
    identity.record = record.key;
    identity.tenant = record.tenant;
    batch.identities.push_back(identity);
    ASSERT_TRUE(store_->commit(batch));
  }

  void put_conflict(const Conflict& conflict) {
    storage::WriteBatch batch;
    batch.conflicts.push_back(conflict);
    ASSERT_TRUE(store_->commit(batch));
    hub_.publish({{pipeline::Notice::Kind::kConflict, nullptr, {}, std::make_shared<const Conflict>(conflict)}});
  }

  storage::Store& store() { return *store_; }

  std::optional<Error> refusal;    ///< set before use: every `accept` fails so
  pipeline::EngineSnapshot state;  ///< set before use
  std::vector<std::shared_ptr<const Event>> accepted;

 private:
  pipeline::Receipt accept_one(pipeline::Submission submission, std::vector<pipeline::Notice>& notices) {
    using Status = pipeline::Receipt::Status;
    Event& event = *submission.event;
    if (event.id.empty()) event.id = EventId{format_uuid(ids_.next())};
    storage::NewEvent fresh;
    fresh.content = content_hash_of(event);
    fresh.keys.push_back(storage::event_key_of(event.id.str()));
    if (!submission.idempotency_key.empty()) fresh.keys.push_back(storage::event_key_of(submission.idempotency_key));
    for (const Hash128& key : fresh.keys) {
      const storage::EventKey one{key, event.tenant};
      const auto known = store_->find_events({&one, 1}).value().front();
      if (known) return {known->content == fresh.content ? Status::kDuplicate : Status::kMismatch, known->id};
    }
    event.sequence = {++sequence_};
    event.created_at = clock_.now();
    storage::WriteBatch batch;
    fresh.event = submission.event;
    batch.events.push_back(fresh);
    EventState state_of_new;
    state_of_new.sequence = event.sequence;
    batch.states.push_back(state_of_new);
    EXPECT_TRUE(store_->commit(batch));
    accepted.push_back(submission.event);
    notices.push_back({pipeline::Notice::Kind::kEventCreated, submission.event, {}, nullptr});
    return {Status::kCreated, event.id};
  }

  const Clock& clock_;
  EventHub& hub_;
  storage::memory::MemoryDisk disk_;
  std::unique_ptr<storage::Store> store_;
  std::unique_ptr<Random> random_ = make_seeded_random(1);
  UuidGenerator ids_{clock_, *random_};
  std::int64_t sequence_ = 0;
  std::mutex mutex_;
};

/// An answer with its body read as JSON where it is an object.
struct Answer {
  int status = 0;
  net::Headers headers;
  std::string body;

  [[nodiscard]] Fields json() const { return parse_json_object(body).value_or(Fields{}); }
  /// A member's JSON text; empty if it is missing. `a.b` looks inside.
  [[nodiscard]] std::string at(std::string_view path) const { return member(json(), path); }
  /// The same of a text, without quotes.
  [[nodiscard]] std::string text(std::string_view path) const {
    return Value::from_canonical(at(path).empty() ? "null" : at(path)).as_string().value_or("");
  }
  static std::string member(const Fields& fields, std::string_view path) {
    const auto dot = path.find('.');
    const Value* value = fields.find(path.substr(0, dot));
    if (value == nullptr) return {};
    return dot == std::string_view::npos ? value->text() : member(members_of(*value), path.substr(dot + 1));
  }
};

inline constexpr std::string_view kSecret = "k7Vw2mQzR9tXc4Lp8Hn3Jd6Fs1Gy5Ba0";

/// The whole API behind a real server on a free port.
class ApiTest : public ::testing::Test {
 protected:
  explicit ApiTest(std::string environment = "development") {
    security::GatekeeperOptions options;
    options.environment = environment;
    options.jwt_secret = std::string(kSecret);
    gatekeeper_ = std::move(security::Gatekeeper::make(options, clock_).value());
    ApiOptions api_options;
    api_options.version = "1.2.3";
    api_options.environment = environment;
    api_ = std::make_unique<Api>(
        Api::Parts{backend_, clock_, *gatekeeper_, stats_, hub_, [this] { return backend_.store().make_reader(); },
                   [this] { return catalog_; }, security::VerificationTokens(backend_.store().identity_secret()),
                   [] { return std::int64_t{4096}; },
                   [this](const security::Caller&, const Call&) { return rate_wait_; }},
        api_options);
    net::HttpServerOptions server_options;
    server_options.body_bytes_max = [this](std::string_view path) { return api_->body_bytes_max(path); };
    server_ = std::make_unique<net::HttpServer>(threads_, server_options);
    server_->set_handler([this](net::HttpRequest request, net::Responder responder) {
      api_->handle(std::move(request), std::move(responder));
    });
    hub_.start();
    threads_.start();
    port_ = server_->listen("127.0.0.1", 0).value();
  }
  ~ApiTest() override {
    server_->stop(milliseconds{2'000});
    client_.stop();
    hub_.stop();
    api_.reset();
    threads_.stop();
  }

  using Headers = std::vector<std::pair<std::string, std::string>>;
  Answer call(net::Method method, const std::string& target, const std::string& body = {},
              const Headers& headers = {}) {
    net::ClientRequest request;
    request.origin = net::make_origin(net::Scheme::kHttp, "127.0.0.1", port_);
    request.method = method;
    request.target = target;
    request.body = body;
    for (const auto& [name, value] : headers) EXPECT_TRUE(net::append_header(request.header_block, name, value));
    std::promise<net::ClientResult> promise;
    client_.send(std::move(request), [&promise](net::ClientResult result) { promise.set_value(std::move(result)); });
    auto result = promise.get_future().get();
    if (!result) {
      ADD_FAILURE() << target << ": " << result.error().message << ' ' << result.error().detail;
      return {};
    }
    return {result->status, std::move(result->headers), std::move(result->body)};
  }
  Answer get(const std::string& target, const Headers& headers = {}) {
    return call(net::Method::kGet, target, {}, headers);
  }
  Answer post(const std::string& target, const std::string& body, const Headers& headers = {}) {
    return call(net::Method::kPost, target, body, headers);
  }

  /// The header of a token with these claims, good for an hour.
  Headers bearer(const std::string& claims) { return {{"Authorization", "Bearer " + token(claims)}}; }
  std::string token(const std::string& claims) {
    const auto exp = std::chrono::duration_cast<seconds>(clock_.now().time_since_epoch()).count() + 3600;
    return security::Hs256(kSecret).seal(R"({"sub":"someone","exp":)" + std::to_string(exp) + "," + claims + "}");
  }

  TestClock clock_;
  Stats stats_;
  EventHub hub_{clock_, stats_};
  FakeBackend backend_{clock_, hub_};
  std::shared_ptr<const pipeline::Catalog> catalog_ = make_catalog();
  std::optional<seconds> rate_wait_;
  std::unique_ptr<security::Gatekeeper> gatekeeper_;
  SystemClock real_clock_;  // deadlines of the sockets are real
  net::IoThreads threads_{2, real_clock_};
  net::HttpClient client_{threads_, {}};
  std::unique_ptr<Api> api_;
  std::unique_ptr<net::HttpServer> server_;
  std::uint16_t port_ = 0;
};

inline const std::string kUserEvent =
    R"({"event_type":"user_created","source_platform":"bizoholic","target_platforms":["coreldove","bizosaas"],)"
    R"("data":{"user_id":"u1","full_name":"Ada Lovelace","email_address":"ada@example.com"},"tenant_id":"t1"})";

}  // namespace datasync::api::testing
