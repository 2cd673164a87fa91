#include "delivery/connectors/rest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "delivery/connectors/http_outcome.h"
#include "delivery/connectors/path_template.h"
#include "delivery/connectors/request_headers.h"
#include "domain/json.h"
#include "net/url.h"

namespace datasync::delivery {
namespace {

using Kind = Outcome::Kind;

constexpr std::array<Verb, 3> kVerbs{Verb::kCreated, Verb::kUpdated, Verb::kDeleted};
constexpr std::size_t kItemsMax = 1'000;

/// `RestBulk`, ready for use.
struct Bulk {
  PathTemplate path;
  std::size_t items_max = 0;
  std::string items_member;
  std::optional<JsonPointer> results;
  JsonPointer status;
  JsonPointer id;
  std::vector<JsonPointer> message;
};

/// Where one verb of one entity goes, ready for use.
struct Endpoint {
  bool served = true;
  net::Method method = net::Method::kPost;
  PathTemplate path;
  RestBody body = RestBody::kEnvelope;
  std::map<int, Kind> outcomes;
  std::optional<Bulk> bulk;
};

struct Entity {
  std::string id_field;
  std::array<Endpoint, kVerbs.size()> endpoints;
};

constexpr std::size_t index_of(Verb verb) noexcept {
  return static_cast<std::size_t>(verb);
}

class RestConnector final : public Connector {
 public:
  explicit RestConnector(RestOptions options) : options_(std::move(options)) {}

  Result<void> prepare();

  const PlatformId& platform() const noexcept override { return options_.platform; }
  const net::Origin& origin() const noexcept override { return *origin_; }
  std::uint64_t account() const noexcept override { return account_of(options_.credential); }
  std::optional<TokenBucket::Options> rate_limit() const noexcept override { return options_.rate_limit; }
  bool serves(std::string_view entity, Verb verb) const override;
  std::size_t batch_max(std::string_view entity, Verb verb) const override;
  bool batches_with(const Change& first, const Change& next) const override;
  Result<net::ClientRequest> build(std::span<const Change* const> changes, std::string_view batch_key) const override;
  std::vector<Outcome> read(std::span<const Change* const> changes,
                            const Result<net::ClientResponse>& answer) const override;

 private:
  const Entity& entity_of(std::string_view name) const;
  /// The verb that is sent: a create of what is known to be there is an update.
  Verb verb_of(const Change& change, const Entity& entity) const;

  Result<Endpoint> prepare_endpoint(const std::string& entity, Verb verb, const RestVerb& special) const;
  Result<Bulk> prepare_bulk(const std::string& entity, Verb verb, const RestBulk& bulk) const;

  Result<std::string> target_of(const Change& change, const Entity& entity, bool batch) const;
  void append_item(std::string& out, const Change& change, const Entity& entity, RestBody body, bool with_key) const;
  void append_data(std::string& out, const Change& change, const Entity& entity) const;
  void append_batch(std::string& out, std::span<const Change* const> changes, const Entity& entity,
                    const Endpoint& endpoint) const;

  /// `POST /api/sync/user/create`, for messages; without the query, which may hold a key.
  std::string asked(const Change& change, bool batch) const;
  Kind kind_of(const Endpoint& endpoint, int status) const;
  Outcome judge(const Change& change, const net::ClientResponse& answer, bool batch) const;
  void learn(const Change& change, const net::ClientResponse& answer, Outcome& outcome) const;
  void explain(const Change& change, const net::ClientResponse& answer, bool batch, Outcome& outcome) const;
  void redirect_to_existing(const Change& change, std::optional<std::string> existing, Outcome& outcome) const;
  std::vector<Outcome> read_batch(std::span<const Change* const> changes, const net::ClientResponse& answer) const;
  Outcome judge_item(const Change& change, const Bulk& bulk, const Endpoint& endpoint, const Element& item) const;

  RestOptions options_;
  net::OriginPtr origin_;
  std::string base_path_;  // of the base URL, without the last slash
  RequestHeaders headers_;
  Entity unlisted_;
  std::map<std::string, Entity, std::less<>> entities_;
  std::vector<JsonPointer> id_places_;
  std::vector<JsonPointer> existing_id_places_;
  std::vector<JsonPointer> message_places_;
};

// ---- at start

Result<void> RestConnector::prepare() {
  const auto url = net::parse_url(options_.base_url);
  if (!url) return fail(ErrorCode::kInvalid, "base_url: " + url.error().message);
  origin_ = url->origin;
  base_path_ = url->target;
  if (base_path_.find('?') != std::string::npos) return fail(ErrorCode::kInvalid, "base_url: must have no query");
  while (base_path_.ends_with('/')) base_path_.pop_back();
  if (options_.timeout <= milliseconds{0}) return fail(ErrorCode::kInvalid, "timeout: must be above zero");

  auto headers = RequestHeaders::make(options_.credential, options_.headers);
  if (!headers) return fail(std::move(headers).error());
  headers_ = *std::move(headers);
  for (const auto& [name, texts, places] :
       {std::tuple{"id_pointers", &options_.id_pointers, &id_places_},
        std::tuple{"existing_id_pointers", &options_.existing_id_pointers, &existing_id_places_},
        std::tuple{"message_pointers", &options_.message_pointers, &message_places_}}) {
    auto pointers = parse_pointers(*texts);
    if (!pointers) return fail(ErrorCode::kInvalid, fmt::format("{}: {}", name, pointers.error().message));
    *places = *std::move(pointers);
  }

  for (const Verb verb : kVerbs) {
    auto endpoint = prepare_endpoint({}, verb, RestVerb{.served = options_.serves_unlisted});
    if (!endpoint) return fail(std::move(endpoint).error());
    unlisted_.endpoints[index_of(verb)] = *std::move(endpoint);
  }
  for (const auto& [name, special] : options_.entities) {
    Entity entity;
    entity.id_field = special.id_field;
    for (const Verb verb : kVerbs) {
      const auto at = special.verbs.find(verb);
      auto endpoint = prepare_endpoint(name, verb, at == special.verbs.end() ? RestVerb{} : at->second);
      if (!endpoint) {
        return fail(ErrorCode::kInvalid, fmt::format("{} {}: {}", name, imperative(verb), endpoint.error().message));
      }
      entity.endpoints[index_of(verb)] = *std::move(endpoint);
    }
    entities_.emplace(name, std::move(entity));
  }
  return {};
}

Result<Endpoint> RestConnector::prepare_endpoint(const std::string& entity, Verb verb, const RestVerb& special) const {
  Endpoint endpoint;
  endpoint.served = special.served;
  endpoint.method = special.method.value_or(options_.method);
  endpoint.body = special.body.value_or(options_.body);
  endpoint.outcomes = special.outcomes;
  if (endpoint.method == net::Method::kOther) return fail(ErrorCode::kInvalid, "method: is none of HTTP's");
  for (const auto& [status, kind] : endpoint.outcomes) {
    if (kind == Kind::kStepDone) return fail(ErrorCode::kInvalid, "outcomes: step_done has no meaning here");
  }
  auto path = PathTemplate::parse(base_path_ + special.path.value_or(options_.path));
  if (!path) return fail(std::move(path).error());
  endpoint.path = entity.empty() ? *path : path->bound_to(entity, imperative(verb));
  if (special.bulk) {
    auto bulk = prepare_bulk(entity, verb, *special.bulk);
    if (!bulk) return fail(ErrorCode::kInvalid, "bulk: " + bulk.error().message);
    if (endpoint.body == RestBody::kNone) return fail(ErrorCode::kInvalid, "bulk: needs a body");
    endpoint.bulk = *std::move(bulk);
  }
  return endpoint;
}

Result<Bulk> RestConnector::prepare_bulk(const std::string& entity, Verb verb, const RestBulk& bulk) const {
  if (bulk.items_max < 2 || bulk.items_max > kItemsMax)
    return fail(ErrorCode::kInvalid, "items_max: must be 2 to 1000");
  Bulk made;
  made.items_max = bulk.items_max;
  made.items_member = bulk.items_member;
  auto path = PathTemplate::parse(base_path_ + bulk.path);
  if (!path) return fail(std::move(path).error());
  if (path->names_the_id())
    return fail(ErrorCode::kInvalid, "path: one request has many ids, so {id} can't stand here");
  made.path = path->bound_to(entity, imperative(verb));
  JsonPointer message;
  for (const auto& [key, text, place] :
       {std::tuple{"status", &bulk.status, &made.status}, std::tuple{"id", &bulk.id, &made.id},
        std::tuple{"message", &bulk.message, &message}}) {
    auto pointer = JsonPointer::parse(*text);
    if (!pointer) return fail(ErrorCode::kInvalid, fmt::format("{}: {}", key, pointer.error().message));
    *place = *std::move(pointer);
  }
  made.message = {std::move(message)};
  if (bulk.results) {
    auto results = JsonPointer::parse(*bulk.results);
    if (!results) return fail(ErrorCode::kInvalid, "results: " + results.error().message);
    made.results = *std::move(results);
  }
  return made;
}

// ---- what is served

const Entity& RestConnector::entity_of(std::string_view name) const {
  const auto at = entities_.find(name);
  return at == entities_.end() ? unlisted_ : at->second;
}

bool RestConnector::serves(std::string_view entity, Verb verb) const {
  return entity_of(entity).endpoints[index_of(verb)].served;
}

std::size_t RestConnector::batch_max(std::string_view entity, Verb verb) const {
  const Endpoint& endpoint = entity_of(entity).endpoints[index_of(verb)];
  return endpoint.bulk ? endpoint.bulk->items_max : 1;
}

bool RestConnector::batches_with(const Change& first, const Change& next) const {
  return first.tenant == next.tenant && !first.repeat_as_update && !next.repeat_as_update;
}

Verb RestConnector::verb_of(const Change& change, const Entity& entity) const {
  // After an unknown outcome without an id, the same create under the same key is the right thing to say again.
  const bool as_update = change.verb == Verb::kCreated && change.repeat_as_update && !own_id_of(change).empty();
  return as_update && entity.endpoints[index_of(Verb::kUpdated)].served ? Verb::kUpdated : change.verb;
}

// ---- requests

/// What an item needs at most, unless much of it must be escaped.
std::size_t size_of(const Change& change) {
  constexpr std::size_t kPunctuation = 6;  // quotes, colon, comma, and an escape or two
  std::size_t bytes = 160 + change.event_type.size() + change.source.str().size() + change.tenant.str().size() +
                      change.user_id.size() + change.idempotency_key.size();
  for (const Field& field : change.data) bytes += field.name.size() + field.value.text().size() + kPunctuation;
  return bytes;
}

Result<net::ClientRequest> RestConnector::build(std::span<const Change* const> changes,
                                                std::string_view batch_key) const {
  if (changes.empty()) return fail(ErrorCode::kInternal, "a request needs a change");
  const Change& first = *changes.front();
  const Entity& entity = entity_of(first.entity);
  const Endpoint& endpoint = entity.endpoints[index_of(verb_of(first, entity))];
  const bool batch = changes.size() > 1;
  if (!endpoint.served)
    return fail(ErrorCode::kInvalid,
                fmt::format("{} serves no {} of {}", options_.platform.str(), imperative(first.verb), first.entity));
  if (batch && (!endpoint.bulk || changes.size() > endpoint.bulk->items_max)) {
    return fail(ErrorCode::kInternal, "more changes than fit into one request");
  }
  auto target = target_of(first, entity, batch);
  if (!target) return fail(std::move(target).error());

  net::ClientRequest request;
  request.origin = origin_;
  request.method = endpoint.method;
  request.target = *std::move(target);
  request.deadline = options_.timeout;
  headers_.append(request.header_block, first.tenant, batch ? batch_key : first.idempotency_key, first.traceparent);
  if (batch) {
    append_batch(request.body, changes, entity, endpoint);
  } else if (endpoint.body != RestBody::kNone) {
    request.body.reserve(size_of(first));
    append_item(request.body, first, entity, endpoint.body, false);
  }
  return request;
}

Result<std::string> RestConnector::target_of(const Change& change, const Entity& entity, bool batch) const {
  const Verb verb = verb_of(change, entity);
  const Endpoint& endpoint = entity.endpoints[index_of(verb)];
  const PathTemplate& path = batch && endpoint.bulk ? endpoint.bulk->path : endpoint.path;
  return path.fill(change.entity, imperative(verb), change);
}

void RestConnector::append_batch(std::string& out, std::span<const Change* const> changes, const Entity& entity,
                                 const Endpoint& endpoint) const {
  if (!endpoint.bulk->items_member.empty()) {
    out += '{';
    append_json_string(out, endpoint.bulk->items_member);
    out += ':';
  }
  std::size_t bytes = out.size();
  for (const Change* change : changes) bytes += size_of(*change);
  out.reserve(bytes);
  char before = '[';
  for (const Change* change : changes) {
    out += before;
    append_item(out, *change, entity, endpoint.body, true);
    before = ',';
  }
  out += ']';
  if (!endpoint.bulk->items_member.empty()) out += '}';
}

void RestConnector::append_item(std::string& out, const Change& change, const Entity& entity, RestBody body,
                                bool with_key) const {
  if (body == RestBody::kData) return append_data(out, change, entity);
  out += R"({"event_type":)";
  append_json_string(out, change.event_type);
  out += R"(,"source_platform":)";
  append_json_string(out, change.source.str());
  out += R"(,"data":)";
  append_data(out, change, entity);
  out += R"(,"tenant_id":)";
  append_json_string(out, change.tenant.str());
  out += R"(,"user_id":)";
  if (change.user_id.empty()) {
    out += "null";
  } else {
    append_json_string(out, change.user_id);
  }
  if (with_key) {
    out += R"(,"idempotency_key":)";
    append_json_string(out, change.idempotency_key);
  }
  out += '}';
}

void RestConnector::append_data(std::string& out, const Change& change, const Entity& entity) const {
  const bool as_update = change.verb == Verb::kCreated && change.repeat_as_update;
  const std::string_view own = as_update && !entity.id_field.empty() ? own_id_of(change) : std::string_view{};
  if (own.empty()) return change.data.append_json(out);
  Fields data = change.data;
  data.set(entity.id_field, Value::string(own));
  data.append_json(out);
}

// ---- answers

/// The first id at one of `places`. Nearly every answer is an object, and its members are read in one pass.
std::optional<std::string> find_id(std::string_view body, const std::vector<JsonPointer>& places, bool& is_json) {
  const auto members = parse_json_object(body);
  const auto other = members ? Result<Value>(Value{}) : parse_json(body);
  is_json = members || other;
  for (const JsonPointer& place : places) {
    std::optional<Value> value;
    if (members) {
      value = place.find(*members);
    } else if (other) {
      value = place.find(*other);
    }
    if (auto id = value ? id_of(*value) : std::nullopt) return id;
  }
  return std::nullopt;
}

std::string RestConnector::asked(const Change& change, bool batch) const {
  const Entity& entity = entity_of(change.entity);
  const std::string target = target_of(change, entity, batch).value_or("?");
  return fmt::format("{} {}", net::to_string(entity.endpoints[index_of(verb_of(change, entity))].method),
                     std::string_view(target).substr(0, target.find('?')));
}

std::vector<Outcome> RestConnector::read(std::span<const Change* const> changes,
                                         const Result<net::ClientResponse>& answer) const {
  const bool batch = changes.size() > 1;
  if (batch && answer) return read_batch(changes, *answer);
  if (const auto status = answer ? std::nullopt : status_before(answer.error()); status && !batch) {
    net::ClientResponse bodiless;
    bodiless.status = *status;
    return {judge(*changes.front(), bodiless, false)};
  }
  std::vector<Outcome> outcomes;
  outcomes.reserve(changes.size());
  for (const Change* change : changes) {
    if (answer) {
      outcomes.push_back(judge(*change, *answer, false));
    } else {
      outcomes.push_back(outcome_of_error(options_.platform.str(), asked(*change, batch), answer.error()));
      outcomes.back().whole_request = batch;
    }
  }
  return outcomes;
}

Outcome::Kind RestConnector::kind_of(const Endpoint& endpoint, int status) const {
  const auto special = endpoint.outcomes.find(status);
  if (special != endpoint.outcomes.end()) return special->second;
  const auto& good = options_.success_statuses;
  if (std::find(good.begin(), good.end(), status) != good.end()) return Kind::kDelivered;
  return kind_of_status(status);
}

Outcome RestConnector::judge(const Change& change, const net::ClientResponse& answer, bool batch) const {
  const Entity& entity = entity_of(change.entity);
  Outcome outcome;
  outcome.kind = kind_of(entity.endpoints[index_of(verb_of(change, entity))], answer.status);
  outcome.http_status = answer.status;
  outcome.whole_request = batch;
  if (outcome.kind == Kind::kDelivered) {
    if (!batch) learn(change, answer, outcome);
    return outcome;
  }
  // What an earlier attempt may have deleted is no longer there: that is what was wanted.
  if (answer.status == 404 && change.verb == Verb::kDeleted && change.repeat_as_update && !batch) {
    outcome.kind = Kind::kDelivered;
    return outcome;
  }
  // Of a batch as a whole it is the address that is not there.
  outcome.record_lost =
      answer.status == 404 && outcome.kind == Kind::kRejected && !batch && verb_of(change, entity) == Verb::kUpdated;
  outcome.retry_after = retry_after_of(answer);
  explain(change, answer, batch, outcome);
  if (answer.status == 409 && !batch) {
    bool is_json = false;
    auto existing = find_id(answer.body, existing_id_places_, is_json);
    redirect_to_existing(change, std::move(existing), outcome);
  }
  return outcome;
}

void RestConnector::redirect_to_existing(const Change& change, std::optional<std::string> existing,
                                         Outcome& outcome) const {
  // Only once: a platform that refuses the update, too, with 409 has another reason.
  const bool repeated = change.repeat_as_update && !own_id_of(change).empty();
  if (!existing || change.verb != Verb::kCreated || repeated || outcome.kind != Kind::kMovedOn) return;
  outcome.kind = Kind::kRepeat;
  outcome.learned.push_back({{}, *std::move(existing)});
}

void RestConnector::learn(const Change& change, const net::ClientResponse& answer, Outcome& outcome) const {
  const bool wanted = change.verb != Verb::kDeleted && !id_places_.empty() && own_id_of(change).empty();
  if (!wanted) return;
  const bool has_body = !answer.body.empty();
  bool is_json = false;
  if (auto id = find_id(answer.body, id_places_, is_json)) {
    outcome.learned.push_back({{}, *std::move(id)});
    return;
  }
  const bool needed = options_.id_required && change.verb == Verb::kCreated;
  if (!needed && !has_body) return;
  outcome.message =
      fmt::format("{} answered {} to {} {}; its id of the record was not learned", options_.platform.str(),
                  answer.status, asked(change, false), is_json ? "without a usable id" : "with a body that is no JSON");
  if (needed) outcome.kind = Kind::kUnknown;
}

void RestConnector::explain(const Change& change, const net::ClientResponse& answer, bool batch,
                            Outcome& outcome) const {
  const bool redirect = answer.status >= 300 && answer.status < 400;
  const std::string words = redirect
                                ? fmt::format("a redirect to {}, which is not followed: correct the platform's address",
                                              headers_.printable(answer.headers.get("Location")))
                                : headers_.printable(words_of(answer.body, message_places_));
  outcome.message =
      fmt::format("{} answered {} to {}: {}", options_.platform.str(), answer.status, asked(change, batch), words);
}

std::vector<Outcome> RestConnector::read_batch(std::span<const Change* const> changes,
                                               const net::ClientResponse& answer) const {
  const Entity& entity = entity_of(changes.front()->entity);
  const Endpoint& endpoint = entity.endpoints[index_of(verb_of(*changes.front(), entity))];
  std::vector<Outcome> outcomes;
  outcomes.reserve(changes.size());
  const Outcome whole = judge(*changes.front(), answer, true);
  if (whole.kind != Kind::kDelivered || !endpoint.bulk || !endpoint.bulk->results) {
    outcomes.assign(changes.size(), whole);
    return outcomes;
  }
  auto list = parse_elements(answer.body, endpoint.bulk->results->steps());
  const auto items = list && *list ? **std::move(list) : std::vector<Element>{};
  if (items.size() != changes.size()) {
    Outcome unknown = whole;
    unknown.kind = Kind::kUnknown;
    unknown.message = fmt::format("{} answered {} to {} of {} items with {} results", options_.platform.str(),
                                  answer.status, asked(*changes.front(), true), changes.size(), items.size());
    outcomes.assign(changes.size(), unknown);
    return outcomes;
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    outcomes.push_back(judge_item(*changes[i], *endpoint.bulk, endpoint, items[i]));
  }
  return outcomes;
}

Outcome RestConnector::judge_item(const Change& change, const Bulk& bulk, const Endpoint& endpoint,
                                  const Element& item) const {
  const auto status_value = bulk.status.find(item);
  const std::int64_t status = status_value ? status_value->as_integer().value_or(0) : 0;
  const auto id_in_item = [&bulk, &item] {
    const auto value = bulk.id.find(item);
    return value ? id_of(*value) : std::nullopt;
  };
  Outcome outcome;
  if (status < 100 || status > 599) {
    outcome.message =
        fmt::format("{} answered {} without a status for this item", options_.platform.str(), asked(change, true));
    return outcome;
  }
  outcome.http_status = static_cast<int>(status);
  outcome.kind = kind_of(endpoint, outcome.http_status);
  if (outcome.kind == Kind::kDelivered) {
    if (change.verb == Verb::kDeleted || !own_id_of(change).empty()) return outcome;
    if (auto id = id_in_item()) outcome.learned.push_back({{}, *std::move(id)});
    return outcome;
  }
  const std::string text = item.other ? item.other->text() : item.object.outer.to_json();
  outcome.record_lost = status == 404 && outcome.kind == Kind::kRejected && change.verb == Verb::kUpdated;
  outcome.message = fmt::format("{} answered {} to an item of {}: {}", options_.platform.str(), outcome.http_status,
                                asked(change, true), headers_.printable(words_of(text, bulk.message)));
  if (outcome.http_status == 409) redirect_to_existing(change, id_in_item(), outcome);
  return outcome;
}

}  // namespace

Result<std::unique_ptr<Connector>> make_rest_connector(RestOptions options) {
  const std::string name = options.platform.str();
  auto connector = std::make_unique<RestConnector>(std::move(options));
  if (auto ready = connector->prepare(); !ready) {
    return fail(ErrorCode::kInvalid, fmt::format("platform {}: {}", name, ready.error().message));
  }
  return std::unique_ptr<Connector>(std::move(connector));
}

}  // namespace datasync::delivery
