#include "delivery/connectors/json_pointer.h"

#include <charconv>

namespace datasync::delivery {
namespace {

std::optional<std::string> unescaped(std::string_view step) {
  std::string out;
  out.reserve(step.size());
  for (std::size_t i = 0; i < step.size(); ++i) {
    if (step[i] != '~') {
      out += step[i];
      continue;
    }
    ++i;
    if (i == step.size() || (step[i] != '0' && step[i] != '1')) return std::nullopt;
    out += step[i] == '0' ? '~' : '/';
  }
  return out;
}

/// An array's index as RFC 6901 writes it: no sign, no leading zero.
std::optional<std::size_t> index_of(std::string_view step) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
  if (error != std::errc{} || end != step.data() + step.size()) return std::nullopt;
  if (step.size() > 1 && step.front() == '0') return std::nullopt;
  return index;
}

}  // namespace

Result<JsonPointer> JsonPointer::parse(std::string_view text) {
  JsonPointer pointer;
  while (!text.empty()) {
    if (text.front() != '/') return fail(ErrorCode::kInvalid, "a JSON pointer begins with /");
    text.remove_prefix(1);
    const std::string_view step = text.substr(0, text.find('/'));
    auto name = unescaped(step);
    if (!name) return fail(ErrorCode::kInvalid, "in a JSON pointer a ~ stands only before 0 or 1");
    pointer.steps_.push_back(*std::move(name));
    text.remove_prefix(step.size());
  }
  return pointer;
}

std::optional<Value> JsonPointer::find(const Value& root) const {
  return find_from(0, root);
}

std::optional<Value> JsonPointer::find(const Fields& root) const {
  if (steps_.empty()) return root.to_value();
  const Value* value = root.find(steps_.front());
  if (value == nullptr) return std::nullopt;
  return find_from(1, *value);
}

std::optional<Value> JsonPointer::find(const Element& root) const {
  return root.other ? find(*root.other) : find(root.object.outer);
}

std::optional<Value> JsonPointer::find_from(std::size_t depth, const Value& value) const {
  if (depth == steps_.size()) return value;
  if (value.kind() == Value::Kind::kObject) {
    const Fields members = members_of(value);
    const Value* member = members.find(steps_[depth]);
    return member == nullptr ? std::nullopt : find_from(depth + 1, *member);
  }
  if (value.kind() == Value::Kind::kArray) {
    const auto index = index_of(steps_[depth]);
    const std::vector<Value> elements = elements_of(value);
    if (!index || *index >= elements.size()) return std::nullopt;
    return find_from(depth + 1, elements[*index]);
  }
  return std::nullopt;
}

Result<std::vector<JsonPointer>> parse_pointers(const std::vector<std::string>& texts) {
  std::vector<JsonPointer> pointers;
  for (const std::string& text : texts) {
    auto pointer = JsonPointer::parse(text);
    if (!pointer) {
      return fail(ErrorCode::kInvalid,
                  "number " + std::to_string(pointers.size() + 1) + ": " + pointer.error().message);
    }
    pointers.push_back(*std::move(pointer));
  }
  return pointers;
}

}  // namespace datasync::delivery
