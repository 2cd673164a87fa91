#include "domain/json.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace datasync {
namespace {

namespace ondemand = simdjson::ondemand;

/// simdjson reads up to 64 bytes past the text, so the text is copied into a padded buffer. Parser and buffer are kept per
/// thread: they hold no state between calls, and making them anew would cost more than the parse.
struct Workspace {
  ondemand::parser parser;
  std::string padded;
};

Workspace& workspace() {
  thread_local Workspace instance;
  return instance;
}

struct ParseFailure {
  std::string message;
};

[[noreturn]] void refuse(std::string message) { throw ParseFailure{std::move(message)}; }

std::string_view trim_right(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\r' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

void append_value(std::string& out, ondemand::value value, int depth);

void append_string(std::string& out, ondemand::value value) {
  const std::string_view raw = trim_right(value.raw_json_token());
  const std::string_view text = value.get_string();  // checks the escapes
  const bool plain = raw.size() >= 2 && std::memchr(raw.data(), '\\', raw.size()) == nullptr;
  if (plain) {
    out += raw;
  } else {
    append_json_string(out, text);
  }
}

void append_number(std::string& out, ondemand::value value) {
  const std::string_view raw = trim_right(value.raw_json_token());
  if (raw.size() > kJsonNumberBytesMax) refuse("a number has more than 128 characters");
  // The library checks the grammar; what it calls out of its range is no fault here, the text is kept, not the float.
  const simdjson::error_code error = value.get_double().error();
  if (error != simdjson::SUCCESS && error != simdjson::NUMBER_ERROR) refuse(simdjson::error_message(error));
  const bool digits_only = raw.find_first_of(".eE") == std::string_view::npos;
  const bool grammatical =
      raw.find_first_not_of("0123456789+-.eE") == std::string_view::npos && (error == simdjson::SUCCESS || digits_only);
  const std::string_view magnitude = raw.front() == '-' ? raw.substr(1) : raw;
  const bool leading_zero = digits_only && magnitude.size() > 1 && magnitude.front() == '0';
  if (!grammatical || magnitude.empty() || magnitude.front() < '0' || magnitude.front() > '9' || leading_zero) {
    refuse("a number is not written as JSON demands");
  }
  if (digits_only && raw != "-0") {
    out += raw;
  } else {
    out += canonical_number(raw);
  }
}

void append_array(std::string& out, ondemand::array array, int depth) {
  out += '[';
  bool first = true;
  for (auto element : array) {
    if (!first) out += ',';
    first = false;
    append_value(out, element.value(), depth + 1);
  }
  out += ']';
}

Fields read_members(ondemand::object object, int depth, std::string_view inner_name, Fields* inner, bool* has_inner) {
  Fields fields;
  for (ondemand::field field : object) {
    const std::string name(std::string_view(field.unescaped_key()));
    ondemand::value value = field.value();
    if (inner != nullptr && name == inner_name && value.type() == ondemand::json_type::object) {
      *inner = read_members(value.get_object(), depth + 1, {}, nullptr, nullptr);
      *has_inner = true;
      fields.take(name);
      continue;
    }
    std::string text;
    append_value(text, value, depth + 1);
    fields.set(name, Value::from_canonical(std::move(text)));
  }
  return fields;
}

void append_value(std::string& out, ondemand::value value, int depth) {
  if (depth > kJsonDepthMax) refuse("nested deeper than 64 levels");
  switch (value.type()) {
    case ondemand::json_type::object:
      read_members(value.get_object(), depth, {}, nullptr, nullptr).append_json(out);
      break;
    case ondemand::json_type::array: append_array(out, value.get_array(), depth); break;
    case ondemand::json_type::string: append_string(out, value); break;
    case ondemand::json_type::number: append_number(out, value); break;
    case ondemand::json_type::boolean: out += value.get_bool().value() ? "true" : "false"; break;
    case ondemand::json_type::null:
      if (!value.is_null()) refuse("a word is none of true, false, null");
      out += "null";
      break;
  }
}

/// simdjson 3.0 has no `at_end()`; past the last token it has no location.
bool at_end(ondemand::document& document) {
  return document.current_location().error() == simdjson::OUT_OF_BOUNDS;
}

/// Runs `read` on the parsed document. simdjson's exceptions and ours end here.
template <typename Read>
auto with_document(std::string_view text, Read read) -> Result<decltype(read(std::declval<ondemand::document&>()))> {
  auto& [parser, padded] = workspace();
  constexpr std::size_t kKeptBytesMax = 1U << 20U;
  try {
    padded.reserve(text.size() + simdjson::SIMDJSON_PADDING);
    padded.assign(text);
    ondemand::document document = parser.iterate(padded.data(), text.size(), padded.capacity());
    auto result = read(document);
    if (!at_end(document)) return fail(ErrorCode::kInvalid, "text follows after the JSON value");
    if (padded.capacity() > kKeptBytesMax) std::string().swap(padded);
    return result;
  } catch (const simdjson::simdjson_error& error) {
    return fail(ErrorCode::kInvalid, error.what());
  } catch (const ParseFailure& failure) {
    return fail(ErrorCode::kInvalid, failure.message);
  }
}

/// A scalar at the top is no `ondemand::value`; wrapping it in an array makes it one.
bool is_scalar_text(std::string_view text) {
  const auto at = text.find_first_not_of(" \t\r\n");
  return at != std::string_view::npos && text[at] != '{' && text[at] != '[';
}

}  // namespace

Result<Value> parse_json(std::string_view text) {
  if (is_scalar_text(text)) {
    auto elements = parse_json_array("[" + std::string(text) + "]");
    if (!elements) return fail(std::move(elements).error());
    if (elements->size() != 1) return fail(ErrorCode::kInvalid, "text follows after the JSON value");
    return std::move(elements->front());
  }
  return with_document(text, [](ondemand::document& document) {
    std::string out;
    append_value(out, document.get_value(), 1);
    return Value::from_canonical(std::move(out));
  });
}

Result<Fields> parse_json_object(std::string_view text) {
  return with_document(text, [](ondemand::document& document) {
    return read_members(document.get_object(), 1, {}, nullptr, nullptr);
  });
}

Result<NestedObject> parse_nested_object(std::string_view text, std::string_view inner_name) {
  return with_document(text, [inner_name](ondemand::document& document) {
    NestedObject result;
    result.outer = read_members(document.get_object(), 1, inner_name, &result.inner, &result.has_inner);
    return result;
  });
}

Result<std::vector<Value>> parse_json_array(std::string_view text) {
  return with_document(text, [](ondemand::document& document) {
    std::vector<Value> elements;
    for (auto element : document.get_array()) {
      std::string out;
      append_value(out, element.value(), 2);
      elements.push_back(Value::from_canonical(std::move(out)));
    }
    return elements;
  });
}

Fields members_of(const Value& object) {
  if (object.kind() != Value::Kind::kObject) return {};
  return parse_json_object(object.text()).value_or(Fields{});
}

std::vector<Value> elements_of(const Value& array) {
  if (array.kind() != Value::Kind::kArray) return {};
  return parse_json_array(array.text()).value_or(std::vector<Value>{});
}

std::string unescape_json_string(std::string_view quoted) {
  auto text = with_document(
      quoted, [](ondemand::document& document) { return std::string(std::string_view(document.get_string())); });
  return text.value_or(std::string{});
}

std::string canonical_number(std::string_view text) {
  const bool negative = text.front() == '-';
  if (negative) text.remove_prefix(1);
  std::string digits;
  std::int64_t exponent = 0;  // the value is 0.DIGITS × 10^exponent
  const auto e = text.find_first_of("eE");
  if (e != std::string_view::npos) {
    std::string_view tail = text.substr(e + 1);
    if (tail.front() == '+') tail.remove_prefix(1);
    const auto [end, error] = std::from_chars(tail.data(), tail.data() + tail.size(), exponent);
    if (error != std::errc{}) return (negative ? "-" : "") + std::string(text);
    text = text.substr(0, e);
  }
  const auto point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  digits = whole;
  if (point != std::string_view::npos) digits += text.substr(point + 1);
  exponent += static_cast<std::int64_t>(whole.size());
  const auto first = digits.find_first_not_of('0');
  if (first == std::string::npos) return "0";
  digits.erase(0, first);
  exponent -= static_cast<std::int64_t>(first);
  digits.erase(digits.find_last_not_of('0') + 1);

  std::string out = negative ? "-" : "";
  const auto count = static_cast<std::int64_t>(digits.size());
  constexpr std::int64_t kPlainExponentMax = 30;
  if (exponent > kPlainExponentMax || exponent < -kPlainExponentMax) {
    out += digits.front();
    if (count > 1) out += '.' + digits.substr(1);
    return out + 'e' + std::to_string(exponent - 1);
  }
  if (exponent <= 0) return out + "0." + std::string(static_cast<std::size_t>(-exponent), '0') + digits;
  if (count <= exponent) return out + digits + std::string(static_cast<std::size_t>(exponent - count), '0');
  const auto split = static_cast<std::size_t>(exponent);
  return out + digits.substr(0, split) + '.' + digits.substr(split);
}

}  // namespace datasync
