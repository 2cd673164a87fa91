#include "transform/plan.h"

#include <algorithm>

#include "domain/record.h"

namespace datasync::transform {
namespace {

/// Blocks and marks that only we write: a client that echoes or invents them changes nothing by it.
const std::string_view kOurs[] = {"_platform_context", "_sync_metadata", kDeletedField};

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const EntityMapping::Split* find_split(const EntityMapping& mapping, std::string_view field) {
  const auto at = std::find_if(mapping.splits.begin(), mapping.splits.end(),
                               [field](const EntityMapping::Split& split) { return split.field == field; });
  return at == mapping.splits.end() ? nullptr : &*at;
}

Role role_of(std::string_view canonical, const EntityRules& rules, const EntityMapping& mapping) {
  if (canonical == kIdField) return Role::kId;
  if (contains(rules.money_fields, canonical)) return Role::kMoney;
  if (canonical == kCurrencyField && !rules.money_fields.empty()) return Role::kCurrency;
  if (canonical == kStatusField && !mapping.statuses.empty()) return Role::kStatus;
  if (find_split(mapping, canonical) != nullptr) return Role::kWholeName;
  return Role::kPlain;
}

std::vector<std::string> special_fields(const EntityRules& rules, const EntityMapping& mapping) {
  std::vector<std::string> fields = rules.money_fields;
  fields.emplace_back(kIdField);
  fields.emplace_back(kCurrencyField);
  fields.emplace_back(kStatusField);
  for (const auto& [own, canonical] : mapping.to_canonical) fields.push_back(canonical);
  for (const auto& [alias, canonical] : rules.aliases) fields.push_back(canonical);
  for (const auto& split : mapping.splits) fields.push_back(split.field);
  for (const auto& [field, kept] : mapping.kept) fields.push_back(field);
  fields.insert(fields.end(), mapping.readonly.begin(), mapping.readonly.end());
  fields.insert(fields.end(), mapping.create_only.begin(), mapping.create_only.end());
  if (mapping.writable) fields.insert(fields.end(), mapping.writable->begin(), mapping.writable->end());
  return fields;
}

Access access_to(std::string_view canonical, const EntityMapping& mapping) {
  if (contains(mapping.readonly, canonical)) return Access::kNever;
  if (contains(mapping.create_only, canonical)) return Access::kOnCreate;
  return !mapping.writable || contains(*mapping.writable, canonical) ? Access::kAlways : Access::kNever;
}

Outbound outbound_of(const std::string& canonical, std::string_view own, const EntityRules& rules,
                     const EntityMapping& mapping) {
  Outbound to;
  to.name = own;
  to.role = role_of(canonical, rules, mapping);
  to.access = access_to(canonical, mapping);
  if (const auto* split = find_split(mapping, canonical)) {
    to.name = split->first;
    to.last = split->last;
  }
  if (const auto kept = mapping.kept.find(canonical); kept != mapping.kept.end()) {
    to.kept_in_lower_case = kept->second.lower_case;
    for (const auto& [sent, held] : kept->second.words) {
      if (sent == "*") {
        to.kept_otherwise = Value::string(held);
      } else {
        to.kept_words.add(Value::string(sent).text(), Value::string(held));
      }
    }
  }
  return to;
}

// A name means what the first of these lists says: the platform's own names, the parts of split fields, canonical
// names, aliases. Adding a name twice keeps the first meaning.
void compile_inbound(const EntityRules& rules, const EntityMapping& mapping, EntityPlan& plan) {
  for (const std::string_view ours : kOurs) plan.inbound.add(ours, {"", Role::kDropped, Trust::kOwn});
  const auto add = [&](std::string_view name, const std::string& canonical, Trust trust) {
    plan.inbound.add(name, {canonical, role_of(canonical, rules, mapping), trust});
  };
  for (const auto& [own, canonical] : mapping.to_canonical) add(own, canonical, Trust::kOwn);
  for (const auto& split : mapping.splits) {
    plan.inbound.add(split.first, {split.field, Role::kFirstName, Trust::kPart});
    plan.inbound.add(split.last, {split.field, Role::kLastName, Trust::kPart});
  }
  for (const std::string& canonical : special_fields(rules, mapping)) add(canonical, canonical, Trust::kCanonical);
  for (const auto& [alias, canonical] : rules.aliases) add(alias, canonical, Trust::kAlias);
}

void compile_outbound(const EntityRules& rules, const EntityMapping& mapping, EntityPlan& plan) {
  for (const std::string_view ours : kOurs) {
    Outbound nowhere;
    nowhere.role = Role::kDropped;
    plan.outbound.add(ours, std::move(nowhere));
  }
  for (const auto& [own, canonical] : mapping.to_canonical) {
    plan.outbound.add(canonical, outbound_of(canonical, own, rules, mapping));
  }
  for (const std::string& canonical : special_fields(rules, mapping)) {
    plan.outbound.add(canonical, outbound_of(canonical, canonical, rules, mapping));
  }
  plan.unlisted = mapping.writable ? Access::kNever : Access::kAlways;
  plan.id_name = plan.outbound.find(kIdField)->name;
  plan.currency_name = plan.outbound.find(kCurrencyField)->name;
}

}  // namespace

EntityPlan compile_plan(std::string_view entity, const EntityRules& rules, const PlatformMapping* platform) {
  static const EntityMapping kPassThrough;
  const EntityMapping* mapping = &kPassThrough;
  EntityPlan plan;
  plan.has_money = !rules.money_fields.empty();
  if (platform != nullptr) {
    plan.currency = platform->platform.currency;
    plan.convert_to = platform->convert_to;
    const auto at = platform->entities.find(std::string(entity));
    if (at != platform->entities.end()) mapping = &at->second;
  }
  compile_inbound(rules, *mapping, plan);
  compile_outbound(rules, *mapping, plan);
  for (const auto& [canonical, own] : mapping->statuses) {
    plan.words_out.add(Value::string(canonical).text(), Value::string(own));
    plan.words_in.add(Value::string(own).text(), Value::string(canonical));
  }
  if (!mapping->whole_records) return plan;
  for (const auto& [own, canonical] : mapping->to_canonical) {
    const Role role = role_of(canonical, rules, *mapping);  // a currency is part of its amount
    if (role != Role::kId && role != Role::kCurrency) plan.expected.emplace_back(canonical);
  }
  return plan;
}

}  // namespace datasync::transform
