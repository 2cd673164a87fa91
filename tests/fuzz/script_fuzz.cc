// A conflict rule as anybody may write it. It is refused with words, or every call of it ends within its limits, with
// the same outcome each time.

#include <array>
#include <chrono>

#include "fuzz.h"
#include "script/script.h"

namespace datasync::fuzz {
namespace {

/// Fewer steps than in service: thousands of inputs a second tell more than long ones.
constexpr script::Limits kLimits{.steps_max = 20'000};
/// With sanitizers, on a busy machine. What a limit does not stop takes minutes.
constexpr seconds kLongest{5};

constexpr std::string_view kValues[] = {
    "null", "5", "80.5", "0.12345678901234567890123", R"("a text")", R"({"a":[1,null,{"b":""}],"amount":"19.90"})",
    "[]",
};

void check_error(const Error& error) {
  require(error.code == ErrorCode::kInvalid || error.code == ErrorCode::kTooLarge, "what fails is the rule's own fault",
          error.message);
  require(error.message.starts_with("rule.lua:"), "and says where", error.message);
  require(is_utf8(error.message) && !has_control_character(error.message), "in a line of text", error.message);
  require(error.message.size() < 400, "that is not too long", error.message);
}

std::string outcome(const script::Script& rule, const Value& value) {
  const std::array<script::Argument, 1> arguments{std::vector<script::Member>{
      {"field", "score"}, {"incoming", &value}, {"golden", std::vector<script::Member>{{"value", std::int64_t{7}}}}}};
  const auto returned = rule.call("resolve", arguments);
  if (!returned) {
    check_error(returned.error());
    return returned.error().message;
  }
  const auto again = parse_json(returned->text());
  require(again && *again == *returned, "what it returns is a value", returned->text());
  return returned->text();
}

}  // namespace
}  // namespace datasync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace datasync;
  const auto begin = std::chrono::steady_clock::now();
  const std::string text(fuzz::text_of(data, size));
  const auto rule = script::Script::compile("rule.lua", text, fuzz::kLimits);
  // Elsewhere in memory and with other hashes, as in another process.
  const auto twin = script::Script::compile("rule.lua", text, fuzz::kLimits);
  fuzz::require(rule.has_value() == twin.has_value(), "a rule is taken or not");
  if (rule) {
    for (const std::string_view json : fuzz::kValues) {
      const Value value = parse_json(json).value();
      const std::string first = fuzz::outcome(**rule, value);
      fuzz::require(fuzz::outcome(**rule, value) == first, "a rule is a pure function", first);
      fuzz::require(fuzz::outcome(**twin, value) == first, "and the same one everywhere", first);
    }
  } else {
    fuzz::check_error(rule.error());
  }
  fuzz::require(std::chrono::steady_clock::now() - begin < fuzz::kLongest, "every limit holds");
  return 0;
}
