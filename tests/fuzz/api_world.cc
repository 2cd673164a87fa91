#include "api_world.h"

#include <condition_variable>
#include <mutex>

#include "api/api.h"
#include "api/event_hub.h"
#include "api/event_request.h"
#include "api/stats.h"
#include "base/log.h"
#include "net/headers.h"
#include "pipeline/identity.h"
#include "security/jws.h"
#include "storage/memory/memory_store.h"
#include "transform/contract_mapping_for_tests.h"

namespace datasync::fuzz {
namespace {

constexpr std::string_view kSecret = "k7Vw2mQzR9tXc4Lp8Hn3Jd6Fs1Gy5Ba0";
constexpr Timestamp kNow{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};

/// Takes all and keeps nothing: each input finds the same store.
class TakingBackend final : public api::Backend {
 public:
  explicit TakingBackend(const Clock& clock) : clock_(clock) {}

  void accept(std::vector<pipeline::Submission> submissions, pipeline::AcceptCallback callback) override {
    std::vector<pipeline::Receipt> receipts;
    for (const pipeline::Submission& submission : submissions) {
      require(submission.event->tenant == TenantId{"t1"}, "an event is of the caller's tenant");
      receipts.push_back({pipeline::Receipt::Status::kCreated, submission.event->id});
    }
    callback(std::move(receipts));
  }
  void redrive(storage::Reader::Tenants tenants, std::string event_id, pipeline::RedriveCallback callback) override {
    check(tenants);
    if (api::fault_of_id(event_id) || !is_utf8(event_id)) {
      return callback(fail(ErrorCode::kNotFound, "no event has this id"));
    }
    callback(pipeline::Redriven{1, 1});
  }
  void redrive(storage::Reader::EventFilter filter, pipeline::RedriveCallback callback) override {
    check(filter.tenants);
    callback(pipeline::Redriven{1, 1});
  }
  void decide(pipeline::ReviewDecision decision, pipeline::ReviewCallback callback) override {
    check(decision.tenants);
    if (api::fault_of_id(decision.conflict) || !is_utf8(decision.conflict)) {
      return callback(fail(ErrorCode::kNotFound, "no such conflict"));
    }
    Conflict conflict;
    conflict.id = decision.conflict;
    conflict.tenant = TenantId{"t1"};
    conflict.resolved_by = decision.by;
    conflict.resolved_why = decision.reason;
    conflict.assignee = decision.assignee;
    callback(std::move(conflict));
  }
  void undo(pipeline::UndoRequest request, pipeline::UndoCallback callback) override {
    check(request.tenants);
    if (api::fault_of_id(request.event_id) || !is_utf8(request.event_id)) {
      return callback(fail(ErrorCode::kNotFound, "no such event"));
    }
    callback(EventId("undone"));
  }
  void merge(pipeline::MergeRequest request, pipeline::MergeCallback callback) override {
    require(request.tenant == TenantId{"t1"}, "a merge is of the caller's tenant");
    require(is_utf8(request.other.str()) && is_utf8(request.reason), "what a person says is text");
    callback(fail(ErrorCode::kNotFound, "no such record"));
  }
  /// The real one: it keeps nothing.
  [[nodiscard]] Result<pipeline::Preview> preview(storage::Reader& reader, std::shared_ptr<Event> event,
                                                  std::shared_ptr<const pipeline::Catalog> catalog) override {
    require(event->tenant == TenantId{"t1"}, "an event is of the caller's tenant");
    return pipeline::preview(reader, secret_, clock_, std::move(catalog), std::move(event));
  }
  [[nodiscard]] pipeline::EngineSnapshot snapshot() const override { return {}; }

 private:
  static void check(const storage::Reader::Tenants& tenants) {
    require(tenants == storage::Reader::Tenants{TenantId{"t1"}}, "what a person asks for is of the caller's tenant");
  }

  const Clock& clock_;
  const std::string secret_ = std::string(32, 's');
};

/// A connection that remembers what it was told.
class Connection final : public net::ResponseSink, public std::enable_shared_from_this<Connection> {
 public:
  void respond(net::HttpResponse response) override {
    const std::lock_guard lock(mutex_);
    require(!done_, "a request is answered once");
    answer_.response = std::move(response);
    done_ = true;
    changed_.notify_all();
  }
  void abandon() noexcept override { require(false, "no request is dropped without an answer"); }
  std::shared_ptr<net::WebSocketPeer> upgrade(const net::HttpRequest&, net::WebSocketOptions,
                                              net::WebSocketCallbacks callbacks) override {
    const std::lock_guard lock(mutex_);
    require(!done_, "a request is answered once");
    callbacks_ = std::move(callbacks);
    done_ = true;
    changed_.notify_all();
    return std::make_shared<Peer>(shared_from_this());
  }

  ApiAnswer take(std::string message) {
    net::WebSocketCallbacks callbacks;
    {
      std::unique_lock lock(mutex_);
      require(changed_.wait_for(lock, seconds{20}, [this] { return done_; }), "a request is answered");
      callbacks = std::exchange(callbacks_, {});
    }
    if (callbacks.on_close) {
      Peer peer(shared_from_this());
      callbacks.on_message(peer, std::move(message));
      callbacks.on_close(peer, 1000);
    }
    const std::lock_guard lock(mutex_);
    return std::move(answer_);
  }

 private:
  struct Peer final : net::WebSocketPeer {
    explicit Peer(std::shared_ptr<Connection> connection_) : connection(std::move(connection_)) {}
    bool send(std::shared_ptr<const std::string> text) override {
      const std::lock_guard lock(connection->mutex_);
      connection->answer_.told.push_back(*text);
      return true;
    }
    void close(std::uint16_t, std::string_view) override {}
    std::size_t queued_bytes() const noexcept override { return 0; }
    std::string_view remote_address() const noexcept override { return "192.0.2.1"; }
    std::shared_ptr<Connection> connection;
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  ApiAnswer answer_;
  net::WebSocketCallbacks callbacks_;
  bool done_ = false;
};

/// A dozen events, a record and a conflict of one tenant; `mark` stands in all of them.
void fill(storage::Store& store, const TenantId& tenant, const std::string& mark) {
  storage::WriteBatch batch;
  std::int64_t sequence = store.last_sequence().value;
  for (const EventStatus status : {EventStatus::kPending, EventStatus::kCompleted, EventStatus::kFailed,
                                   EventStatus::kRetry, EventStatus::kReview, EventStatus::kExpired}) {
    auto event = std::make_shared<Event>();
    event->sequence = {++sequence};
    event->id = EventId(mark + "-" + std::to_string(sequence));
    event->tenant = tenant;
    event->type = "user_updated";
    event->entity = "user";
    event->source = PlatformId("bizoholic");
    event->targets = {PlatformId("coreldove"), PlatformId("bizosaas")};
    event->entity_id = EntityId("u1");
    event->user_id = mark;
    event->data.set("full_name", Value::string(mark));
    event->created_at = kNow - seconds{sequence};
    EventState state{event->sequence, status, RecordKey{1}, kNow, mark, {}};
    DeliveryResult& result = state.results.emplace_back();
    result.target = PlatformId("coreldove");
    result.status = ResultStatus::kFailed;
    result.error_message = mark;
    batch.events.push_back({event, {storage::event_key_of(event->id.str())}, {}});
    batch.states.push_back(std::move(state));
  }
  Record record;
  record.key = {store.last_record_key().value + 1};
  record.tenant = tenant;
  record.entity = "user";
  record.id = EntityId("u1");
  record.version = {3};
  record.at_or_new("name").value = Value::string(mark);
  record.knowledge_of(PlatformId("bizoholic")).learn_id("", mark);
  storage::IdentityWrite identity;
  identity.hash = pipeline::identity_of_canonical(tenant, "user", "u1");
  identity.record = record.key;
  identity.tenant = tenant;
  batch.identities.push_back(identity);
  batch.records.push_back({std::make_shared<const Record>(record), {}, false});
  Conflict conflict;
  conflict.id = "conflict-" + mark;
  conflict.type = "concurrent_update";
  conflict.tenant = tenant;
  conflict.entity = "user";
  conflict.entity_id = record.id;
  conflict.record = record.key;
  conflict.fields = {{"name", Value::string(mark), Value::string(mark), "latest_wins"}};
  conflict.status = "open";
  batch.conflicts.push_back(conflict);
  require(store.commit(batch).has_value(), "the store takes its first rows");
}

/// What holds for everything that a client is told.
void check_text(std::string_view text, bool json) {
  require(text.find(kForeignMark) == std::string_view::npos, "a tenant never sees what is another's", text);
  if (json) require(parse_json(text).has_value(), "what says that it is JSON is JSON", text);
}

void check_response(const net::HttpResponse& response) {
  require(response.status >= 200 && response.status < 500, "no request is a defect of ours",
          std::to_string(response.status) + ' ' + response.body);
  check_text(response.body, response.content_type.find("json") != std::string::npos);
  std::string head;
  require(response.content_type.empty() || net::append_header(head, "Content-Type", response.content_type),
          "a content type is a header's value", response.content_type);
  for (const auto& [name, value] : response.headers) {
    require(net::append_header(head, name, value), "a header can't break out of its line", name + ": " + value);
  }
  if (response.status < 400) return;
  if (response.content_type.starts_with("text/html")) return;  // who clicked on a link in a mail reads a page
  const auto problem = parse_json_object(response.body);
  const Value* detail = problem ? problem->find("detail") : nullptr;
  require(detail != nullptr && detail->kind() == Value::Kind::kString, "a refusal has a detail", response.body);
}

}  // namespace

struct ApiWorld::Parts {
  Parts() {
    fill(*store, TenantId{"t1"}, "mine");
    fill(*store, TenantId{"t2"}, std::string(kForeignMark));
    hub.start(store->last_sequence());
  }
  ~Parts() { hub.stop(); }

  ManualClock clock{kNow};
  storage::memory::MemoryDisk disk;
  std::unique_ptr<storage::Store> store = storage::memory::open_memory_store(disk).value();
  std::shared_ptr<const pipeline::Catalog> catalog = std::make_shared<const pipeline::Catalog>(
      pipeline::Catalog{transform::contract_mapper(), conflict::RuleBook{}, {}});
  std::unique_ptr<security::Gatekeeper> gatekeeper =
      security::Gatekeeper::make({.environment = "production", .jwt_secret = std::string(kSecret)}, clock).value();
  api::Stats stats;
  api::EventHub hub{clock, stats};
  TakingBackend backend{clock};
  api::Api api{{backend,
                clock,
                *gatekeeper,
                stats,
                hub,
                [this] { return store->make_reader(); },
                [this] { return catalog; },
                security::VerificationTokens(store->identity_secret()),
                [] { return std::int64_t{4096}; },
                {},
                [this](const Value&) { return catalog; }},
               {.environment = "production"}};
  std::string token =
      security::Hs256(kSecret).seal(R"({"sub":"someone","tenant_id":"t1","roles":["operator"],"exp":4102444800})");
};

ApiWorld::ApiWorld() {
  log::set_level("critical");
  parts_ = std::make_unique<Parts>();
}
ApiWorld::~ApiWorld() = default;

const std::string& ApiWorld::token() const {
  return parts_->token;
}

ApiAnswer ApiWorld::call(net::HttpRequest request, std::string message) {
  if (request.remote_address.empty()) request.remote_address = "192.0.2.1";
  const auto connection = std::make_shared<Connection>();
  parts_->api.handle(std::move(request), net::Responder(connection));
  ApiAnswer answer = connection->take(std::move(message));
  for (const std::string& text : answer.told) check_text(text, true);
  if (answer.response) check_response(*answer.response);
  return answer;
}

}  // namespace datasync::fuzz
