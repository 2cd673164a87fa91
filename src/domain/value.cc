#include "domain/value.h"

#include <algorithm>
#include <charconv>

#include "base/any_byte.h"
#include "domain/json.h"

namespace datasync {
namespace {

bool stands_before(const Field& field, std::string_view name) noexcept {
  return field.name < name;
}

auto lower_bound(auto& fields, std::string_view name) {
  return std::lower_bound(fields.begin(), fields.end(), name, stands_before);
}

bool needs_escape(char c) noexcept {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

/// Nearly every text is plain.
bool is_plain(std::string_view text) noexcept {
  return !any_byte(text, [](auto byte) { return (byte < 0x20) | (byte == '"') | (byte == '\\'); });
}

/// Makes `out` longer and returns where the new part begins.
char* extend(std::string& out, std::size_t bytes) {
  const std::size_t before = out.size();
  out.resize(before + bytes);
  return out.data() + before;
}

char* put(char* at, std::string_view text) noexcept {
  return at + text.copy(at, text.size());
}

[[gnu::noinline]] void append_escaped(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  std::size_t clean_from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!needs_escape(text[i])) continue;
    const auto c = static_cast<unsigned char>(text[i]);
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

/// `{"a":1,"b":2}` of members whose names need escapes: rare.
void append_with_escapes(std::string& out, const std::vector<Field>& fields) {
  char before = '{';
  for (const Field& field : fields) {
    out += before;
    before = ',';
    append_json_string(out, field.name);
    out += ':';
    out += field.value.text();
  }
  out += '}';
}

}  // namespace

Value Value::string(std::string_view text) {
  if (is_plain(text)) {
    std::string out(text.size() + 2, '"');
    text.copy(out.data() + 1, text.size());
    return Value(std::move(out));
  }
  std::string out;
  append_escaped(out, text);
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
  if (!is_plain(text)) return append_escaped(out, text);
  char* at = extend(out, text.size() + 2);
  *at++ = '"';
  at = put(at, text);
  *at = '"';
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
  constexpr std::size_t kPunctuation = 4;  // two quotes, colon, comma
  std::size_t bytes = 2;
  bool plain = true;
  for (const Field& field : fields_) {
    bytes += field.name.size() + field.value.text().size() + kPunctuation;
    plain = plain && is_plain(field.name);
  }
  if (!plain) return append_with_escapes(out, fields_);
  if (fields_.empty()) {
    out += "{}";
    return;
  }
  char* at = extend(out, bytes - 1);  // no comma behind the last one
  *at++ = '{';
  for (const Field& field : fields_) {
    *at++ = '"';
    at = put(at, field.name);
    *at++ = '"';
    *at++ = ':';
    at = put(at, field.value.text());
    *at++ = ',';
  }
  at[-1] = '}';
}

std::string Fields::to_json() const {
  std::string out;
  append_json(out);
  return out;
}

}  // namespace datasync
