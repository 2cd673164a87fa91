#include "pipeline/testing/world.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "delivery/connectors/rest.h"
#include "domain/json.h"
#include "pipeline/identity.h"

namespace datasync::pipeline {
namespace {

constexpr std::size_t kIdleSpinsMax = 1'000;
constexpr std::size_t kRequestsPerEventMax = 30;
constexpr std::size_t kEventsMax = 1'000;
constexpr std::chrono::hours kQuietMax{24 * 10};

transform::Mapping mapping_of(const World::Options& options) {
  transform::Mapping mapping;
  mapping.entities[kEntity].natural_keys = options.natural_keys;
  mapping.entities["analytics"].stateless = true;
  for (const PlatformShape& shape : options.platforms) {
    auto& platform = mapping.platforms[shape.id];
    platform.platform.id = shape.id;
    platform.entities[kEntity].whole_records = shape.is_known_whole;
    if (!shape.currency.empty()) {
      platform.platform.currency = Currency::parse(shape.currency).value();
      platform.convert_to = platform.platform.currency;
      mapping.entities[kEntity].money_fields = {"price"};
    }
    if (!shape.renames) continue;
    auto& names = platform.entities[kEntity].to_canonical;
    for (const char* field : {"id", "email", "name", "phone", "city", "price", "currency"})
      names[shape.local(field)] = field;
    platform.entities["analytics"].to_canonical[shape.local("id")] = "id";
  }
  return mapping;
}

std::unique_ptr<delivery::Connector> connector_of(const PlatformShape& shape) {
  delivery::RestOptions options;
  options.platform = shape.id;
  options.base_url = "http://" + shape.id.str() + ":80";
  options.rate_limit = shape.rate_limit;
  options.id_required = shape.id_required;
  if (!shape.token.empty()) options.credential = {delivery::Credential::Kind::kBearer, shape.token};
  for (const Verb verb : {Verb::kCreated, Verb::kUpdated, Verb::kDeleted}) {
    delivery::RestVerb special;
    if (verb == Verb::kDeleted) special.outcomes = {{404, delivery::Outcome::Kind::kDelivered}};
    if (shape.bulk) {
      delivery::RestBulk bulk;
      bulk.path = "/api/sync/{entity}/{verb}/bulk";
      bulk.items_max = 5;
      bulk.items_member = "items";
      bulk.results = "/results";
      special.bulk = bulk;
    }
    options.entities[kEntity].verbs[verb] = special;
  }
  options.entities[kEntity].id_field = shape.local("id");
  options.entities["secret"].verbs[Verb::kCreated].served = false;
  options.entities["secret"].verbs[Verb::kUpdated].served = false;
  options.entities["secret"].verbs[Verb::kDeleted].served = false;
  return delivery::make_rest_connector(std::move(options)).value();
}

std::shared_ptr<const Catalog> catalog_of(const World::Options& options) {
  auto catalog = std::make_shared<Catalog>(
      Catalog{transform::Mapper(mapping_of(options), {}), conflict::RuleBook(options.rules), {}});
  for (const PlatformShape& shape : options.platforms) catalog->connectors.push_back(connector_of(shape));
  return catalog;
}

std::string describe(const Event& event, const Receipt& receipt) {
  const auto number = [](const char* name, const auto& value) {
    return value ? std::string(" ") + name + "=" + std::to_string(*value) : std::string{};
  };
  std::string text = "accepted " + receipt.id.str() + " " + event.type + " of " + event.source.str() + " " +
                     event.data.to_json() + number("base", event.base_version) + number("version", event.version);
  if (!event.entity_id.empty()) text += " entity_id=" + event.entity_id.str();
  if (event.occurred_at) text += " occurred=" + format_rfc3339(*event.occurred_at).substr(11);
  if (receipt.status != Receipt::Status::kCreated) text += " (again)";
  return text;
}

/// Given up since it was tried as often as it may be: nothing of it is expected to arrive any more.
bool is_dead(const DeliveryResult& result) {
  constexpr int kAttemptsMax = 10;  // as `RetryPlan` has it by default
  return result.status == ResultStatus::kFailed && result.attempts >= kAttemptsMax;
}

bool is_tracing() {
  static const bool kTracing = std::getenv("DATASYNC_TRACE") != nullptr;
  return kTracing;
}

}  // namespace

class World::Listener final : public NoticeSink {
 public:
  explicit Listener(World& world) : world_(world) {}
  bool wants_notices() const noexcept override { return true; }
  void publish(std::vector<Notice> notices) override {
    for (Notice& notice : notices) {
      if (is_tracing() && notice.conflict) tell(*notice.conflict);
      world_.notices.push_back(std::move(notice));
    }
  }

 private:
  void tell(const Conflict& conflict) {
    std::string text =
        "conflict by " + conflict.event_id.str() + " of " + conflict.source.str() + ", " + conflict.status;
    for (const Conflict::Side& side : conflict.fields) {
      text += "; " + side.field + ": " + side.source_value.text() + " of " + side.platform.str() + " " +
              std::string(to_string(side.outcome)) + " against " + side.target_value.text();
    }
    world_.trace(text);
  }

  World& world_;
};

World::World(Options options)
    : random(make_seeded_random(options.seed)),
      network(clock, *random, options.seed),
      engine_options_(options.engine),
      catalog_(catalog_of(options)),
      listener_(std::make_unique<Listener>(*this)) {
  store.is_far = options.is_store_far;
  if (store.is_far) engine_options_.beside_min = 0;
  for (const PlatformShape& shape : options.platforms) {
    auto& made = *platforms.emplace_back(std::make_unique<TestPlatform>(shape, clock));
    made.broken = [this](const std::string& what) { complain(what); };
    made.is_over = [this, id = shape.id](const TenantId& tenant, const std::string& key) {
      return is_over(tenant, key, id);
    };
    if (is_tracing()) made.trace = [this](const std::string& line) { trace(line); };
    network.add(made, shape.id.str());
  }
  start();
}

bool World::is_over(const TenantId& tenant, const std::string& key, const PlatformId& target) const {
  if (over_.contains({tenant, key, target})) return true;
  const std::string event_id = key.substr(0, key.find(':'));
  for (const auto& [sequence, stored] : store.events()) {
    if (stored.event->tenant != tenant || stored.event->id.str() != event_id) continue;
    return std::any_of(stored.state.results.begin(), stored.state.results.end(),
                       [&](const DeliveryResult& result) { return result.target == target && is_dead(result); });
  }
  return false;
}

/// What is redriven goes under another key: that of the dead letter stays over.
void World::note_dead_letters() {
  for (const auto& [sequence, stored] : store.events()) {
    for (const DeliveryResult& result : stored.state.results) {
      if (!is_dead(result)) continue;
      const std::string& id = stored.event->id.str();
      over_.emplace(stored.event->tenant, result.redrive == 0 ? id : id + ":" + std::to_string(result.redrive),
                    result.target);
    }
  }
}

World::~World() {
  engine_.reset();
}

void World::complain(const std::string& what) {
  trace("BROKEN " + what);
  broken_.push_back(what);
}

void World::trace(const std::string& line) const {
  if (is_tracing()) std::fprintf(stderr, "%s %s\n", format_rfc3339(clock.true_now()).c_str() + 11, line.c_str());
}

void World::start() {
  engine_random_ = make_seeded_random(random->next());
  const auto make = [this] {
    Engine::Parts parts{
        store,      network,
        clock,      *engine_random_,
        *listener_, [this](const PlatformId& platform) { credential_refused.push_back(platform.str()); }};
    return std::make_unique<Engine>(std::move(parts), catalog_, engine_options_);
  };
  engine_ = make();
  for (int tries = 0; !engine_->recover(); ++tries) {
    if (tries > 100) return complain("the engine does not start");
    engine_ = make();
  }
}

std::shared_ptr<const Catalog> World::catalog_under(
    std::map<std::string, conflict::EntityRulebook, std::less<>> rules) const {
  Options options;
  for (const auto& platform : platforms) options.platforms.push_back(platform->shape());
  options.rules = std::move(rules);
  return catalog_of(options);
}

void World::reload(const std::vector<PlatformShape>& shapes) {
  Options options;
  options.platforms = shapes;
  catalog_ = catalog_of(options);
  engine_->set_catalog(catalog_);
}

void World::set_rates(const std::map<std::string, std::string>& rates) {
  transform::Quotes quotes;
  for (const auto& [code, rate] : rates) {
    quotes.rates[Currency::parse(code).value()] = {Decimal::parse(rate).value()};
  }
  catalog_ = with_quotes(catalog_, std::move(quotes));
  engine_->set_catalog(catalog_);
}

void World::crash() {
  ++crashes;
  trace("CRASH");
  network.forget_callers();
  engine_.reset();
  store.abandon(crashes % 2 == 0);
  for (auto& [name, queue] : queues_) queue.under_way = false;
  start();
}

std::shared_ptr<Event> World::event_of(TestPlatform& platform, const TestPlatform::Told& told) const {
  const PlatformShape& shape = platform.shape();
  auto event = std::make_shared<Event>();
  event->tenant = told.tenant;
  event->entity = told.entity;
  event->verb = told.verb;
  event->type = told.entity + "_" + std::string(to_string(told.verb));
  event->source = shape.id;
  for (const auto& other : platforms) {
    if (other->shape().id != shape.id) event->targets.push_back(other->shape().id);
  }
  const std::vector<std::string> amount{shape.local("price"),
                                        shape.local("currency")};  // neither goes without the other
  const bool tells_amount = std::any_of(told.changed.begin(), told.changed.end(), [&amount](const std::string& name) {
    return name == amount[0] || name == amount[1];
  });
  for (const Field& field : told.copy.data) {
    const bool is_amount = field.name == amount[0] || field.name == amount[1];
    const bool changed = is_amount
                             ? tells_amount
                             : std::find(told.changed.begin(), told.changed.end(), field.name) != told.changed.end();
    const bool wanted = told.verb == Verb::kDeleted ? field.name == shape.local("email") : shape.sends_whole || changed;
    if (wanted || (shape.sends_email && field.name == shape.local("email"))) event->data.set(field.name, field.value);
  }
  event->data.set(shape.local("id"), Value::string(told.own_id));
  event->own_id = told.own_id;
  if (shape.sends_entity_id && !told.copy.entity_id.empty()) event->entity_id = EntityId(told.copy.entity_id);
  if (shape.sends_base && told.copy.seen_version > 0) event->base_version = told.copy.seen_version;
  if (shape.sends_occurred) event->occurred_at = clock.true_now() + shape.clock_skew;
  if (shape.sends_version) event->version = told.copy.own_version;
  event->order_key = order_key_of(*event);
  return event;
}

void World::send(std::shared_ptr<Event> event, microseconds delay, std::string idempotency_key) {
  Queue& queue = queues_[queue_of(event->tenant, event->source, event->entity, event->own_id)];
  Timestamp at = clock.true_now() + delay;
  if (!queue.messages.empty()) at = std::max(at, queue.messages.back().send_at);
  queue.messages.push_back({std::move(event), std::move(idempotency_key), at, false});
}

void World::send_again(std::shared_ptr<Event> event, microseconds delay) {
  Queue& queue = queues_["again " + std::to_string(next_event_++)];
  queue.messages.push_back({std::move(event), {}, clock.true_now() + delay, true});
}

std::optional<Timestamp> World::next_message() const {
  std::optional<Timestamp> next;
  for (const auto& [name, queue] : queues_) {
    if (queue.messages.empty() || queue.under_way) continue;
    const Timestamp at = queue.messages.front().send_at;
    next = next ? std::min(*next, at) : at;
  }
  return next;
}

void World::send_due() {
  for (auto at = queues_.begin(); at != queues_.end();) {
    Queue& queue = at->second;
    if (!queue.messages.empty() && !queue.under_way && queue.messages.front().send_at <= clock.true_now()) {
      send_now(at->first, queue);
    }
    at = queue.messages.empty() && !queue.under_way ? queues_.erase(at) : std::next(at);
  }
}

void World::send_now(const std::string& name, Queue& queue) {
  queue.under_way = true;
  std::vector<Submission> submissions;
  submissions.push_back(
      {std::make_shared<Event>(*queue.messages.front().event), queue.messages.front().idempotency_key});
  engine_->accept(std::move(submissions), [this, name](Result<std::vector<Receipt>> receipts) {
    Queue& sent = queues_.at(name);
    sent.under_way = false;
    Message& message = sent.messages.front();
    if (!receipts) {
      ++refused;
      if (receipts.error().code != ErrorCode::kUnavailable && receipts.error().code != ErrorCode::kOverloaded) {
        complain("accept answered " + receipts.error().message);
      }
      message.send_at = clock.true_now() + milliseconds{300};
      return;
    }
    const Receipt& receipt = receipts->front();
    if (receipt.status == Receipt::Status::kMismatch) complain("a mismatch for " + receipt.id.str());
    if (message.again && receipt.status != Receipt::Status::kDuplicate) complain("no duplicate: " + receipt.id.str());
    if (!message.event->id.empty() && receipt.id != message.event->id) complain("another id than sent");
    accepted_.insert(receipt.id.str());
    if (is_tracing()) trace(describe(*message.event, receipt));
    ++accepted;
    sent.messages.pop_front();
  });
}

Result<std::vector<Receipt>> World::accept(std::vector<std::shared_ptr<Event>> events, std::string idempotency_key) {
  std::vector<Submission> submissions;
  for (const auto& event : events) {
    if (event->order_key == 0) event->order_key = order_key_of(*event);
    submissions.push_back({std::make_shared<Event>(*event), idempotency_key});
  }
  Result<std::vector<Receipt>> result = fail(ErrorCode::kInternal, "no answer");
  engine_->accept(std::move(submissions),
                  [&result](Result<std::vector<Receipt>> answer) { result = std::move(answer); });
  step();
  if (store.is_far) step();  // it was answered when its transaction ended
  if (result) {
    for (const Receipt& receipt : *result) accepted_.insert(receipt.id.str());
  }
  return result;
}

Result<Redriven> World::redrive(const std::string& event_id) {
  note_dead_letters();
  Result<Redriven> result = fail(ErrorCode::kInternal, "no answer");
  engine_->redrive({}, event_id, [&result](Result<Redriven> answer) { result = std::move(answer); });
  step();
  return result;
}

Result<Redriven> World::redrive_all() {
  note_dead_letters();
  Result<Redriven> result = fail(ErrorCode::kInternal, "no answer");
  engine_->redrive(storage::Reader::EventFilter{}, [&result](Result<Redriven> answer) { result = std::move(answer); });
  step();
  return result;
}

Result<Conflict> World::decide(ReviewDecision decision) {
  return decide(std::vector<ReviewDecision>{std::move(decision)}).front();
}

std::vector<Result<Conflict>> World::decide(std::vector<ReviewDecision> decisions) {
  std::vector<Result<Conflict>> results(decisions.size(), fail(ErrorCode::kInternal, "no answer"));
  network.run();
  send_due();
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    engine_->decide(std::move(decisions[i]),
                    [&results, i](Result<Conflict> answer) { results[i] = std::move(answer); });
  }
  step();
  return results;
}

Result<Merged> World::merge(MergeRequest request) {
  Result<Merged> result = fail(ErrorCode::kInternal, "no answer");
  network.run();
  send_due();
  engine_->merge(std::move(request), [&result](Result<Merged> answer) { result = std::move(answer); });
  step();
  return result;
}

Result<EventId> World::undo(UndoRequest request) {
  Result<EventId> result = fail(ErrorCode::kInternal, "no answer");
  network.run();
  send_due();
  engine_->undo(std::move(request), [&result](Result<EventId> answer) { result = std::move(answer); });
  step();
  return result;
}

SteadyTime World::step() {
  clock.advance(microseconds{1});  // no two windows share a moment
  const SteadyTime due = engine_->step();
  if (!store.broken_rule().empty()) complain("the store refused: " + store.broken_rule());
  if (std::exchange(commits_seen_, store.commits) != store.commits) on_commit();
  if (crash_share > 0 && random->unit() < crash_share) {
    crash();
    return clock.steady_now();
  }
  return due;
}

void World::run_for(microseconds time) {
  const Timestamp end = clock.true_now() + time;
  milliseconds idle{1'000};
  while (broken_.size() < 5) {
    network.run();
    send_due();
    const SteadyTime due = step();
    Timestamp next = Timestamp{due.time_since_epoch()};
    const auto arrival = network.next();
    const auto message = next_message();
    // A window that is due only because something is parked or forgotten may come late: idle time is run through
    // quickly.
    if (!arrival && !message) {
      next = std::max(next, clock.true_now() + idle);
      idle = std::min(idle * 2, milliseconds{std::chrono::minutes{30}});
    } else {
      idle = milliseconds{1'000};
    }
    std::size_t requests = 0;
    for (const auto& platform : platforms) requests += platform->requests;
    const std::size_t events = store.events().size();
    if (events > kEventsMax || requests > kRequestsPerEventMax * (events + 20)) return complain("changes circulate");
    if (next <= clock.true_now()) {
      if (++idle_spins_ > kIdleSpinsMax) return complain("the engine spins");
    } else {
      idle_spins_ = 0;
    }
    if (arrival) next = std::min(next, *arrival);
    if (message) next = std::min(next, *message);
    if (next >= end) break;
    if (next > clock.true_now()) clock.advance(next - clock.true_now());
  }
  if (end > clock.true_now()) clock.advance(end - clock.true_now());
  // Whoever acts next has seen all that is done.
  for (int tries = 0; store.is_busy() && tries < 10; ++tries) step();
}

bool World::is_quiet() const {
  if (network.next() || !queues_.empty()) return false;
  const EngineSnapshot now = engine_->snapshot();
  const std::size_t waiting = now.waiting[0] + now.waiting[1] + now.waiting[2] + now.waiting[3];
  return waiting == 0 && now.unfinished == 0 && now.in_flight == 0 && now.pending == 0 && now.retry == 0 &&
         now.store_healthy;
}

bool World::run_until_quiet() {
  const Timestamp end = clock.true_now() + kQuietMax;
  microseconds slice = seconds{1};
  while (clock.true_now() < end && broken_.empty()) {
    run_for(slice);
    run_for(microseconds{10});  // a snapshot of after
    if (is_quiet()) return broken_.empty();
    slice = std::min<microseconds>(slice * 2, std::chrono::hours{1});
  }
  if (broken_.empty()) complain("it does not come to rest");
  return false;
}

const EventState* World::state_of(const std::string& event_id) const {
  const auto* stored = store.find(event_id);
  return stored == nullptr ? nullptr : &stored->state;
}

ResultStatus World::result_of(const std::string& event_id, std::size_t target) const {
  const EventState* state = state_of(event_id);
  if (state != nullptr) {
    for (const DeliveryResult& result : state->results) {
      if (result.target == platforms[target]->shape().id) return result.status;
    }
  }
  return ResultStatus::kReview;  // the pipeline gives none such yet
}

const Record* World::record_of(std::size_t platform, const std::string& own_id) const {
  const Hash128 link = identity_of_own_id(kTenant, kEntity, platforms[platform]->shape().id, own_id);
  const RecordKey* key = store.find_link(link);
  const auto at = key == nullptr ? store.records().end() : store.records().find(*key);
  return at == store.records().end() ? nullptr : &at->second;
}

}  // namespace datasync::pipeline
