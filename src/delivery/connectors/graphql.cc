#include "delivery/connectors/graphql.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "delivery/connectors/graphql_document.h"
#include "delivery/connectors/http_outcome.h"
#include "delivery/connectors/request_headers.h"
#include "delivery/connectors/variables_template.h"
#include "domain/json.h"
#include "net/url.h"

namespace datasync::delivery {
namespace {

using Kind = Outcome::Kind;
using Codes = std::map<std::string, Kind, std::less<>>;

constexpr std::size_t kStepsMax = 30;
constexpr std::size_t kAliasesMax = 100;

/// A `GraphqlStep`, ready for use.
struct Step {
  std::string name;
  GraphqlDocument document;
  VariablesTemplate variables;
  std::string body_begin;  // `{"query":"…","operationName":"…","variables":`
  std::vector<std::string> needs;
  std::optional<std::string> unless_known;
  std::optional<std::string> only_if_known;
  std::vector<std::pair<std::string, JsonPointer>> learns;
  std::vector<JsonPointer> errors;
  Codes codes;
  Codes codes_on_repeat;
};
using Plan = std::vector<Step>;

struct Entity {
  std::array<Plan, 3> plans;  // by verb
  Plan repeat;
};

/// How far a change is, as `Change::steps_done` carries it: the place in the plan, and which way a create has gone.
struct Progress {
  /// A create begins as one; where the record may be there it goes on as an update; where it turns out not to be there
  /// after all, as a create again. Once more round, and the refusal stands.
  enum Phase : std::uint8_t { kFirst, kRepeat, kAgain, kLast } phase = kFirst;
  std::uint32_t next = 0;

  static Progress of(const Change& change) {
    Progress progress;
    progress.phase = static_cast<Phase>((change.steps_done >> 8U) & 3U);
    progress.next = change.steps_done & 0xffU;
    if (change.verb == Verb::kCreated && change.repeat_as_update && progress.phase == kFirst) return {kRepeat, 0};
    return progress;
  }
  [[nodiscard]] std::uint32_t packed() const { return (static_cast<std::uint32_t>(phase) << 8U) | next; }
  [[nodiscard]] bool as_update() const { return phase == kRepeat || phase == kLast; }
};

/// The step that a change is at.
struct Position {
  const Plan* plan = nullptr;
  const Step* step = nullptr;
  Progress progress;  // `next` is the step's index
};

/// One error of a payload, or of the answer's own `errors`.
struct Complaint {
  std::string code;
  std::string field;
  std::string words;
  bool own = false;      // of the answer, not of a payload
  bool invalid = false;  // of the answer: the request did not pass validation, so nothing was run
};

/// An answer that speaks GraphQL, taken apart once for all its changes.
struct Payloads {
  /// An error of the answer's own, and the root field that it concerns; none: it concerns them all.
  struct OwnError {
    std::optional<std::string> root;
    Complaint complaint;
  };
  Fields by_alias;  // the members of `data`
  std::vector<OwnError> errors;

  [[nodiscard]] std::vector<Complaint> complaints_of(std::string_view alias) const {
    std::vector<Complaint> complaints;
    for (const OwnError& error : errors) {
      if (!error.root || *error.root == alias) complaints.push_back(error.complaint);
    }
    return complaints;
  }
};

/// The worse, the more it decides where several errors stand together.
int gravity(Kind kind) {
  switch (kind) {
    case Kind::kDelivered:
    case Kind::kStepDone:
      return 0;
    case Kind::kRepeat:
      return 1;
    case Kind::kRefused:
      return 2;
    case Kind::kUnknown:
      return 3;
    case Kind::kMovedOn:
      return 4;
    case Kind::kGone:
      return 5;
    case Kind::kRejected:
      return 6;
    case Kind::kUnauthorized:
      return 7;
  }
  return 6;
}

std::optional<Kind> find_code(const Codes& codes, const Complaint& complaint) {
  if (!complaint.field.empty()) {
    const auto exact = codes.find(complaint.code + ':' + complaint.field);
    if (exact != codes.end()) return exact->second;
  }
  const auto at = codes.find(complaint.code);
  if (at == codes.end()) return std::nullopt;
  return at->second;
}

class GraphqlConnector final : public Connector {
 public:
  explicit GraphqlConnector(GraphqlOptions options) : options_(std::move(options)) {}

  Result<void> prepare();

  const PlatformId& platform() const noexcept override { return options_.platform; }
  const net::Origin& origin() const noexcept override { return *url_.origin; }
  std::uint64_t account() const noexcept override { return account_of(options_.credential); }
  std::optional<TokenBucket::Options> rate_limit() const noexcept override { return options_.rate_limit; }
  bool serves(std::string_view entity, Verb verb) const override;
  std::size_t batch_max(std::string_view entity, Verb verb) const override;
  bool batches_with(const Change& first, const Change& next) const override;
  Result<net::ClientRequest> build(std::span<const Change* const> changes, std::string_view batch_key) const override;
  std::vector<Outcome> read(std::span<const Change* const> changes,
                            const Result<net::ClientResponse>& answer) const override;

 private:
  static Result<Plan> prepare_plan(const std::vector<GraphqlStep>& steps);
  static Result<Step> prepare_step(const GraphqlStep& options);

  const Plan* plan_of(const Change& change, Progress progress) const;
  Position position_of(const Change& change) const;
  Position position_of(const Change& change, Progress progress, const std::vector<OwnId>& learned) const;

  Result<std::string> body_of_one(const Change& change, const Position& position) const;
  Result<std::string> body_of_many(std::span<const Change* const> changes) const;
  std::string key_of(const Change& change, const Position& position, std::string_view key) const;

  std::string what(const Change& change, const Position& position) const;
  Outcome judge_answer(const Change& change, const Position& position, std::string_view alias,
                       const net::ClientResponse& answer, const std::optional<Payloads>& payloads,
                       std::string_view body) const;
  Outcome judge(const Change& change, const Position& position, std::string_view alias, const Payloads& payloads) const;
  Outcome judge_payload(const Change& change, const Position& position, const Element& payload) const;
  Outcome judge_complaints(const Change& change, const Position& position,
                           const std::vector<Complaint>& complaints) const;
  Kind kind_of(const Change& change, const Step& step, const Complaint& complaint) const;
  bool says_absent(const Step& step, const Change& change, const Complaint& complaint) const;
  std::vector<OwnId> learn(const Step& step, const Element& payload) const;
  void go_on(const Change& change, const Position& position, Outcome& outcome) const;
  void turn(const Change& change, const Position& position, bool absent, Outcome& outcome) const;

  GraphqlOptions options_;
  net::Url url_;
  RequestHeaders headers_;
  std::map<std::string, Entity, std::less<>> entities_;
  Codes codes_;
  std::set<std::string, std::less<>> absent_codes_;
  std::vector<JsonPointer> message_places_;
};

// ---- at start

Result<void> GraphqlConnector::prepare() {
  auto url = net::parse_url(options_.url);
  if (!url) return fail(ErrorCode::kInvalid, "url: " + url.error().message);
  url_ = *std::move(url);
  if (options_.timeout <= milliseconds{0}) return fail(ErrorCode::kInvalid, "timeout: must be above zero");
  if (options_.aliases_max < 1 || options_.aliases_max > kAliasesMax) {
    return fail(ErrorCode::kInvalid, "aliases_max: must be 1 to 100");
  }
  auto headers = RequestHeaders::make(options_.credential, options_.headers);
  if (!headers) return fail(std::move(headers).error());
  headers_ = *std::move(headers);
  codes_.insert(shipped_codes().begin(), shipped_codes().end());
  for (const auto& [code, kind] : options_.codes) codes_[code] = kind;
  absent_codes_.insert(options_.absent_codes.begin(), options_.absent_codes.end());
  auto places = parse_pointers({"/errors/0/message", "/detail", "/message", "/error"});
  if (!places) return fail(std::move(places).error());
  message_places_ = *std::move(places);

  for (const auto& [name, special] : options_.entities) {
    Entity entity;
    for (const auto& [verb, steps, plan] : {std::tuple{"create", &special.create, &entity.plans[0]},
                                            std::tuple{"update", &special.update, &entity.plans[1]},
                                            std::tuple{"delete", &special.remove, &entity.plans[2]},
                                            std::tuple{"repeat", &special.repeat, &entity.repeat}}) {
      auto made = prepare_plan(*steps);
      if (!made) return fail(ErrorCode::kInvalid, fmt::format("{} {}: {}", name, verb, made.error().message));
      *plan = *std::move(made);
    }
    entities_.emplace(name, std::move(entity));
  }
  return {};
}

Result<Plan> GraphqlConnector::prepare_plan(const std::vector<GraphqlStep>& steps) {
  if (steps.size() > kStepsMax) return fail(ErrorCode::kInvalid, "has more than 30 steps");
  Plan plan;
  for (const GraphqlStep& options : steps) {
    const bool taken =
        std::any_of(plan.begin(), plan.end(), [&](const Step& step) { return step.name == options.name; });
    if (options.name.empty() || taken) return fail(ErrorCode::kInvalid, "each step needs a name of its own");
    auto step = prepare_step(options);
    if (!step) return fail(ErrorCode::kInvalid, fmt::format("step {}: {}", options.name, step.error().message));
    plan.push_back(*std::move(step));
  }
  return plan;
}

Result<Step> GraphqlConnector::prepare_step(const GraphqlStep& options) {
  Step step;
  step.name = options.name;
  step.needs = options.needs;
  step.unless_known = options.unless_known;
  step.only_if_known = options.only_if_known;
  step.codes.insert(options.codes.begin(), options.codes.end());
  step.codes_on_repeat.insert(options.codes_on_repeat.begin(), options.codes_on_repeat.end());

  auto document = GraphqlDocument::parse(options.document);
  if (!document) return fail(std::move(document).error());
  step.document = *std::move(document);
  auto variables = VariablesTemplate::parse(options.variables);
  if (!variables) return fail(std::move(variables).error());
  step.variables = *std::move(variables);

  const auto given = step.variables.names();
  const auto& declared = step.document.variables();
  for (const std::string& name : given) {
    const bool known =
        std::any_of(declared.begin(), declared.end(), [&](const auto& variable) { return variable.name == name; });
    if (!known) return fail(ErrorCode::kInvalid, fmt::format("gives ${}, which its document does not declare", name));
  }
  for (const auto& variable : declared) {
    if (variable.required && std::find(given.begin(), given.end(), variable.name) == given.end()) {
      return fail(ErrorCode::kInvalid, fmt::format("gives no ${}, which its document needs", variable.name));
    }
  }
  auto errors = parse_pointers(options.errors);
  if (!errors) return fail(ErrorCode::kInvalid, "errors: " + errors.error().message);
  step.errors = *std::move(errors);
  for (const auto& [role, text] : options.learns) {
    auto pointer = JsonPointer::parse(text);
    if (!pointer) {
      const std::string_view shown = role.empty() ? "record" : std::string_view(role);
      return fail(ErrorCode::kInvalid, fmt::format("learns {}: {}", shown, pointer.error().message));
    }
    step.learns.emplace_back(role, *std::move(pointer));
  }
  step.body_begin = R"({"query":)";
  append_json_string(step.body_begin, step.document.text());
  step.body_begin += R"(,"operationName":)";
  append_json_string(step.body_begin, step.document.name());
  step.body_begin += R"(,"variables":)";
  return step;
}

// ---- where a change is

bool GraphqlConnector::serves(std::string_view entity, Verb verb) const {
  const auto at = entities_.find(entity);
  return at != entities_.end() && !at->second.plans[static_cast<std::size_t>(verb)].empty();
}

std::size_t GraphqlConnector::batch_max(std::string_view entity, Verb verb) const {
  return serves(entity, verb) ? options_.aliases_max : 1;
}

const Plan* GraphqlConnector::plan_of(const Change& change, Progress progress) const {
  const auto at = entities_.find(change.entity);
  if (at == entities_.end()) return nullptr;
  const Entity& entity = at->second;
  const bool as_update = change.verb == Verb::kCreated && progress.as_update();
  if (!as_update) return &entity.plans[static_cast<std::size_t>(change.verb)];
  return entity.repeat.empty() ? &entity.plans[static_cast<std::size_t>(Verb::kUpdated)] : &entity.repeat;
}

Position GraphqlConnector::position_of(const Change& change) const {
  return position_of(change, Progress::of(change), {});
}

Position GraphqlConnector::position_of(const Change& change, Progress progress,
                                       const std::vector<OwnId>& learned) const {
  const auto known = [&](const std::string& role) {
    return !own_id_of(change, role).empty() ||
           std::any_of(learned.begin(), learned.end(), [&role](const OwnId& own) { return own.role == role; });
  };
  Position position{plan_of(change, progress), nullptr, progress};
  if (position.plan == nullptr) return position;
  for (; position.progress.next < position.plan->size(); ++position.progress.next) {
    const Step& step = (*position.plan)[position.progress.next];
    const bool needed =
        step.needs.empty() || std::any_of(step.needs.begin(), step.needs.end(),
                                          [&](const std::string& field) { return change.data.contains(field); });
    const bool done = step.unless_known && known(*step.unless_known);
    const bool possible = !step.only_if_known || known(*step.only_if_known);
    if (!needed || done || !possible) continue;
    position.step = &step;
    break;
  }
  return position;
}

bool GraphqlConnector::batches_with(const Change& first, const Change& next) const {
  const Position a = position_of(first);
  const Position b = position_of(next);
  return options_.aliases_max > 1 && first.tenant == next.tenant && a.step != nullptr && b.step != nullptr &&
         a.step->document.operation() == b.step->document.operation();
}

// ---- requests

Result<net::ClientRequest> GraphqlConnector::build(std::span<const Change* const> changes,
                                                   std::string_view batch_key) const {
  if (changes.empty() || changes.size() > options_.aliases_max) {
    return fail(ErrorCode::kInternal, "a request holds 1 to aliases_max changes");
  }
  const Change& first = *changes.front();
  const Position position = position_of(first);
  if (position.plan == nullptr || position.plan->empty()) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{} serves no {} of {}", options_.platform.str(), imperative(first.verb), first.entity));
  }
  if (position.step == nullptr) return fail(ErrorCode::kNotFound, "nothing of this change can be said there");
  const bool batch = changes.size() > 1;
  auto body = batch ? body_of_many(changes) : body_of_one(first, position);
  if (!body) return fail(std::move(body).error());

  net::ClientRequest request;
  request.origin = url_.origin;
  request.target = url_.target;
  request.deadline = options_.timeout;
  request.body = *std::move(body);
  const std::string key = key_of(first, position, batch ? batch_key : std::string_view(first.idempotency_key));
  headers_.append(request.header_block, first.tenant, key, first.traceparent);
  return request;
}

std::string GraphqlConnector::key_of(const Change& change, const Position& position, std::string_view key) const {
  if (!options_.key_per_step) return std::string(key);
  const bool repeated = change.verb == Verb::kCreated && position.progress.phase != Progress::kFirst;
  return fmt::format("{}:{}{}", key, position.step->name,
                     repeated ? fmt::format(":{}", static_cast<int>(position.progress.phase)) : "");
}

/// Errors: `kInvalid` for a variable that the document needs and the change has no value for.
Result<Fields> variables_of(const Change& change, const Step& step) {
  auto variables = step.variables.fill(change);
  if (!variables) return fail(ErrorCode::kInvalid, fmt::format("step {}: {}", step.name, variables.error().message));
  for (const auto& variable : step.document.variables()) {
    if (variable.required && !variables->contains(variable.name)) {
      return fail(ErrorCode::kInvalid, fmt::format("step {}: there is no value for ${}", step.name, variable.name));
    }
  }
  return variables;
}

Result<std::string> GraphqlConnector::body_of_one(const Change& change, const Position& position) const {
  const auto variables = variables_of(change, *position.step);
  if (!variables)
    return fail(ErrorCode::kInvalid, fmt::format("{} can't be told of this {}: {}", options_.platform.str(),
                                                 change.entity, variables.error().message));
  std::string body;
  body.reserve(position.step->body_begin.size() + 512);
  body += position.step->body_begin;
  variables->append_json(body);
  body += '}';
  return body;
}

Result<std::string> GraphqlConnector::body_of_many(std::span<const Change* const> changes) const {
  std::string definitions;
  std::string fields;
  Fields all;
  std::optional<GraphqlDocument::Operation> operation;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const Position position = position_of(*changes[i]);
    if (position.step == nullptr)
      return fail(ErrorCode::kNotFound, "nothing of one of these changes can be said there");
    const GraphqlDocument& document = position.step->document;
    if (operation && *operation != document.operation())
      return fail(ErrorCode::kInternal, "a request is a query or a mutation");
    operation = document.operation();
    auto variables = variables_of(*changes[i], *position.step);
    if (!variables) return fail(std::move(variables).error());
    const std::string suffix = fmt::format("_{}", i);
    for (const auto& [name, value] : *variables) all.set(name + suffix, value);
    if (!document.variables().empty()) {
      if (!definitions.empty()) definitions += ',';
      document.append_definitions(definitions, suffix);
    }
    if (!fields.empty()) fields += ' ';
    document.append_field(fields, fmt::format("c{}", i), suffix);
  }
  const bool query = operation == GraphqlDocument::Operation::kQuery;
  std::string text = query ? "query Batch" : "mutation Batch";
  if (!definitions.empty()) text += '(' + definitions + ')';
  text += '{' + fields + '}';
  std::string body = R"({"query":)";
  append_json_string(body, text);
  body += R"(,"operationName":"Batch","variables":)";
  all.append_json(body);
  body += '}';
  return body;
}

// ---- answers

std::vector<Payloads::OwnError> own_errors(const Value& errors) {
  std::vector<Payloads::OwnError> found;
  for (const Value& error : elements_of(errors)) {
    const Fields members = members_of(error);
    const Value* path = members.find("path");
    const auto steps = path == nullptr ? std::vector<Value>{} : elements_of(*path);
    Payloads::OwnError own;
    if (!steps.empty()) own.root = steps.front().as_string().value_or("");
    Complaint& complaint = own.complaint;
    complaint.own = true;
    complaint.invalid = steps.empty() && members.contains("locations");
    const Value* message = members.find("message");
    if (message != nullptr) complaint.words = message->as_string().value_or("");
    const Value* extensions = members.find("extensions");
    const Fields more = extensions == nullptr ? Fields{} : members_of(*extensions);
    const Value* exception = more.find("exception");
    const Fields thrown = exception == nullptr ? Fields{} : members_of(*exception);
    for (const Value* code : {thrown.find("code"), more.find("code")}) {  // the later one counts
      if (code != nullptr) complaint.code = code->as_string().value_or(complaint.code);
    }
    found.push_back(std::move(own));
  }
  return found;
}

/// None where the answer is no GraphQL.
std::optional<Payloads> payloads_of(const Result<Fields>& json) {
  const Value* data = json ? json->find("data") : nullptr;
  const Value* errors = json ? json->find("errors") : nullptr;
  if (data == nullptr && errors == nullptr) return std::nullopt;
  Payloads payloads;
  if (data != nullptr) payloads.by_alias = members_of(*data);
  if (errors != nullptr) payloads.errors = own_errors(*errors);
  return payloads;
}

/// The errors of a payload; none if `errors` is no list of objects.
std::optional<std::vector<Complaint>> payload_complaints(const Value& errors) {
  std::vector<Complaint> complaints;
  if (errors.is_null()) return complaints;
  if (errors.kind() != Value::Kind::kArray) return std::nullopt;
  for (const Value& error : elements_of(errors)) {
    if (error.kind() != Value::Kind::kObject) return std::nullopt;
    const Fields members = members_of(error);
    const auto text = [&members](std::string_view name) {
      const Value* value = members.find(name);
      return value == nullptr ? std::string{} : value->as_string().value_or("");
    };
    Complaint complaint;
    complaint.code = text("code");
    complaint.field = text("field");
    complaint.words = text("message");
    complaints.push_back(std::move(complaint));
  }
  return complaints;
}

std::string GraphqlConnector::what(const Change& change, const Position& position) const {
  return fmt::format("{} ({} {}, step {})", position.step->document.field(), imperative(change.verb), change.entity,
                     position.step->name);
}

std::vector<Outcome> GraphqlConnector::read(std::span<const Change* const> changes,
                                            const Result<net::ClientResponse>& answer) const {
  const bool batch = changes.size() > 1;
  const std::string_view body = answer ? std::string_view(answer->body) : std::string_view{};
  const Result<Fields> json = body.empty() ? fail(ErrorCode::kInvalid, "no body") : parse_json_object(body);
  const Value* data = json ? json->find("data") : nullptr;
  const std::optional<Payloads> payloads = payloads_of(json);
  std::vector<Outcome> outcomes;
  outcomes.reserve(changes.size());
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const Change& change = *changes[i];
    const Position position = position_of(change);
    if (position.step == nullptr) {  // never sent: `build` said so
      outcomes.emplace_back().kind = Kind::kDelivered;
      outcomes.back().steps_done = change.steps_done;
      continue;
    }
    Outcome outcome;
    if (!answer) {
      outcome = outcome_of_error(options_.platform.str(), what(change, position), answer.error());
      outcome.steps_done = change.steps_done;
    } else {
      const std::string alias = batch ? fmt::format("c{}", i) : position.step->document.response_key();
      outcome = judge_answer(change, position, alias, *answer, payloads, body);
      outcome.http_status = answer->status;
      outcome.retry_after = retry_after_of(*answer);
    }
    outcome.whole_request = batch && (data == nullptr || data->is_null());
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

Outcome GraphqlConnector::judge_answer(const Change& change, const Position& position, std::string_view alias,
                                       const net::ClientResponse& answer, const std::optional<Payloads>& payloads,
                                       std::string_view body) const {
  const bool success = answer.status >= 200 && answer.status < 300;
  if (success && payloads) return judge(change, position, alias, *payloads);
  if (payloads && answer.status < 500 && !payloads->complaints_of(alias).empty()) {
    // A code may say more than a 400 does; where it does not, the status decides.
    Outcome outcome = judge(change, position, alias, *payloads);
    const bool plain = outcome.kind == Kind::kRejected || outcome.kind == Kind::kRefused;
    if (plain) outcome.kind = kind_of_status(answer.status);
    return outcome;
  }
  Outcome outcome;
  // A success that is no GraphQL: something between us and the platform answers, or it broke off.
  outcome.kind = success ? Kind::kUnknown : kind_of_status(answer.status);
  outcome.steps_done = change.steps_done;
  outcome.message =
      fmt::format("{} answered {} to {}{}: {}", options_.platform.str(), answer.status, what(change, position),
                  success ? " with what is no GraphQL" : "", headers_.printable(words_of(body, message_places_)));
  return outcome;
}

Outcome GraphqlConnector::judge(const Change& change, const Position& position, std::string_view alias,
                                const Payloads& payloads) const {
  const auto complaints = payloads.complaints_of(alias);
  if (!complaints.empty()) return judge_complaints(change, position, complaints);
  const Value* payload = payloads.by_alias.find(alias);
  const bool query = position.step->document.operation() == GraphqlDocument::Operation::kQuery;
  const bool usable = payload != nullptr && (payload->kind() == Value::Kind::kObject || (query && payload->is_null()));
  if (usable && payload->is_null()) return judge_payload(change, position, Element{{}, *payload});
  if (usable) return judge_payload(change, position, Element{{members_of(*payload), {}, false}, std::nullopt});
  Outcome outcome;
  outcome.kind = Kind::kUnknown;
  outcome.steps_done = change.steps_done;
  outcome.message = fmt::format("{} answered {} without its payload and without an error", options_.platform.str(),
                                what(change, position));
  return outcome;
}

Outcome GraphqlConnector::judge_payload(const Change& change, const Position& position, const Element& payload) const {
  std::vector<Complaint> complaints;
  for (const JsonPointer& place : position.step->errors) {
    const auto errors = place.find(payload);
    auto found = errors ? payload_complaints(*errors) : std::vector<Complaint>{};
    if (!found) {
      Outcome outcome;
      outcome.steps_done = change.steps_done;
      outcome.message =
          fmt::format("{} answered {} with errors that are none", options_.platform.str(), what(change, position));
      return outcome;
    }
    std::move(found->begin(), found->end(), std::back_inserter(complaints));
  }
  if (!complaints.empty()) return judge_complaints(change, position, complaints);
  Outcome outcome;
  outcome.learned = learn(*position.step, payload);
  go_on(change, position, outcome);
  return outcome;
}

std::vector<OwnId> GraphqlConnector::learn(const Step& step, const Element& payload) const {
  std::vector<OwnId> learned;
  for (const auto& [role, place] : step.learns) {
    const auto value = place.find(payload);
    auto id = value ? string_id_of(*value) : std::nullopt;
    if (id) learned.push_back({role, *std::move(id)});
  }
  return learned;
}

bool GraphqlConnector::says_absent(const Step& step, const Change& change, const Complaint& complaint) const {
  const bool told_otherwise =
      find_code(step.codes, complaint) || (change.repeat_as_update && find_code(step.codes_on_repeat, complaint));
  if (told_otherwise) return false;
  return absent_codes_.contains(complaint.code) || absent_codes_.contains(complaint.code + ':' + complaint.field);
}

Kind GraphqlConnector::kind_of(const Change& change, const Step& step, const Complaint& complaint) const {
  if (change.repeat_as_update) {
    if (const auto kind = find_code(step.codes_on_repeat, complaint)) return *kind;
  }
  if (const auto kind = find_code(step.codes, complaint)) return *kind;
  if (says_absent(step, change, complaint)) return Kind::kMovedOn;  // `turn` says what that means
  // What broke inside the platform while it ran the operation may work the next time.
  const Kind unlisted = complaint.own && !complaint.invalid ? Kind::kRefused : Kind::kRejected;
  return find_code(codes_, complaint).value_or(unlisted);
}

Outcome GraphqlConnector::judge_complaints(const Change& change, const Position& position,
                                           const std::vector<Complaint>& complaints) const {
  const Complaint* worst = nullptr;
  Kind kind = Kind::kDelivered;
  for (const Complaint& complaint : complaints) {
    const Kind its = kind_of(change, *position.step, complaint);
    if (worst == nullptr || gravity(its) > gravity(kind)) {
      worst = &complaint;
      kind = its;
    }
  }
  Outcome outcome;
  outcome.kind = kind;
  outcome.steps_done = change.steps_done;
  outcome.message =
      fmt::format("{} answered {}{}{} to {}: {}", options_.platform.str(),
                  worst->code.empty() ? "an error" : headers_.printable(worst->code, 64),
                  worst->field.empty() ? "" : " on ", headers_.printable(worst->field, 64), what(change, position),
                  worst->words.empty() ? "(no words)" : headers_.printable(worst->words));
  if (kind == Kind::kDelivered || kind == Kind::kStepDone) {
    go_on(change, position, outcome);
  } else if (kind == Kind::kRepeat || says_absent(*position.step, change, *worst)) {
    turn(change, position, kind != Kind::kRepeat, outcome);
  }
  return outcome;
}

/// The step is done: what comes next?
void GraphqlConnector::go_on(const Change& change, const Position& position, Outcome& outcome) const {
  Progress after = position.progress;
  ++after.next;
  outcome.kind = position_of(change, after, outcome.learned).step == nullptr ? Kind::kDelivered : Kind::kStepDone;
  outcome.steps_done = after.packed();
}

/// The record is there where we thought it was not, or the other way round.
void GraphqlConnector::turn(const Change& change, const Position& position, bool absent, Outcome& outcome) const {
  const Progress::Phase phase = position.progress.phase;
  const bool create = change.verb == Verb::kCreated;
  if (absent && change.verb == Verb::kDeleted) {
    go_on(change, position, outcome);
  } else if (absent && create && phase == Progress::kRepeat) {
    outcome.kind = Kind::kStepDone;
    outcome.steps_done = Progress{Progress::kAgain, 0}.packed();
  } else if (!absent && create && !position.progress.as_update()) {
    outcome.kind = Kind::kRepeat;
    outcome.steps_done = Progress{phase == Progress::kFirst ? Progress::kRepeat : Progress::kLast, 0}.packed();
  } else {
    outcome.kind = Kind::kRejected;
    outcome.record_lost = absent && !create;
  }
}

}  // namespace

const std::map<std::string, Outcome::Kind>& shipped_codes() {
  static const std::map<std::string, Kind> codes{
      {"UNIQUE", Kind::kRepeat},
      {"ALREADY_EXISTS", Kind::kRepeat},
      // Saleor: the names of the exceptions that it throws
      {"PermissionDenied", Kind::kUnauthorized},
      {"ExpiredSignatureError", Kind::kUnauthorized},
      {"InvalidTokenError", Kind::kUnauthorized},
      {"InvalidSignatureError", Kind::kUnauthorized},
      {"DecodeError", Kind::kUnauthorized},
      {"ReadOnlyException", Kind::kRefused},
      {"QueryCostError", Kind::kRejected},
      {"OperationalError", Kind::kRefused},
      {"DatabaseError", Kind::kRefused},
      {"InternalServerError", Kind::kRefused},
      // other servers
      {"UNAUTHENTICATED", Kind::kUnauthorized},
      {"FORBIDDEN", Kind::kUnauthorized},
      {"JWT_EXPIRED", Kind::kUnauthorized},
      {"THROTTLED", Kind::kRefused},
      {"RATE_LIMITED", Kind::kRefused},
      {"TOO_MANY_REQUESTS", Kind::kRefused},
      {"GRAPHQL_PARSE_FAILED", Kind::kRejected},
      {"GRAPHQL_VALIDATION_FAILED", Kind::kRejected},
      {"BAD_USER_INPUT", Kind::kRejected},
      {"INTERNAL_SERVER_ERROR", Kind::kRefused},
      {"SERVICE_UNAVAILABLE", Kind::kRefused},
      {"TIMEOUT", Kind::kUnknown},
  };
  return codes;
}

Result<std::unique_ptr<Connector>> make_graphql_connector(GraphqlOptions options) {
  const std::string name = options.platform.str();
  auto connector = std::make_unique<GraphqlConnector>(std::move(options));
  if (auto ready = connector->prepare(); !ready) {
    return fail(ErrorCode::kInvalid, fmt::format("platform {}: {}", name, ready.error().message));
  }
  return std::unique_ptr<Connector>(std::move(connector));
}

}  // namespace datasync::delivery
