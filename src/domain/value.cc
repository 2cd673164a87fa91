#include "domain/value.h"

#include <algorithm>
#include <charconv>

#include "domain/json.h"

namespace datasync {
namespace {

auto lower_bound(auto& fields, std::string_view name) {
  return std::lower_bound(fields.begin(), fields.end(), name,
                          [](const Field& field, std::string_view wanted) { return field.name < wanted; });
}

}  // namespace

Value Value::string(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  append_json_string(out, text);
  return Value(std::move(out));
}

Value::Kind Value::kind() const noexcept {
  switch (text_.front()) {
    case 'n':
      return Kind::kNull;
    case 't':
    case 'f':
      return Kind::kBool;
    case '"':
      return Kind::kString;
    case '[':
      return Kind::kArray;
    case '{':
      return Kind::kObject;
    default:
      return Kind::kNumber;
  }
}

std::optional<std::string> Value::as_string() const {
  if (kind() != Kind::kString) return std::nullopt;
  const std::string_view inside(text_.data() + 1, text_.size() - 2);
  if (inside.find('\\') == std::string_view::npos) return std::string(inside);
  return unescape_json_string(text_);
}

std::optional<std::int64_t> Value::as_integer() const {
  if (kind() != Kind::kNumber) return std::nullopt;
  std::int64_t number = 0;
  const char* end = text_.data() + text_.size();
  const auto [rest, error] = std::from_chars(text_.data(), end, number);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return number;
}

std::optional<std::string> Value::as_id() const {
  if (kind() == Kind::kNumber) return text_;
  return as_string();
}

void append_json_string(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  std::size_t clean_from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, clean_from, i - clean_from);
    clean_from = i + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += "\\u00";
        out += kHex[c >> 4U];
        out += kHex[c & 0x0fU];
    }
  }
  out.append(text, clean_from);
  out += '"';
}

const Value* Fields::find(std::string_view name) const noexcept {
  for (const Field& field : fields_) {
    if (field.name == name) return &field.value;
  }
  return nullptr;
}

void Fields::set(std::string_view name, Value value) {
  // Members mostly arrive sorted already: canonical text is.
  if (fields_.empty() || fields_.back().name < name) {
    fields_.push_back({std::string(name), std::move(value)});
    return;
  }
  const auto at = lower_bound(fields_, name);
  if (at != fields_.end() && at->name == name) {
    at->value = std::move(value);
  } else {
    fields_.insert(at, {std::string(name), std::move(value)});
  }
}

std::optional<Value> Fields::take(std::string_view name) {
  const auto at = lower_bound(fields_, name);
  if (at == fields_.end() || at->name != name) return std::nullopt;
  Value value = std::move(at->value);
  fields_.erase(at);
  return value;
}

void Fields::append_json(std::string& out) const {
  out += '{';
  bool first = true;
  for (const Field& field : fields_) {
    if (!first) out += ',';
    first = false;
    append_json_string(out, field.name);
    out += ':';
    out += field.value.text();
  }
  out += '}';
}

std::string Fields::to_json() const {
  std::string out;
  append_json(out);
  return out;
}

}  // namespace datasync
