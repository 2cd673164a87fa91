#include "app/platform_config.h"

#include <algorithm>
#include <array>

#include "app/config_section.h"
#include "app/config_tree.h"
#include "app/connector_config.h"
#include "app/rates_config.h"
#include "app/rule_scripts.h"
#include "domain/json.h"
#include "pipeline/engine.h"
#include "pipeline/verification.h"

namespace datasync::app {
namespace {

using transform::ContextBlock;
using transform::EntityMapping;
using transform::EntityRules;
using transform::PlatformMapping;

constexpr std::array<std::string_view, 4> kSections{"entities", "platforms", "rates", "conflict_rules"};
constexpr std::string_view kPlatformFolder = "platforms/";
constexpr std::string_view kYaml = ".yaml";
constexpr std::string_view kCustomLogic = "custom_logic";

std::vector<std::string> names_of(const auto& map) {
  std::vector<std::string> names;
  for (const auto& [name, unused] : map) names.emplace_back(name);
  return names;
}

// ---- the tree: what is shipped, the user's words over it, and the environment in it

ConfigNode& member(ConfigNode& map, const std::string& name) {
  if (ConfigNode* known = map.find(name)) return *known;
  map.members.emplace_back(name, ConfigNode{.kind = ConfigNode::Kind::kMap});
  return map.members.back().second;
}

/// A file's name is its section's: `rates.yaml`, and `platforms/bizoholic.yaml` for one platform. Others read other
/// files.
Result<void> add_shipped(const EmbeddedFile& file, ConfigNode& root) {
  if (!file.path.ends_with(kYaml)) return {};
  std::string_view name = file.path.substr(0, file.path.size() - kYaml.size());
  const bool is_platform = name.starts_with(kPlatformFolder);
  if (is_platform) name.remove_prefix(kPlatformFolder.size());
  const bool ours = is_platform ? name.find('/') == std::string_view::npos
                                : std::find(kSections.begin(), kSections.end(), name) != kSections.end();
  if (!ours) return {};
  auto tree = parse_yaml(file.content, std::string(file.path));
  if (!tree) return fail(std::move(tree).error());
  ConfigNode& parent = is_platform ? member(root, "platforms") : root;
  merge(member(parent, std::string(name)), *tree);
  return {};
}

Result<void> add_user(const PlatformConfigInput& input, ConfigNode& root) {
  auto tree = parse_yaml(input.user_text, input.user_file);
  if (!tree) return fail(std::move(tree).error());
  Problems problems;
  {
    ConfigSection top(&*tree, "", problems);
    for (const std::string& other : input.other_sections) (void)top.has(other);
    for (const std::string_view ours : kSections) {
      if (const ConfigNode* section = top.node(ours)) merge(member(root, std::string(ours)), *section);
    }
  }
  if (!problems.empty()) return tl::unexpected(problems.error());
  return {};
}

void refuse_variables(const ConfigNode& node, const std::string& path, Problems& problems) {
  if (node.text.find("${") != std::string::npos)
    problems.add(&node, path, "a proposal reads no variables: write a value");
  for (const ConfigNode& item : node.items) refuse_variables(item, path, problems);
  for (const auto& [name, child] : node.members) {
    refuse_variables(child, path.empty() ? name : path + "." + name, problems);
  }
}

/// Addresses and credentials are the operator's: a proposal that could name them would send secrets wherever it says.
void refuse_connections(ConfigSection platforms) {
  for (const auto& [name, unused] : platforms.members()) {
    ConfigSection platform = platforms.section(name);
    if (platform.has("connection")) platform.refuse("connection", "is no part of a proposal: leave it out");
    (void)platform.members();
  }
}

void add_proposal(const ConfigNode& proposal, ConfigNode& root, std::map<std::string, std::string>& scripts,
                  Problems& problems) {
  ConfigSection top(&proposal, "", problems);
  scripts = top.text_map("scripts");
  for (const std::string_view ours : kSections) {
    const ConfigNode* section = top.node(ours);
    if (section == nullptr) continue;
    refuse_variables(*section, std::string(ours), problems);
    if (ours == "platforms") refuse_connections(top.section(ours));
    merge(member(root, std::string(ours)), *section);
  }
}

/// Where `${…}` ends, counting those inside; `npos` if it does not.
std::size_t end_of_variable(std::string_view text) {
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("${")) ++depth;
    if (text[i] == '}' && --depth == 0) return i;
  }
  return std::string_view::npos;
}

/// `${NAME}` and `${NAME:-other}` as in a shell; `other` may hold further ones.
Result<std::string> with_variables(std::string_view text, const VariableLookup& variable) {
  std::string out;
  while (!text.empty()) {
    const auto begin = std::min(text.find("${"), text.size());
    out += text.substr(0, begin);
    text.remove_prefix(begin);
    if (text.empty()) break;
    const auto end = end_of_variable(text);
    if (end == std::string_view::npos) return fail(ErrorCode::kInvalid, "`${` without its `}`");
    const std::string_view inside = text.substr(2, end - 2);
    text.remove_prefix(end + 1);
    const auto split = inside.find(":-");
    auto value = variable ? variable(inside.substr(0, split)) : std::optional<std::string>{};
    if (!value) return fail(std::move(value).error());
    if (*value && !(*value)->empty()) {
      out += **value;
    } else if (split != std::string_view::npos) {
      auto other = with_variables(inside.substr(split + 2), variable);
      if (!other) return other;
      out += *other;
    }
  }
  return out;
}

void fill_variables(ConfigNode& node, const std::string& path, const VariableLookup& variable, Problems& problems) {
  if (node.text.find("${") != std::string::npos) {
    auto text = with_variables(node.text, variable);
    if (text) {
      node.text = *std::move(text);
    } else {
      problems.add(&node, path, text.error().message);
    }
  }
  for (ConfigNode& item : node.items) fill_variables(item, path, variable, problems);
  for (auto& [name, child] : node.members) fill_variables(child, path + "." + name, variable, problems);
}

// ---- reading it

class PlatformConfigReader {
 public:
  /// `platforms` are the names of all platforms that were ever written down, also of those that a user took away.
  PlatformConfigReader(const PlatformConfigInput& input, RuleScripts::ReadFile read_rule, ConfigNode& root,
                       std::vector<std::string> platforms, Problems& problems)
      : input_(input),
        root_(root),
        platforms_(std::move(platforms)),
        scripts_(input.shipped, std::move(read_rule), input.clock),
        problems_(problems) {}

  /// What is wrong is noted.
  PlatformConfig read() {
    for (const char* section : {"platforms", "rates"}) {
      fill_variables(member(root_, section), section, input_.variable, problems_);
    }
    ConfigSection top(&root_, "", problems_);
    {
      ConfigSection rates = top.section("rates");
      config_.rates = read_rates(rates);
    }
    read_entities(top);
    read_platforms(top);
    read_rules(top);
    return std::move(config_);
  }

 private:
  void read_entities(ConfigSection& top);
  EntityRules read_entity(ConfigSection& section);
  void read_platforms(ConfigSection& top);
  static bool is_enabled(ConfigSection& platform);
  void read_platform(const std::string& name, ConfigSection& section);
  EntityMapping read_mapping(ConfigSection& section);
  void read_fields(ConfigSection& section, EntityMapping& mapping);
  void read_statuses(ConfigSection& section, EntityMapping& mapping);
  void read_kept(ConfigSection& section, EntityMapping& mapping);
  void read_rules(ConfigSection& top);
  conflict::FieldRule read_rule(ConfigSection& fields, const std::string& field);
  std::optional<conflict::ReviewRule> read_review_rule(ConfigSection& rule);
  conflict::Verification read_verification(ConfigSection& section);
  std::optional<Money> read_limit(ConfigSection& section);
  static conflict::ReviewExpiry read_expiry(ConfigSection& section);
  static std::optional<conflict::SchemaChange> read_schema_change(ConfigSection& section);
  std::shared_ptr<const conflict::Strategy> read_strategy(ConfigSection& section, std::string_view key,
                                                          ConfigSection* rule);
  std::optional<std::string> find_document(const std::string& platform, const std::string& name) const;

  /// Refuses an entity that nobody declared.
  void check_entities(ConfigSection& section);

  const PlatformConfigInput& input_;
  ConfigNode& root_;
  std::vector<std::string> platforms_;
  RuleScripts scripts_;
  Problems& problems_;
  PlatformConfig config_;
};

void PlatformConfigReader::read_entities(ConfigSection& top) {
  ConfigSection section = top.section("entities");
  for (const auto& [name, unused] : section.members()) {
    if (name == pipeline::kVerificationEntity) section.refuse(name, "is the name of what a notifier is told");
    ConfigSection entity = section.section(name);
    config_.mapping.entities[name] = read_entity(entity);
  }
}

EntityRules PlatformConfigReader::read_entity(ConfigSection& section) {
  EntityRules rules;
  rules.stateless = section.flag("stateless").value_or(false);
  rules.natural_keys = section.texts("natural_keys").value_or(std::vector<std::string>{});
  rules.money_fields = section.texts("money").value_or(std::vector<std::string>{});
  rules.aliases = section.text_map("aliases");
  ConfigSection defaults = section.section("create_defaults");
  for (const auto& [field, node] : defaults.members()) {
    auto value = to_json_value(node);
    if (value) {
      rules.create_defaults.emplace(field, *std::move(value));
    } else {
      defaults.refuse(field, value.error().message);
    }
  }
  return rules;
}

void PlatformConfigReader::check_entities(ConfigSection& section) {
  const auto known = names_of(config_.mapping.entities);
  for (const auto& [name, node] : section.members()) {
    if (config_.mapping.entities.contains(name) || name == pipeline::kVerificationEntity) continue;
    problems_.add(&node, section.path() + "." + name,
                  "no such entity: declare it under `entities`" + did_you_mean(name, known));
  }
}

void PlatformConfigReader::read_platforms(ConfigSection& top) {
  ConfigSection section = top.section("platforms");
  for (const auto& [name, unused] : section.members()) {
    ConfigSection platform = section.section(name);
    if (PlatformId(name) == pipeline::kReviewer)
      section.refuse(name, "is the name under which decisions of people are told");
    if (is_enabled(platform)) {
      read_platform(name, platform);
    } else {
      (void)platform.members();
    }
  }
}

/// `addressed`: where an address is given.
bool PlatformConfigReader::is_enabled(ConfigSection& platform) {
  const ConfigNode* enabled = platform.node("enabled");
  if (enabled == nullptr || enabled->text != "addressed") return platform.flag("enabled").value_or(true);
  ConfigSection connection = platform.section("connection");
  (void)connection.members();  // they are read where it is
  return !connection.text("address").value_or("").empty();
}

void PlatformConfigReader::read_platform(const std::string& name, ConfigSection& section) {
  static constexpr std::array<std::pair<std::string_view, ContextBlock>, 2> kContexts{
      {{"platform", ContextBlock::kPlatformContext}, {"sync_metadata", ContextBlock::kSyncMetadata}}};
  static constexpr std::array<std::pair<std::string_view, bool>, 2> kAmounts{
      {{"converted", true}, {"original", false}}};
  PlatformMapping platform;
  platform.platform.id = PlatformId(name);
  platform.platform.currency = read_currency(section, "currency").value_or(Currency{});
  platform.platform.locale = section.text("locale").value_or(platform.platform.locale);
  platform.platform.timezone = section.text("timezone").value_or(platform.platform.timezone);
  platform.context = section.choice<ContextBlock>("context", kContexts).value_or(ContextBlock::kPlatformContext);
  if (section.choice<bool>("amounts", kAmounts).value_or(false)) {
    platform.convert_to = platform.platform.currency;
    const transform::RateTable& table = config_.rates.table;
    const auto rate = table.rate(table.base, *platform.convert_to);
    if (!rate && !config_.rates.source) section.refuse("currency", rate.error().message);  // a source may know it
  }
  {
    ConfigSection entities = section.section("entities");
    check_entities(entities);
    for (const auto& [entity, unused] : entities.members()) {
      ConfigSection mapping = entities.section(entity);
      platform.entities[entity] = read_mapping(mapping);
    }
  }
  if (section.has("connection")) {
    ConfigSection connection = section.section("connection");
    const ConnectionContext context{
        platform.platform.id, platform, config_.mapping, input_.request_timeout,
        [this, &name](const std::string& document) { return find_document(name, document); }};
    if (auto options = read_connection(connection, context)) config_.connectors.push_back(*std::move(options));
  }
  config_.mapping.platforms[PlatformId(name)] = std::move(platform);
}

void PlatformConfigReader::read_fields(ConfigSection& section, EntityMapping& mapping) {
  ConfigSection fields = section.section("fields");
  std::map<std::string, std::string> own_names;
  for (const auto& [own, unused] : fields.members()) {
    const auto canonical = fields.text(own);
    if (!canonical) continue;
    const auto [first, fresh] = own_names.emplace(*canonical, own);
    if (fresh) {
      mapping.to_canonical.emplace(own, *canonical);
    } else {
      fields.refuse(own, "`" + first->second +
                             "` stands for the same field already; null takes it away, and `aliases` under `entities` "
                             "are for further names");
    }
  }
}

void PlatformConfigReader::read_statuses(ConfigSection& section, EntityMapping& mapping) {
  ConfigSection statuses = section.section("statuses");
  std::map<std::string, std::string> canonical_words;
  for (const auto& [canonical, unused] : statuses.members()) {
    const auto own = statuses.text(canonical);
    if (!own) continue;
    const auto [first, fresh] = canonical_words.emplace(*own, canonical);
    if (fresh) {
      mapping.statuses.emplace(canonical, *own);
    } else {
      statuses.refuse(canonical, "has the same word as `" + first->second +
                                     "`, so it could not be read back; use `kept` for what the platform keeps");
    }
  }
}

void PlatformConfigReader::read_kept(ConfigSection& section, EntityMapping& mapping) {
  ConfigSection kept = section.section("kept");
  for (const auto& [field, node] : kept.members()) {
    EntityMapping::Kept& into = mapping.kept[field];
    if (node.kind != ConfigNode::Kind::kScalar) {
      into.words = kept.text_map(field);
    } else if (node.text == "lower_case") {
      into.lower_case = true;
    } else {
      kept.refuse(field, "must be lower_case or a map of words");
    }
  }
}

EntityMapping PlatformConfigReader::read_mapping(ConfigSection& section) {
  EntityMapping mapping;
  read_fields(section, mapping);
  read_statuses(section, mapping);
  ConfigSection splits = section.section("splits");
  for (const auto& [field, unused] : splits.members()) {
    const auto parts = splits.texts(field);
    if (parts && parts->size() == 2 && parts->front() != parts->back()) {
      mapping.splits.push_back({field, parts->front(), parts->back()});
    } else {
      splits.refuse(field, "must name two parts: [first_name, last_name]");
    }
  }
  mapping.readonly = section.texts("readonly").value_or(std::vector<std::string>{});
  mapping.writable = section.texts("writable");
  mapping.create_only = section.texts("create_only").value_or(std::vector<std::string>{});
  mapping.whole_records = section.flag("whole_records").value_or(false);
  read_kept(section, mapping);
  return mapping;
}

std::optional<std::string> PlatformConfigReader::find_document(const std::string& platform,
                                                               const std::string& name) const {
  const std::string path = std::string(kPlatformFolder) + platform + "/" + name + ".graphql";
  for (const EmbeddedFile& file : input_.shipped) {
    if (file.path == path) return std::string(file.content);
  }
  return input_.read_document ? input_.read_document(name) : std::nullopt;
}

void PlatformConfigReader::read_rules(ConfigSection& top) {
  ConfigSection section = top.section("conflict_rules");
  check_entities(section);
  for (const auto& [entity, unused] : section.members()) {
    ConfigSection rules = section.section(entity);
    conflict::EntityRulebook& book = config_.rulebooks[entity];
    for (std::string& platform : rules.texts("priority").value_or(std::vector<std::string>{})) {
      if (std::find(platforms_.begin(), platforms_.end(), platform) == platforms_.end()) {
        rules.refuse("priority", "names a platform that there is not" + did_you_mean(platform, platforms_));
      }
      book.priority.emplace_back(std::move(platform));
    }
    ConfigSection fields = rules.section("fields");
    for (const auto& [field, node] : fields.members()) book.fields[field] = read_rule(fields, field);
    if (const auto way = read_schema_change(rules)) book.schema_change = *way;
    if (!rules.has("reviews")) continue;
    ConfigSection reviews = rules.section("reviews");
    book.expiry = read_expiry(reviews);
  }
}

/// `{expire_after_hours: 168, then: target}`.
conflict::ReviewExpiry PlatformConfigReader::read_expiry(ConfigSection& section) {
  constexpr std::int64_t kHoursMax = 24 * 366;
  static constexpr std::array<std::pair<std::string_view, bool>, 2> kThen{{{"target", false}, {"source", true}}};
  conflict::ReviewExpiry expiry;
  if (const auto hours = section.integer("expire_after_hours", 1, kHoursMax)) expiry.after = std::chrono::hours{*hours};
  expiry.to_source = section.choice<bool>("then", kThen).value_or(false);
  return expiry;
}

std::optional<conflict::SchemaChange> PlatformConfigReader::read_schema_change(ConfigSection& section) {
  using conflict::SchemaChange;
  static constexpr std::array<std::pair<std::string_view, SchemaChange>, 3> kWays{
      {{"review", SchemaChange::kReview}, {"strategy", SchemaChange::kStrategy}, {"allowed", SchemaChange::kAllowed}}};
  return section.choice<SchemaChange>("schema_change", kWays);
}

/// `every_change`, `{change_above: 100, currency: USD}`, `{verify_through: notifier}`, or the last two together.
std::optional<conflict::ReviewRule> PlatformConfigReader::read_review_rule(ConfigSection& rule) {
  const ConfigNode* node = rule.node("review");
  if (node == nullptr) return std::nullopt;
  if (node->kind == ConfigNode::Kind::kScalar) {
    if (rule.text("review") == "every_change") return conflict::ReviewRule{};
    rule.refuse("review",
                "must be every_change or, for an amount, {change_above: 100, currency: USD} or, for an address, "
                "{verify_through: notifier}");
    return std::nullopt;
  }
  ConfigSection section = rule.section("review");
  conflict::ReviewRule review;
  if (section.has("verify_through")) review.verification = read_verification(section);
  const bool is_limited = section.has("change_above") || section.has("currency") || !review.verification;
  if (is_limited && !(review.above = read_limit(section))) return std::nullopt;
  return review;
}

/// `{verify_through: notifier, expire_after_hours: 72, then: target}`.
conflict::Verification PlatformConfigReader::read_verification(ConfigSection& section) {
  conflict::Verification verification;
  const std::string notifier = section.text("verify_through").value_or("");
  if (std::find(platforms_.begin(), platforms_.end(), notifier) == platforms_.end()) {
    section.refuse("verify_through", "names a platform that there is not" + did_you_mean(notifier, platforms_));
  }
  verification.notifier = PlatformId(notifier);
  const conflict::ReviewExpiry expiry = read_expiry(section);
  verification.expires_after = expiry.after.value_or(verification.expires_after);
  verification.to_source = expiry.to_source;
  return verification;
}

std::optional<Money> PlatformConfigReader::read_limit(ConfigSection& section) {
  const auto currency = Currency::parse(section.text("currency").value_or(""));
  if (!currency) section.refuse("currency", "must be an ISO 4217 code such as USD");
  const auto text = section.text("change_above");
  const auto amount = Money::parse(Value::string(text.value_or("")), currency.value_or(Currency{}));
  if (!amount || amount->minor() < 0) section.refuse("change_above", "must be an amount of 0 or more, such as 100");
  if (!currency || !amount) return std::nullopt;
  return *amount;
}

/// The strategy that the word under `key` names; null where it can't be had, which is noted, or none is named. `rule`
/// is the field's map, where there is one.
std::shared_ptr<const conflict::Strategy> PlatformConfigReader::read_strategy(ConfigSection& section,
                                                                              std::string_view key,
                                                                              ConfigSection* rule) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kStrategies{
      {{"latest_wins", "latest_wins"},
       {"source_wins", "source_wins"},
       {"merge_smart", "merge_smart"},
       {kCustomLogic, kCustomLogic},
       {"manual_review", "manual_review"}}};
  // A script beside another strategy is what is left of a shipped rule; beside none it was meant to be used.
  const bool has_script = rule != nullptr && rule->has("script");
  if (has_script && !section.has(key)) rule->refuse("script", "stands without `strategy: custom_logic`");
  const auto name = section.choice<std::string_view>(key, kStrategies);
  if (!name) return nullptr;
  if (name != kCustomLogic) return conflict::find_strategy(*name);
  if (!has_script) {
    const std::string_view way_out =
        "needs a rule: {strategy: custom_logic, script: name}, shipped or yours (name.lua)";
    section.refuse(key, way_out);
    return nullptr;
  }
  const auto script = rule->text("script");
  if (!script) return nullptr;
  auto strategy = scripts_.find(*script);
  if (strategy) return *std::move(strategy);
  rule->refuse("script", strategy.error().message);
  return nullptr;
}

conflict::FieldRule PlatformConfigReader::read_rule(ConfigSection& fields, const std::string& field) {
  conflict::FieldRule rule;
  const auto set_strategy = [&rule](std::shared_ptr<const conflict::Strategy> strategy) {
    if (strategy != nullptr) rule.strategy = std::move(strategy);
  };
  const ConfigNode* node = fields.node(field);
  if (node != nullptr && node->kind == ConfigNode::Kind::kScalar) {
    set_strategy(read_strategy(fields, field, nullptr));
    return rule;
  }
  ConfigSection section = fields.section(field);
  set_strategy(read_strategy(section, "strategy", &section));
  rule.critical = section.flag("critical").value_or(false);
  rule.review = read_review_rule(section);
  rule.schema_change = read_schema_change(section);
  return rule;
}

}  // namespace

Result<PlatformConfig> load_platform_config(const PlatformConfigInput& input) {
  ConfigNode root{.kind = ConfigNode::Kind::kMap};
  for (const EmbeddedFile& file : input.shipped) DATASYNC_TRY(add_shipped(file, root));
  std::vector<std::string> platforms = names_of(member(root, "platforms").members);
  if (!input.user_text.empty()) DATASYNC_TRY(add_user(input, root));
  Problems problems;
  std::map<std::string, std::string> scripts;
  if (input.proposal != nullptr) add_proposal(*input.proposal, root, scripts, problems);
  for (std::string& name : names_of(member(root, "platforms").members)) platforms.push_back(std::move(name));
  PlatformConfig config;
  if (problems.empty()) {
    const auto read_rule = [&](std::string_view name) -> std::optional<std::string> {
      const auto proposed = scripts.find(std::string(name));
      if (proposed != scripts.end()) return proposed->second;
      return input.read_rule ? input.read_rule(name) : std::nullopt;
    };
    config = PlatformConfigReader(input, read_rule, root, std::move(platforms), problems).read();
  }
  if (problems.empty()) return config;
  if (input.faults != nullptr) *input.faults = problems.faults();
  return tl::unexpected(problems.error());
}

}  // namespace datasync::app
