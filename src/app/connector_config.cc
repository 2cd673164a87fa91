#include "app/connector_config.h"

#include <array>
#include <charconv>
#include <cmath>

#include "net/url.h"
#include "pipeline/verification.h"

namespace datasync::app {
namespace {

using delivery::GraphqlEntity;
using delivery::GraphqlOptions;
using delivery::GraphqlStep;
using delivery::Outcome;
using delivery::RestBody;
using delivery::RestOptions;
using delivery::RestVerb;

template <typename Choice>
using Words = std::pair<std::string_view, Choice>;

constexpr std::array<Words<Outcome::Kind>, 9> kOutcomes{{{"delivered", Outcome::Kind::kDelivered},
                                                         {"step_done", Outcome::Kind::kStepDone},
                                                         {"repeat", Outcome::Kind::kRepeat},
                                                         {"refused", Outcome::Kind::kRefused},
                                                         {"unknown", Outcome::Kind::kUnknown},
                                                         {"rejected", Outcome::Kind::kRejected},
                                                         {"moved_on", Outcome::Kind::kMovedOn},
                                                         {"unauthorized", Outcome::Kind::kUnauthorized},
                                                         {"gone", Outcome::Kind::kGone}}};
constexpr std::array<Words<net::Method>, 5> kMethods{{{"GET", net::Method::kGet},
                                                      {"POST", net::Method::kPost},
                                                      {"PUT", net::Method::kPut},
                                                      {"PATCH", net::Method::kPatch},
                                                      {"DELETE", net::Method::kDelete}}};
constexpr std::array<Words<RestBody>, 3> kBodies{
    {{"envelope", RestBody::kEnvelope}, {"data", RestBody::kData}, {"none", RestBody::kNone}}};
constexpr std::array<Words<Verb>, 3> kVerbs{
    {{"create", Verb::kCreated}, {"update", Verb::kUpdated}, {"delete", Verb::kDeleted}}};

/// What the YAML says goes over what the options have as their default.
template <typename Value, typename Read>
void take(Value& into, std::optional<Read> read) {
  if (read) into = static_cast<Value>(*std::move(read));
}

std::map<std::string, Outcome::Kind> read_outcomes(ConfigSection& parent, std::string_view key) {
  std::map<std::string, Outcome::Kind> outcomes;
  ConfigSection section = parent.section(key);
  for (const auto& [code, unused] : section.members()) {
    if (const auto kind = section.choice<Outcome::Kind>(code, kOutcomes)) outcomes.emplace(code, *kind);
  }
  return outcomes;
}

std::optional<delivery::TokenBucket::Options> read_rate_limit(ConfigSection& connection) {
  if (!connection.has("rate_limit")) return std::nullopt;
  ConfigSection section = connection.section("rate_limit");
  if (!section.has("requests_per_second"))
    section.refuse("requests_per_second", "is missing: 10, or 0.5 for 30 a minute");
  const double rate = section.decimal("requests_per_second", 0.001, 10'000).value_or(1);
  const auto burst = static_cast<std::int64_t>(std::ceil(rate));  // what a second grants
  return delivery::TokenBucket::Options{
      rate, static_cast<std::uint32_t>(section.integer("burst", 1, 10'000).value_or(burst))};
}

/// What REST and GraphQL have in common.
template <typename Options>
void read_common(ConfigSection& connection, const ConnectionContext& context, Options& options) {
  options.platform = context.platform;
  options.credential = read_credential(connection);
  for (auto& [name, value] : connection.text_map("headers")) options.headers.emplace_back(name, value);
  options.rate_limit = read_rate_limit(connection);
  options.timeout = context.request_timeout;
  if (const auto timeout = connection.integer("timeout_seconds", 1, 3600)) options.timeout = seconds{*timeout};
}

// ---- REST

std::optional<delivery::RestBulk> read_bulk(ConfigSection& verb) {
  if (!verb.has("bulk")) return std::nullopt;
  ConfigSection section = verb.section("bulk");
  delivery::RestBulk bulk;
  take(bulk.path, section.text("path"));
  take(bulk.items_max, section.integer("items_max", 2, 1000));
  take(bulk.items_member, section.text("items_member"));
  take(bulk.results, section.text("results"));
  take(bulk.status, section.text("status"));
  take(bulk.id, section.text("id"));
  take(bulk.message, section.text("message"));
  if (bulk.path.empty()) section.refuse("path", "is missing: where do several changes at once go?");
  return bulk;
}

RestVerb read_verb(ConfigSection& section) {
  RestVerb verb;
  take(verb.served, section.flag("served"));
  take(verb.method, section.choice<net::Method>("method", kMethods));
  take(verb.path, section.text("path"));
  take(verb.body, section.choice<RestBody>("body", kBodies));
  for (const auto& [status, kind] : read_outcomes(section, "outcomes")) {
    int number = 0;
    std::from_chars(status.data(), status.data() + status.size(), number);
    if (number < 100 || number > 599 || status.size() != 3)
      section.refuse("outcomes", "`" + status + "` is no HTTP status");
    verb.outcomes.emplace(number, kind);
  }
  verb.bulk = read_bulk(section);
  return verb;
}

/// The member of `data` that carries the platform's own id.
std::string id_field(const transform::PlatformMapping& mapping, const std::string& entity) {
  const auto at = mapping.entities.find(entity);
  if (at != mapping.entities.end()) {
    for (const auto& [own, canonical] : at->second.to_canonical) {
      if (canonical == transform::kIdField) return own;
    }
  }
  return std::string(transform::kIdField);
}

/// `connection.verbs` holds for every entity, and `connection.entities` goes over it.
void read_entities(ConfigSection& connection, const ConnectionContext& context, RestOptions& options) {
  const ConfigNode* for_all = connection.node("verbs");
  ConfigSection special = connection.section("entities");
  std::vector<std::string> entities{std::string(pipeline::kVerificationEntity)};
  for (const auto& [entity, rules] : context.all.entities) entities.push_back(entity);
  for (const std::string& entity : entities) {
    const ConfigNode* own = special.node(entity);
    if (own == nullptr && !options.serves_unlisted) continue;
    ConfigNode verbs = for_all != nullptr ? *for_all : ConfigNode{.kind = ConfigNode::Kind::kMap};
    if (own != nullptr) merge(verbs, *own);
    ConfigSection section(&verbs, own != nullptr ? special.path() + "." + entity : connection.path() + ".verbs",
                          connection.problems());
    auto& into = options.entities[entity];
    into.id_field = id_field(context.mapping, entity);
    for (const auto& [word, verb] : kVerbs) {
      if (!section.has(word)) continue;
      ConfigSection one = section.section(word);
      into.verbs[verb] = read_verb(one);
    }
  }
}

std::vector<int> read_statuses(ConfigSection& connection, std::vector<int> standard) {
  const auto words = connection.texts("success_statuses");
  if (!words) return standard;
  std::vector<int> statuses;
  for (const std::string& word : *words) {
    int number = 0;
    std::from_chars(word.data(), word.data() + word.size(), number);
    if (number < 100 || number > 599) connection.refuse("success_statuses", "must be HTTP statuses: 100 to 599");
    statuses.push_back(number);
  }
  return statuses;
}

RestOptions read_rest(ConfigSection& connection, const ConnectionContext& context) {
  RestOptions options;
  read_common(connection, context, options);
  options.base_url = read_address(connection, "");
  take(options.method, connection.choice<net::Method>("method", kMethods));
  take(options.path, connection.text("path"));
  take(options.body, connection.choice<RestBody>("body", kBodies));
  options.success_statuses = read_statuses(connection, options.success_statuses);
  take(options.id_pointers, connection.texts("id_pointers"));
  take(options.existing_id_pointers, connection.texts("existing_id_pointers"));
  take(options.message_pointers, connection.texts("message_pointers"));
  take(options.id_required, connection.flag("id_required"));
  take(options.serves_unlisted, connection.flag("serves_unlisted"));
  read_entities(connection, context, options);
  return options;
}

// ---- GraphQL

constexpr std::string_view kRecordRole = "record";
constexpr std::string_view kSettingMark = "$setting.";

std::string role_of(std::string word) {
  return word == kRecordRole ? std::string() : word;
}

/// Puts the shop's constants in place of `$setting.name`.
void fill_settings(ConfigNode& node, ConfigSection& settings) {
  if (node.kind == ConfigNode::Kind::kScalar && node.text.starts_with(kSettingMark)) {
    const std::string name = node.text.substr(kSettingMark.size());
    if (const ConfigNode* value = settings.node(name)) {
      node = *value;
    } else {
      settings.refuse(name, "is missing, and a step needs it" + did_you_mean(name, settings.keys()));
    }
    return;
  }
  for (ConfigNode& item : node.items) fill_settings(item, settings);
  for (auto& [name, member] : node.members) fill_settings(member, settings);
}

std::string read_document(ConfigSection& step, const ConnectionContext& context) {
  const std::string name = step.text("document").value_or("");
  if (name.find('{') != std::string::npos) return name;  // the text itself
  if (auto text = name.empty() ? std::nullopt : context.find_document(name)) return *std::move(text);
  step.refuse("document", name.empty() ? "is missing: the file of a GraphQL operation, or its text"
                                       : "names a document that there is not for " + context.platform.str());
  return {};
}

GraphqlStep read_step(ConfigSection& section, ConfigSection& settings, const ConnectionContext& context) {
  GraphqlStep step;
  take(step.name, section.text("name"));
  step.document = read_document(section, context);
  if (const ConfigNode* variables = section.node("variables")) {
    ConfigNode filled = *variables;
    fill_settings(filled, settings);
    auto value = to_json_value(filled);
    if (value) {
      step.variables = *std::move(value);
    } else {
      section.refuse("variables", value.error().message);
    }
  }
  take(step.needs, section.texts("needs"));
  if (auto role = section.text("unless_known")) step.unless_known = role_of(*std::move(role));
  if (auto role = section.text("only_if_known")) step.only_if_known = role_of(*std::move(role));
  for (const auto& [role, pointer] : section.text_map("learns")) step.learns.emplace(role_of(role), pointer);
  take(step.errors, section.texts("errors"));
  step.codes = read_outcomes(section, "codes");
  step.codes_on_repeat = read_outcomes(section, "codes_on_repeat");
  return step;
}

std::vector<GraphqlStep> read_plan(ConfigSection& plans, std::string_view verb, ConfigSection& settings,
                                   const ConnectionContext& context) {
  std::vector<GraphqlStep> steps;
  const ConfigNode* list = plans.node(verb);
  if (list == nullptr) return steps;
  if (list->kind != ConfigNode::Kind::kList) plans.refuse(verb, "must be a list of steps");
  for (const ConfigNode& item : list->items) {
    ConfigSection step(&item, plans.path() + "." + std::string(verb) + "[" + std::to_string(steps.size()) + "]",
                       plans.problems());
    steps.push_back(read_step(step, settings, context));
  }
  return steps;
}

GraphqlOptions read_graphql(ConfigSection& connection, const ConnectionContext& context) {
  GraphqlOptions options;
  read_common(connection, context, options);
  options.url = read_address(connection, connection.text("path").value_or(""));
  options.codes = read_outcomes(connection, "codes");
  take(options.absent_codes, connection.texts("absent_codes"));
  take(options.aliases_max, connection.integer("aliases_max", 1, 100));
  take(options.key_per_step, connection.flag("key_per_step"));
  ConfigSection settings = connection.section("settings");
  (void)settings.members();  // one that no step uses does no harm
  ConfigSection plans = connection.section("plans");
  for (const auto& [entity, rules] : context.all.entities) {
    if (!plans.has(entity)) continue;
    ConfigSection section = plans.section(entity);
    GraphqlEntity& into = options.entities[entity];
    into.create = read_plan(section, "create", settings, context);
    into.update = read_plan(section, "update", settings, context);
    into.remove = read_plan(section, "delete", settings, context);
    into.repeat = read_plan(section, "repeat", settings, context);
  }
  return options;
}

enum class Protocol { kRest, kGraphql };
constexpr std::array<Words<Protocol>, 2> kProtocols{{{"rest", Protocol::kRest}, {"graphql", Protocol::kGraphql}}};

}  // namespace

std::string read_address(ConfigSection& connection, std::string_view path_where_none) {
  std::string address = connection.text("address").value_or("");
  if (address.empty()) {
    connection.refuse("address", "is missing: where is it? For example https://api.example.com");
    return address;
  }
  const auto url = net::parse_url(address);
  if (!url) {
    connection.refuse("address", url.error().message);
  } else if (!path_where_none.empty() && url->target == "/") {
    if (address.ends_with('/')) address.pop_back();
    address += path_where_none;
  }
  return address;
}

delivery::Credential read_credential(ConfigSection& connection) {
  using Kind = delivery::Credential::Kind;
  delivery::Credential credential;
  const std::string token = connection.text("bearer_token").value_or("");
  const std::string key = connection.text("api_key").value_or("");
  take(credential.header, connection.text("api_key_header"));
  if (!token.empty() && !key.empty()) connection.refuse("api_key", "stands beside `bearer_token`: use one of them");
  if (!token.empty() || !key.empty()) {
    credential.kind = token.empty() ? Kind::kApiKey : Kind::kBearer;
    credential.secret = token.empty() ? key : token;
  }
  return credential;
}

std::optional<delivery::ConnectorOptions> read_connection(ConfigSection& connection, const ConnectionContext& context) {
  if (!connection.has("protocol")) connection.refuse("protocol", "is missing: rest or graphql");
  const auto protocol = connection.choice<Protocol>("protocol", kProtocols);
  if (!protocol) {
    (void)connection.members();  // its keys can't be judged
    return std::nullopt;
  }
  if (*protocol == Protocol::kRest) return read_rest(connection, context);
  return read_graphql(connection, context);
}

}  // namespace datasync::app
