#include "transform/mapper.h"

#include "transform/inbound.h"
#include "transform/money_shape.h"
#include "transform/name_table.h"
#include "transform/names.h"
#include "transform/outbound.h"
#include "transform/plan.h"

namespace datasync::transform {
namespace {

const EntityRules& rules_of(const Mapping& mapping, std::string_view entity) {
  static const EntityRules kNone;
  const auto at = mapping.entities.find(std::string(entity));
  return at != mapping.entities.end() ? at->second : kNone;
}

/// The plans of one platform; `other` serves entities that nobody configured.
struct PlatformPlans {
  NameTable<EntityPlan> entities;
  EntityPlan other;

  [[nodiscard]] const EntityPlan& of(std::string_view entity) const noexcept {
    const EntityPlan* plan = entities.find(entity);
    return plan != nullptr ? *plan : other;
  }
};

PlatformPlans compile_platform(const Mapping& mapping, const PlatformMapping* platform) {
  PlatformPlans plans;
  plans.other = compile_plan("", EntityRules{}, platform);
  for (const auto& [entity, rules] : mapping.entities)
    plans.entities.add(entity, compile_plan(entity, rules, platform));
  if (platform == nullptr) return plans;
  for (const auto& [entity, unused] : platform->entities) {
    plans.entities.add(entity, compile_plan(entity, rules_of(mapping, entity), platform));
  }
  return plans;
}

bool is_nothing(const Value* value) {
  return value == nullptr || value->is_null() || value->text() == "\"\"";
}

}  // namespace

struct Mapper::Plans {
  std::vector<std::pair<PlatformId, PlatformPlans>> platforms;  // few, and their names are compared as pointers
  PlatformPlans canonical;  ///< for our own API, and for platforms that nobody configured
  NameTable<EntityRules> rules;

  [[nodiscard]] const EntityPlan& of(const PlatformId& platform, std::string_view entity) const noexcept {
    for (const auto& [name, plans] : platforms) {
      if (name == platform) return plans.of(entity);
    }
    return canonical.of(entity);
  }
};

Mapper::Mapper(Mapping mapping, RateTable rates)
    : mapping_(std::make_shared<const Mapping>(std::move(mapping))), rates_(std::move(rates)) {
  auto plans = std::make_shared<Plans>();
  for (const auto& [id, platform] : mapping_->platforms) {
    plans->platforms.emplace_back(id, compile_platform(*mapping_, &platform));
  }
  plans->canonical = compile_platform(*mapping_, nullptr);
  for (const auto& [entity, rules] : mapping_->entities) plans->rules.add(entity, rules);
  plans_ = std::move(plans);
}

Mapper Mapper::with_quotes(Quotes quotes) const {
  Mapper other = *this;
  other.rates_.quotes = std::move(quotes);
  return other;
}

Result<CanonicalChange> Mapper::to_canonical(const PlatformId& source, std::string_view entity,
                                             const Fields& data) const {
  return read_change(plans_->of(source, entity), data);
}

Result<void> Mapper::complete(const PlatformId& source, std::string_view entity, const Record* record,
                              CanonicalChange& change) const {
  if (change.lone_parts.empty()) return {};
  return complete_change(plans_->of(source, entity), rules_of(*mapping_, entity), record, change);
}

void Mapper::add_create_defaults(std::string_view entity, Fields& fields) const {
  const EntityRules* rules = plans_->rules.find(entity);
  if (rules == nullptr) return;
  for (const auto& [field, value] : rules->create_defaults) {
    if (is_nothing(fields.find(field))) fields.set(field, value);
  }
}

std::string Mapper::own_id(const PlatformId& source, std::string_view entity, const Fields& data) const {
  return read_own_id(plans_->of(source, entity), data);
}

Result<Fields> Mapper::to_platform(const PlatformId& target, std::string_view entity, const Fields& fields) const {
  return write_fields(plans_->of(target, entity), rates_, fields);
}

void Mapper::add_context(const PlatformId& target, std::string_view entity, std::string_view id,
                         const OutboundContext& context, Fields& data) const {
  if (!id.empty()) data.set(plans_->of(target, entity).id_name, Value::string(id));
  const auto platform = mapping_->platforms.find(target);
  if (platform != mapping_->platforms.end()) write_context(platform->second, context, data);
}

const EntityPlan& Mapper::plan(const PlatformId& platform, std::string_view entity) const noexcept {
  return plans_->of(platform, entity);
}

std::uint64_t Mapper::held_hash(const EntityPlan& plan, std::string_view field, const Value& value) const {
  return hash_as_written(plan, rates_, field, value);
}

std::optional<Value> Mapper::amount_as_written(const EntityPlan& plan, std::string_view field,
                                               const Value& value) const {
  return transform::amount_as_written(plan, rates_, field, value);
}

bool Mapper::writable(const EntityPlan& plan, std::string_view field, Verb verb) {
  const Outbound* to = plan.outbound.find(field);
  const Access access = to != nullptr ? to->access : plan.unlisted;
  return access == Access::kAlways || (access == Access::kOnCreate && verb == Verb::kCreated);
}

Result<Money> Mapper::worth_in(const Money& money, Currency currency) const {
  if (money.currency() == currency) return money;
  const auto rate = rates_.rate(money.currency(), currency);
  if (!rate) return fail(rate.error());
  return money.convert(*rate, currency);
}

Fields Mapper::present(std::string_view entity, const Fields& fields) const {
  const EntityPlan& plan = plans_->canonical.of(entity);
  AmountWriter amounts(rates_, std::nullopt);
  Fields shown;
  shown.reserve(fields.size() + 1);
  for (const Field& field : fields) {
    const Outbound* to = plan.outbound.find(field.name);
    if (to == nullptr || to->role == Role::kPlain) {
      shown.set(field.name, field.value);
    } else if (to->role == Role::kMoney) {
      // An amount that can't be told in the currency of the others is shown with its own.
      shown.set(field.name, amounts.write(field.value).value_or(field.value));
    }
  }
  if (const auto currency = amounts.written()) shown.set(kCurrencyField, Value::string(currency->code()));
  return shown;
}

const std::vector<std::string>& Mapper::natural_keys(std::string_view entity) const {
  static const std::vector<std::string> kNone;
  const EntityRules* rules = plans_->rules.find(entity);
  return rules != nullptr ? rules->natural_keys : kNone;
}

std::optional<std::string> Mapper::normalised_key(std::string_view /*entity*/, std::string_view /*field*/,
                                                  const Value& value) const {
  const auto text = value.as_id();
  if (!text) return std::nullopt;
  std::string key = in_small_letters(trimmed(*text));
  if (key.empty()) return std::nullopt;
  return key;
}

}  // namespace datasync::transform
