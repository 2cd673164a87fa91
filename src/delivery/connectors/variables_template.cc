#include "delivery/connectors/variables_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "delivery/connectors/http_outcome.h"
#include "delivery/connectors/json_pointer.h"
#include "domain/json.h"

namespace datasync::delivery {
namespace {

enum class Source : std::uint8_t {
  kData,
  kOwnId,
  kEntityId,
  kTenantId,
  kUserId,
  kEventId,
  kEventType,
  kSource,
  kVersion,
  kItem
};

struct Reference {
  Source source = Source::kData;
  std::string name;     // of the field, or of the role
  JsonPointer pointer;  // from there on
  bool whole = false;   // kData and kItem: the pointer starts at the root
  bool needed = false;
};

enum class NodeKind : std::uint8_t { kConstant, kReference, kObject, kList, kTurned };
enum class As : std::uint8_t { kItself, kString, kJson };

}  // namespace

/// One place of the template. Objects and lists without any reference in them are constants.
struct VariablesTemplate::Node {
  NodeKind kind = NodeKind::kConstant;
  Value constant;
  Reference reference;
  struct Member;
  std::vector<Member> members;  // kObject
  std::vector<Node> elements;   // kList
  // kTurned; each holds one node or none, and a vector since the type is not complete yet
  std::vector<Node> from;
  std::vector<Node> unless;
  std::vector<Node> each;
  std::vector<Node> otherwise;
  std::optional<std::string> split;
  std::optional<Fields> words;
  As as = As::kItself;
};

struct VariablesTemplate::Node::Member {
  std::string name;
  Node node;
};

namespace {

using Node = VariablesTemplate::Node;

// ---- reading the template

Result<Node> read_node(const Value& value);

Result<Reference> read_reference(std::string_view text) {
  const auto refuse = [] {
    return fail(ErrorCode::kInvalid, "begins with $ and is no reference; a text that begins with $ is written with $$");
  };
  Reference reference;
  std::string_view rest = text.substr(1);
  if (rest.ends_with('!')) {
    reference.needed = true;
    rest.remove_suffix(1);
  }
  const auto word_end = std::min(rest.find_first_of("./"), rest.size());
  const std::string_view word = rest.substr(0, word_end);
  rest.remove_prefix(word_end);

  static constexpr std::array<std::pair<std::string_view, Source>, 10> kSources{{{"data", Source::kData},
                                                                                 {"id", Source::kOwnId},
                                                                                 {"entity_id", Source::kEntityId},
                                                                                 {"tenant_id", Source::kTenantId},
                                                                                 {"user_id", Source::kUserId},
                                                                                 {"event_id", Source::kEventId},
                                                                                 {"event_type", Source::kEventType},
                                                                                 {"source", Source::kSource},
                                                                                 {"version", Source::kVersion},
                                                                                 {"item", Source::kItem}}};
  const auto at =
      std::find_if(kSources.begin(), kSources.end(), [word](const auto& pair) { return pair.first == word; });
  if (at == kSources.end()) return refuse();
  reference.source = at->second;

  const bool has_fields = reference.source == Source::kData || reference.source == Source::kItem;
  if (rest.starts_with('/') && has_fields) {
    auto pointer = JsonPointer::parse(rest);
    if (!pointer) return refuse();
    reference.pointer = *std::move(pointer);
    reference.whole = true;
  } else if (rest.starts_with('.') && (has_fields || reference.source == Source::kOwnId)) {
    reference.name = rest.substr(1);
    if (reference.name.empty()) return refuse();
  } else if (!rest.empty() || reference.source == Source::kData) {
    return refuse();
  }
  reference.whole = reference.whole || (reference.source == Source::kItem && reference.name.empty());
  return reference;
}

Result<std::vector<Node>> read_one(const Value& value) {
  auto node = read_node(value);
  if (!node) return fail(std::move(node).error());
  std::vector<Node> one;
  one.push_back(*std::move(node));
  return one;
}

Result<Node> read_turned(const Fields& members) {
  Node node;
  node.kind = NodeKind::kTurned;
  for (const auto& [name, value] : members) {
    std::vector<Node>* place = nullptr;
    if (name == "$from") place = &node.from;
    if (name == "$unless") place = &node.unless;
    if (name == "$each") place = &node.each;
    if (name == "$else") place = &node.otherwise;
    if (place != nullptr) {
      auto one = read_one(value);
      if (!one) return fail(ErrorCode::kInvalid, name + ": " + one.error().message);
      *place = *std::move(one);
    } else if (name == "$split" && value.as_string().value_or("").size() > 0) {
      node.split = value.as_string();
    } else if (name == "$words" && value.kind() == Value::Kind::kObject) {
      node.words = members_of(value);
    } else if (name == "$as" && value.as_string() == "string") {
      node.as = As::kString;
    } else if (name == "$as" && value.as_string() == "json") {
      node.as = As::kJson;
    } else {
      return fail(ErrorCode::kInvalid, fmt::format("{} beside $from is unknown or of the wrong kind", name));
    }
  }
  return node;
}

Result<Node> read_object(const Value& value) {
  const Fields members = members_of(value);
  if (members.contains("$from")) return read_turned(members);
  Node node;
  node.kind = NodeKind::kObject;
  bool constant = true;
  for (const auto& [name, member] : members) {
    auto child = read_node(member);
    if (!child) return fail(ErrorCode::kInvalid, name + ": " + child.error().message);
    constant = constant && child->kind == NodeKind::kConstant && child->constant == member;
    node.members.push_back({name, *std::move(child)});
  }
  if (constant) {
    node.kind = NodeKind::kConstant;
    node.constant = value;
  }
  return node;
}

Result<Node> read_list(const Value& value) {
  Node node;
  node.kind = NodeKind::kList;
  bool constant = true;
  for (const Value& element : elements_of(value)) {
    auto child = read_node(element);
    if (!child) return fail(std::move(child).error());
    constant = constant && child->kind == NodeKind::kConstant && child->constant == element;
    node.elements.push_back(*std::move(child));
  }
  if (constant) {
    node.kind = NodeKind::kConstant;
    node.constant = value;
  }
  return node;
}

Result<Node> read_node(const Value& value) {
  if (value.kind() == Value::Kind::kObject) return read_object(value);
  if (value.kind() == Value::Kind::kArray) return read_list(value);
  Node node;
  node.constant = value;
  const auto text = value.as_string();
  if (!text || !text->starts_with('$')) return node;
  if (text->starts_with("$$")) {
    node.constant = Value::string(std::string_view(*text).substr(1));
    return node;
  }
  auto reference = read_reference(*text);
  if (!reference) return fail(std::move(reference).error());
  node.kind = NodeKind::kReference;
  node.reference = *std::move(reference);
  return node;
}

// ---- filling it in

/// What became of a place: a value, nothing, or nothing where something was needed.
struct Found {
  enum class Kind : std::uint8_t { kValue, kMissing, kNeeded } kind = Kind::kMissing;
  Value value;
};

class Filler {
 public:
  explicit Filler(const Change& change) : change_(change) {}

  Found fill(const Node& node) {
    switch (node.kind) {
      case NodeKind::kConstant:
        return {Found::Kind::kValue, node.constant};
      case NodeKind::kReference:
        return fill_reference(node.reference);
      case NodeKind::kObject:
        return fill_object(node);
      case NodeKind::kList:
        return fill_list(node);
      case NodeKind::kTurned:
        return fill_turned(node);
    }
    return {};
  }

  std::string problem;
  std::string needed;  // the first needed reference that has no value

 private:
  static Found found(std::optional<Value> value) {
    if (!value) return {};
    return {Found::Kind::kValue, *std::move(value)};
  }
  static Found found_text(std::string_view text) { return text.empty() ? Found{} : found(Value::string(text)); }

  Found fill_reference(const Reference& reference) {
    Found result = look_up(reference);
    if (result.kind == Found::Kind::kMissing && reference.needed) {
      result.kind = Found::Kind::kNeeded;
      if (needed.empty()) needed = reference.name.empty() ? "a reference" : reference.name;
    }
    return result;
  }

  Found look_up(const Reference& reference) const {
    switch (reference.source) {
      case Source::kData: {
        if (reference.whole) return found(reference.pointer.find(change_.data));
        const Value* value = change_.data.find(reference.name);
        return value == nullptr ? Found{} : found(*value);
      }
      case Source::kItem: {
        if (item_ == nullptr) return {};
        if (reference.whole) return found(reference.pointer.find(*item_));
        const Fields members = members_of(*item_);
        const Value* value = members.find(reference.name);
        return value == nullptr ? Found{} : found(*value);
      }
      case Source::kOwnId:
        return found_text(own_id_of(change_, reference.name));
      case Source::kEntityId:
        return found_text(change_.entity_id.str());
      case Source::kTenantId:
        return found_text(change_.tenant.str());
      case Source::kUserId:
        return found_text(change_.user_id);
      case Source::kEventId:
        return found_text(change_.event.str());
      case Source::kEventType:
        return found_text(change_.event_type);
      case Source::kSource:
        return found_text(change_.source.str());
      case Source::kVersion:
        return found(Value::integer(change_.version.value));
    }
    return {};
  }

  Found fill_object(const Node& node) {
    Fields members;
    for (const auto& [name, child] : node.members) {
      Found member = fill(child);
      if (member.kind == Found::Kind::kNeeded) return member;
      if (member.kind == Found::Kind::kValue) members.set(name, std::move(member.value));
    }
    return found(members.to_value());
  }

  Found fill_list(const Node& node) {
    std::vector<Value> elements;
    for (const Node& child : node.elements) {
      Found element = fill(child);
      if (element.kind == Found::Kind::kValue) elements.push_back(std::move(element.value));
    }
    return list_of(elements);
  }

  static Found list_of(const std::vector<Value>& elements) {
    if (elements.empty()) return {};
    std::string text;
    for (const Value& element : elements) {
      text += text.empty() ? '[' : ',';
      text += element.text();
    }
    return found(Value::from_canonical(text + ']'));
  }

  Found fill_turned(const Node& node) {
    Found result = fill(node.from.front());
    if (!node.unless.empty() && fill(node.unless.front()).kind == Found::Kind::kValue) return {};
    if (result.kind == Found::Kind::kValue && node.split) result = split(result.value, *node.split);
    if (result.kind == Found::Kind::kValue && !node.each.empty()) result = for_each(result.value, node.each.front());
    if (result.kind == Found::Kind::kValue && node.words) result = word_of(result.value, *node.words);
    if (result.kind == Found::Kind::kValue) return found(as(std::move(result.value), node.as));
    if (!node.otherwise.empty()) return fill(node.otherwise.front());
    return result;
  }

  Found split(const Value& value, std::string_view separator) {
    const auto text = value.as_string();
    if (!text) {
      if (!value.is_null()) problem = "$split needs a string";
      return {};
    }
    std::vector<Value> parts;
    std::string_view rest = *text;
    while (!rest.empty()) {
      const auto end = std::min(rest.find(separator), rest.size());
      if (end > 0) parts.push_back(Value::string(rest.substr(0, end)));
      rest.remove_prefix(std::min(end + separator.size(), rest.size()));
    }
    return list_of(parts);
  }

  Found for_each(const Value& value, const Node& each) {
    if (value.kind() != Value::Kind::kArray) {
      if (!value.is_null()) problem = "$each needs an array";
      return {};
    }
    const std::vector<Value> items = elements_of(value);
    const Value* outer = item_;
    std::vector<Value> made;
    for (const Value& item : items) {
      item_ = &item;
      Found element = fill(each);
      if (element.kind == Found::Kind::kValue) made.push_back(std::move(element.value));
    }
    item_ = outer;
    return list_of(made);
  }

  static Found word_of(const Value& value, const Fields& words) {
    const Value* word = words.find(value.as_string().value_or(value.text()));
    return word == nullptr ? Found{} : found(*word);
  }

  static Value as(Value value, As as) {
    if (as == As::kJson) return Value::string(value.text());
    const bool has_text = value.kind() != Value::Kind::kString && !value.is_null();
    return as == As::kString && has_text ? Value::string(value.text()) : value;
  }

  const Change& change_;
  const Value* item_ = nullptr;
};

}  // namespace

VariablesTemplate::VariablesTemplate() = default;
VariablesTemplate::VariablesTemplate(VariablesTemplate&&) noexcept = default;
VariablesTemplate& VariablesTemplate::operator=(VariablesTemplate&&) noexcept = default;
VariablesTemplate::~VariablesTemplate() = default;

Result<VariablesTemplate> VariablesTemplate::parse(const Value& text) {
  if (text.kind() != Value::Kind::kObject) return fail(ErrorCode::kInvalid, "variables: must be an object");
  VariablesTemplate made;
  for (const auto& [name, value] : members_of(text)) {
    auto node = read_node(value);
    if (!node) return fail(ErrorCode::kInvalid, fmt::format("variables: {}: {}", name, node.error().message));
    made.members_.emplace_back(name, *std::move(node));
  }
  return made;
}

std::vector<std::string> VariablesTemplate::names() const {
  std::vector<std::string> all;
  for (const auto& [name, node] : members_) all.push_back(name);
  return all;
}

Result<Fields> VariablesTemplate::fill(const Change& change) const {
  Filler filler(change);
  Fields variables;
  for (const auto& [name, node] : members_) {
    Found variable = filler.fill(node);
    if (!filler.problem.empty()) return fail(ErrorCode::kInvalid, fmt::format("${}: {}", name, filler.problem));
    if (variable.kind == Found::Kind::kNeeded) {
      return fail(ErrorCode::kInvalid, fmt::format("${} needs {}, which has no value", name, filler.needed));
    }
    if (variable.kind == Found::Kind::kValue) variables.set(name, std::move(variable.value));
  }
  return variables;
}

}  // namespace datasync::delivery
