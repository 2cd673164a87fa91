// The JSON reader under everything that comes in. A second parser must agree on what is JSON and what it says;
// canonical text is its own canonical text.

#include <algorithm>
#include <boost/json/src.hpp>
#include <cmath>
#include <cstdlib>

#include "fuzz.h"

namespace datasync::fuzz {
namespace {

namespace json = boost::json;

/// Ours are decimal text, and the other parser's doubles may be off by their last bits.
bool same_number(const Value& ours, double theirs) {
  if (ours.kind() != Value::Kind::kNumber) return false;
  const double number = std::strtod(ours.text().c_str(), nullptr);
  constexpr double kSmallest = 1e-300;         // below it doubles lose their digits
  if (std::isnan(theirs)) return number == 0;  // what it makes of nothing times infinity: `0.0e400`
  return number == theirs || std::fabs(number - theirs) <= std::fabs(number) * 1e-13 + kSmallest;
}

bool same(const Value& ours, const json::value& theirs) {
  switch (theirs.kind()) {
    case json::kind::null:
      return ours.is_null();
    case json::kind::bool_:
      return ours == Value::boolean(theirs.get_bool());
    case json::kind::string:
      return ours.as_string() == std::string_view(theirs.get_string().data(), theirs.get_string().size());
    case json::kind::int64:
      return ours.as_integer() == theirs.get_int64();
    case json::kind::uint64:
      return ours.text() == std::to_string(theirs.get_uint64());
    case json::kind::double_:
      return same_number(ours, theirs.get_double());
    case json::kind::array: {
      const auto elements = elements_of(ours);
      const auto& others = theirs.get_array();
      return ours.kind() == Value::Kind::kArray &&
             std::equal(elements.begin(), elements.end(), others.begin(), others.end(), same);
    }
    case json::kind::object: {
      const Fields members = members_of(ours);
      const auto& others = theirs.get_object();
      if (ours.kind() != Value::Kind::kObject || members.size() != others.size()) return false;
      return std::all_of(others.begin(), others.end(), [&members](const auto& other) {
        const Value* value = members.find(std::string_view(other.key().data(), other.key().size()));
        return value != nullptr && same(*value, other.value());
      });
    }
  }
  return false;
}

/// A number that no double holds, which is one of the things that we refuse.
bool has_infinity(const json::value& value) {
  if (value.is_double()) return std::isinf(value.get_double());
  if (value.is_array()) return std::any_of(value.get_array().begin(), value.get_array().end(), has_infinity);
  if (!value.is_object()) return false;
  const auto& members = value.get_object();
  return std::any_of(members.begin(), members.end(), [](const auto& member) { return has_infinity(member.value()); });
}

/// Limits of ours that the other one does not have, or has elsewhere.
bool is_ours_to_refuse(std::string_view message) {
  return message.find("64 levels") != std::string_view::npos ||
         message.find("128 characters") != std::string_view::npos;
}

void compare(std::string_view text, const Result<Value>& ours) {
  json::error_code error;
  json::parse_options options;
  options.max_depth = 1024;
  const json::value theirs = json::parse(json::string_view(text.data(), text.size()), error, {}, options);
  if (ours) {
    if (error == json::error::exponent_overflow) return;  // ours keeps the text, whatever its size
    require(!error, "what we take is JSON", ours->text());
    require(same(*ours, theirs), "and says what another parser reads", ours->text());
  } else if (!is_ours_to_refuse(ours.error().message)) {
    require(error || has_infinity(theirs), "what is JSON we take", ours.error().message);
  }
}

void check_value(const Value& value) {
  const auto again = parse_json(value.text());
  require(again && *again == value, "canonical text is its own canonical text", value.text());
  if (const auto text = value.as_string())
    require(Value::string(*text) == value, "a string that was written is itself");
  if (const auto number = value.as_integer()) {
    require(Value::integer(*number) == value, "a whole number that was written is itself", value.text());
  }
}

/// The readers that take a text apart see the same value as the one that does not.
void check_parts(std::string_view text, const Value& value) {
  const auto members = parse_json_object(text);
  require(members.has_value() == (value.kind() == Value::Kind::kObject), "an object is read as one");
  if (members) require(members->to_json() == value.text(), "an object has the same members", value.text());
  const auto elements = parse_json_array(text);
  require(elements.has_value() == (value.kind() == Value::Kind::kArray), "an array is read as one");
  if (elements) require(*elements == elements_of(value), "an array has the same elements", value.text());
  const auto nested = parse_nested_object(text, "data");
  require(nested.has_value() == members.has_value(), "an object with another inside is read as one");
  if (!nested) return;
  Fields joined = nested->outer;
  if (nested->has_inner) {
    require(!joined.contains("data"), "the inner object stands in one place");
    joined.set("data", nested->inner.to_value());
  }
  require(joined == *members, "the inner object and the outer one make up the whole", value.text());
}

}  // namespace
}  // namespace datasync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = datasync::fuzz::text_of(data, size);
  const auto value = datasync::parse_json(text);
  datasync::fuzz::compare(text, value);
  if (!value) {
    datasync::fuzz::require(!datasync::parse_json_object(text) && !datasync::parse_json_array(text) &&
                                !datasync::parse_nested_object(text, "data"),
                            "what is no JSON is no object and no array either");
    return 0;
  }
  datasync::fuzz::check_value(*value);
  datasync::fuzz::check_parts(text, *value);
  return 0;
}
