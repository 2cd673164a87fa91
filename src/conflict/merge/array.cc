#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "conflict/merge/counted_sequence.h"
#include "conflict/merge/names.h"
#include "conflict/merge/three_way.h"
#include "domain/json.h"

namespace datasync::conflict {
namespace {

/// The items of one array, and what each id of one name stands for.
class Items {
 public:
  explicit Items(std::vector<Value> values) : values_(std::move(values)) {
    members_.reserve(values_.size());
    for (const Value& value : values_) members_.push_back(members_of(value));
  }

  [[nodiscard]] const std::vector<Value>& values() const noexcept { return values_; }

  /// Whether every item has such an id of its own. From then on items are found by it.
  bool index_by(std::string_view name) {
    ids_.clear();
    places_.clear();
    for (std::size_t i = 0; i < members_.size(); ++i) {
      const Value* member = members_[i].find(name);
      auto id = member == nullptr ? std::nullopt : member->as_id();
      if (!id || !places_.emplace(*id, i).second) return false;
      ids_.push_back(std::move(*id));
    }
    return true;
  }
  [[nodiscard]] const std::vector<std::string>& ids() const noexcept { return ids_; }
  [[nodiscard]] std::optional<std::size_t> place_of(const std::string& id) const {
    const auto place = places_.find(id);
    return place == places_.end() ? std::nullopt : std::optional(place->second);
  }
  [[nodiscard]] const Value* find(const std::string& id) const {
    const auto place = place_of(id);
    return place ? &values_[*place] : nullptr;
  }

 private:
  std::vector<Value> values_;
  std::vector<Fields> members_;  // of each; none where it is no object
  std::vector<std::string> ids_;
  std::unordered_map<std::string, std::size_t> places_;
};

struct Arrays {
  Items base;
  Items newer;
  Items older;

  /// The name of the id by which the items of all three can be found; empty if there is none.
  std::string_view index() {
    for (const std::string_view name : kIdNames) {
      if (base.index_by(name) && newer.index_by(name) && older.index_by(name)) return name;
    }
    return {};
  }
};

std::vector<Value> merge_by_id(const Arrays& arrays, int depth) {
  std::vector<Value> merged;
  const auto take = [&](const std::string& id) {
    auto item = merge({{}, arrays.base.find(id), arrays.newer.find(id), arrays.older.find(id), depth + 1});
    if (item) merged.push_back(std::move(*item));
  };
  for (const std::string& id : arrays.newer.ids()) take(id);
  for (const std::string& id : arrays.older.ids()) {
    if (arrays.newer.find(id) == nullptr) take(id);
  }
  return merged;
}

/// Whether both names find the same items of `others` for the items of `items`. All must have both.
bool find_alike(Items& items, Items& others, std::string_view name, std::string_view other_name) {
  std::vector<std::optional<std::size_t>> places;
  items.index_by(name);
  others.index_by(name);
  for (const std::string& id : items.ids()) places.push_back(others.place_of(id));
  items.index_by(other_name);
  others.index_by(other_name);
  return std::equal(places.begin(), places.end(), items.ids().begin(), items.ids().end(),
                    [&](const auto& place, const std::string& id) { return place == others.place_of(id); });
}

/// One side may give the items an id that comes before the one by which they were found. Then they are found by that
/// when the outcome meets a side again, which must be the same items, or it would become something else.
bool are_found_again(Arrays& arrays, Items& merged, std::string_view name) {
  auto& [base, newer, older] = arrays;
  for (const std::string_view earlier : kIdNames) {
    if (earlier == name) return true;
    if (!merged.index_by(earlier) || !base.index_by(earlier)) continue;
    for (Items* side : {&newer, &older}) {
      if (!side->index_by(earlier)) continue;
      if (!find_alike(*side, merged, name, earlier) || !find_alike(base, merged, name, earlier) ||
          !find_alike(*side, base, name, earlier)) {
        return false;
      }
    }
  }
  return true;
}

std::vector<std::string_view> texts_of(const Items& items) {
  std::vector<std::string_view> texts;
  texts.reserve(items.values().size());
  for (const Value& value : items.values()) texts.emplace_back(value.text());
  return texts;
}

/// `text_of` gives the canonical text of an item.
Value array_of(const auto& items, const auto& text_of) {
  std::string text = "[";
  for (const auto& item : items) {
    if (text.size() > 1) text += ',';
    text += text_of(item);
  }
  text += ']';
  return Value::from_canonical(std::move(text));
}

}  // namespace

std::optional<Value> merge_arrays(const ThreeWay& sides) {
  Arrays arrays{Items(sides.base == nullptr ? std::vector<Value>{} : elements_of(*sides.base)),
                Items(elements_of(*sides.newer)), Items(elements_of(*sides.older))};
  const auto& [base, newer, older] = arrays;
  if (std::max({base.values().size(), newer.values().size(), older.values().size()}) > kMergeItemsMax) {
    return std::nullopt;
  }
  if (const std::string_view name = arrays.index(); !name.empty()) {
    Items merged(merge_by_id(arrays, sides.depth));
    if (!are_found_again(arrays, merged, name)) return std::nullopt;
    return array_of(merged.values(), [](const Value& value) -> std::string_view { return value.text(); });
  }
  const auto kept = merge_sequences({texts_of(base), texts_of(newer), texts_of(older)}, Placement::kAtEnd);
  return array_of(kept, [](std::string_view text) { return text; });
}

}  // namespace datasync::conflict
