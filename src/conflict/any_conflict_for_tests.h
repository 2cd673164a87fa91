#pragma once

#include <rapidcheck.h>

#include <cstdlib>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conflict/merge/names.h"
#include "conflict/strategy.h"
#include "domain/json.h"
#include "domain/money.h"

// Random conflicts as they are in life: two or three sides that mostly come from one base by a few edits each, of few
// names, ids and lines, so that they meet.
namespace datasync::conflict {

struct AnySide {
  Value value;
  std::string platform;
  std::int64_t time = 0;
  std::size_t rank = 0;

  [[nodiscard]] Side side() const { return {&value, PlatformId(platform), HybridTime{time}, rank}; }
};

struct AnyConflict {
  std::string field;
  std::optional<Value> base;
  std::vector<AnySide> sides;  // three, each of another platform
};

// NOLINTNEXTLINE(readability-identifier-naming): rapidcheck looks for this name
inline void showValue(const AnyConflict& conflict, std::ostream& out) {
  out << conflict.field << ", base " << (conflict.base ? conflict.base->text() : "unknown");
  for (const AnySide& side : conflict.sides) {
    out << "\n  " << side.platform << " at " << side.time << ", rank " << side.rank << ": " << side.value.text();
  }
}

/// What the values are made of. Counters obey one law less.
enum class Ingredients { kAll, kNoCounters, kTexts };

class AnyValues {
 public:
  explicit AnyValues(Ingredients ingredients) : ingredients_(ingredients) {}

  Value make(std::string_view name, int depth = 0) const {
    if (ingredients_ == Ingredients::kTexts) return text();
    switch (below(depth < 3 ? 10 : 5)) {
      case 0:
        return below(2) == 0 ? Value() : Value::boolean(below(2) == 0);
      case 1:
        return number(name);
      case 2:
        return Money::from_minor(below(3), *Currency::parse(below(2) == 0 ? "USD" : "INR")).to_value();
      case 3:
      case 4:
        return text();
      case 5:
      case 6:
        return items(depth);
      case 7:
        return array_of(many([&] { return set_member(); }));
      default:
        return object(depth).to_value();
    }
  }

  /// `value` after somebody worked on it.
  Value edit(const Value& value, std::string_view name, int depth = 0) const {
    if (below(8) == 0) return make(name, depth);
    switch (value.kind()) {
      case Value::Kind::kObject:
        return edit(members_of(value), depth).to_value();
      case Value::Kind::kArray:
        return edit_array(elements_of(value), depth);
      case Value::Kind::kString:
        return edit_text(value.as_string().value_or(""));
      default:
        return value.kind() == Value::Kind::kNumber ? number(name) : make(name, depth);
    }
  }

 private:
  static int below(int limit) { return *rc::gen::inRange(0, limit); }
  static std::string one_of(const std::vector<std::string>& words) { return *rc::gen::elementOf(words); }

  template <typename Make>
  static std::vector<Value> many(const Make& make) {
    std::vector<Value> values;
    for (int count = below(5); count > 0; --count) values.push_back(make());
    return values;
  }

  static Value array_of(const std::vector<Value>& items) {
    std::string text;
    for (const Value& item : items) text += (text.empty() ? "" : ",") + item.text();
    return Value::from_canonical("[" + text + "]");
  }

  static std::string name() {
    return one_of({"a", "b", "currency", "unit_price", "amount", "rank", "note", "tags", "id", "visits"});
  }

  Value number(std::string_view name) const {
    if (ingredients_ == Ingredients::kNoCounters && names_counter(name)) return Value::boolean(below(2) == 0);
    static const std::vector<std::string> numbers{
        "0", "1", "2", "3", "-1", "0.5", "-0.25", "1e40", "999999999999999999", "0.000000000001"};
    return Value::from_canonical(one_of(numbers));
  }

  Value set_member() const { return below(6) == 0 ? object(3).to_value() : Value::integer(below(5)); }

  static std::string line() { return one_of({"one", "two", "three", "four", "", " ", "\t five", "six\r"}); }
  static Value text_of(const std::vector<std::string>& lines) {
    const std::string line_break = below(4) == 0 ? "\r\n" : "\n";
    std::string text;
    for (std::size_t i = 0; i < lines.size(); ++i) text += (i > 0 ? line_break : "") + lines[i];
    return Value::string(text);
  }
  static Value text() {
    std::vector<std::string> lines;
    for (int count = below(6); count > 0; --count) lines.push_back(line());
    return text_of(lines);
  }

  static Value edit_text(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at <= text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      const int fate = below(8);
      if (fate == 0) lines.push_back(line());  // a line before it
      if (fate != 1) lines.push_back(fate == 2 ? line() : text.substr(at, end - at));
      at = end + 1;
    }
    for (int count = below(3); count > 0; --count) lines.push_back(line());
    return text_of(lines);
  }

  Fields object(int depth) const {
    Fields fields;
    for (int count = below(5); count > 0; --count) set_any(fields, depth);
    return fields;
  }
  void set_any(Fields& fields, int depth) const {
    const std::string chosen = name();
    const bool is_currency = chosen == "currency" && below(4) > 0;
    fields.set(chosen, is_currency ? Value::string(one_of({"USD", "INR"})) : make(chosen, depth + 1));
  }
  Fields edit(const Fields& object, int depth) const {
    Fields edited;
    for (const Field& field : object) {
      const int fate = below(6);
      if (fate == 0) continue;
      edited.set(field.name, fate == 1 ? edit(field.value, field.name, depth + 1) : field.value);
    }
    if (below(2) == 0) set_any(edited, depth);
    return edited;
  }

  /// Items with ids of one name or, at times, of several.
  Value items(int depth) const {
    const int style = below(4);
    return array_of(many([&] { return item(style, depth); }));
  }
  Value item(int style, int depth) const {
    Fields item = object(depth + 1);
    item.take("id");
    if (style == 0 || style == 2 || (style == 3 && below(2) == 0)) item.set("id", Value::integer(below(4)));
    if (style == 1 || style == 2 || (style == 3 && below(4) > 0))
      item.set("sku", Value::string(one_of({"A", "B", "C"})));
    return item.to_value();
  }

  Value edit_array(const std::vector<Value>& items, int depth) const {
    std::vector<Value> edited;
    for (const Value& item : items) {
      const int fate = below(8);
      if (fate == 0) continue;
      if (fate == 1 || fate == 2) {
        edited.push_back(edit_item(item, depth));
      } else {
        edited.insert(fate == 3 ? edited.begin() : edited.end(), item);  // moved to the front, or where it was
      }
    }
    if (below(2) == 0) {
      const bool of_objects = !items.empty() && items.front().kind() == Value::Kind::kObject;
      edited.push_back(of_objects ? item(below(4), depth) : set_member());
    }
    return array_of(edited);
  }
  Value edit_item(const Value& item, int depth) const {
    if (item.kind() != Value::Kind::kObject) return set_member();
    const Fields before = members_of(item);
    Fields after = edit(before, depth + 1);
    for (const char* id : {"id", "sku"}) {
      const Value* known = before.find(id);
      if (known != nullptr && below(8) > 0) after.set(id, *known);
    }
    return after.to_value();
  }

  Ingredients ingredients_;
};

/// Of full size from the first case on: rapidcheck would begin with the first of every choice.
inline rc::Gen<AnyConflict> any_conflict(Ingredients ingredients) {
  const auto conflicts = rc::gen::exec([ingredients] {
    const AnyValues values(ingredients);
    AnyConflict conflict;
    conflict.field = *rc::gen::element<std::string>("rating", "profile_data");
    const Value base = values.make(conflict.field);
    if (*rc::gen::inRange(0, 4) > 0) conflict.base = base;
    for (const char* platform : {"alpha", "beta", "gamma"}) {
      const int origin = *rc::gen::inRange(0, 8);
      Value value = origin == 0 ? base : origin == 1 ? values.make(conflict.field) : values.edit(base, conflict.field);
      conflict.sides.push_back(
          {std::move(value), platform, *rc::gen::inRange(0, 4), *rc::gen::inRange<std::size_t>(0, 3)});
    }
    return conflict;
  });
  return rc::gen::resize(rc::kNominalSize, conflicts);
}

}  // namespace datasync::conflict
