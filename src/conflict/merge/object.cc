#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

#include "conflict/merge/names.h"
#include "conflict/merge/three_way.h"
#include "domain/json.h"

namespace datasync::conflict {
namespace {

constexpr std::string_view kCurrency = "currency";

struct Objects {
  Fields base;
  Fields newer;
  Fields older;
};

/// Finds members that are asked for in the order of their names: one walk, where `find` would look from the start.
class Walk {
 public:
  explicit Walk(const Fields& fields) : at_(fields.begin()), end_(fields.end()) {}
  const Value* find(std::string_view name) {
    while (at_ != end_ && at_->name < name) ++at_;
    return at_ != end_ && at_->name == name ? &at_->value : nullptr;
  }

 private:
  std::vector<Field>::const_iterator at_;
  std::vector<Field>::const_iterator end_;
};

std::vector<std::string_view> names_of_both(const Objects& objects) {
  std::vector<std::string_view> newer;
  std::vector<std::string_view> older;
  for (const Field& field : objects.newer) newer.emplace_back(field.name);
  for (const Field& field : objects.older) older.emplace_back(field.name);
  std::vector<std::string_view> names;
  std::set_union(newer.begin(), newer.end(), older.begin(), older.end(), std::back_inserter(names));
  return names;
}

bool is_money(const Fields& object) {
  return object.contains(kCurrency) && object.contains("amount");
}

bool is_priced(const Fields& object) {
  if (!object.contains(kCurrency)) return false;
  return std::any_of(object.begin(), object.end(), [](const Field& field) { return names_amount(field.name); });
}

bool same_currency(const Fields& one, const Fields& other) {
  const Value* currency = one.find(kCurrency);
  const Value* other_currency = other.find(kCurrency);
  return currency != nullptr && other_currency != nullptr && *currency == *other_currency;
}

/// The amount of one side beside the currency of the other would be a price that nobody asked.
bool would_mix_amounts(const ThreeWay& sides, const Objects& objects) {
  const auto& [base, newer, older] = objects;
  if (is_money(newer) || is_money(older)) return true;
  if (!is_priced(newer) && !is_priced(older)) return false;
  return !same_currency(newer, older) || (sides.base != nullptr && !same_currency(newer, base));
}

}  // namespace

std::optional<Value> merge_objects(const ThreeWay& sides) {
  const Objects objects{sides.base == nullptr ? Fields{} : members_of(*sides.base), members_of(*sides.newer),
                        members_of(*sides.older)};
  if (objects.newer.size() > kMergeItemsMax || objects.older.size() > kMergeItemsMax) return std::nullopt;
  if (would_mix_amounts(sides, objects)) return std::nullopt;
  Walk base(objects.base);
  Walk newer(objects.newer);
  Walk older(objects.older);
  Fields merged;
  merged.reserve(objects.newer.size());
  for (const std::string_view name : names_of_both(objects)) {
    auto value = merge({name, base.find(name), newer.find(name), older.find(name), sides.depth + 1});
    if (value) merged.set(name, std::move(*value));
  }
  return merged.to_value();
}

}  // namespace datasync::conflict
