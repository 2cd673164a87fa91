#include "conflict/strategies/custom_logic.h"

#include <array>

#include "conflict/strategies/latest_wins.h"
#include "domain/json.h"

namespace datasync::conflict {
namespace {

using Outcome = Resolution::Outcome;
using script::Argument;
using script::Member;

constexpr std::string_view kFunction = "resolve";
constexpr std::string_view kIncoming = "incoming";
constexpr std::string_view kGolden = "golden";

std::vector<Member> table_of(const Side& side) {
  return {{"value", side.value},
          {"platform", std::string_view(side.platform.str())},
          {"time", side.time.microseconds},
          {"rank", static_cast<std::int64_t>(side.rank)}};
}

std::vector<Member> table_of(const FieldConflict& conflict) {
  const bool incoming_is_later = LatestWins().resolve(conflict).outcome == Outcome::kIncoming;
  std::vector<Member> table{{"entity", conflict.entity},
                            {"field", conflict.field},
                            {kIncoming, table_of(conflict.incoming)},
                            {kGolden, table_of(conflict.golden)},
                            {"latest", incoming_is_later ? kIncoming : kGolden}};
  if (conflict.base != nullptr) table.push_back({"base", conflict.base});
  return table;
}

Resolution review(std::string reason) {
  return {Outcome::kReview, {}, std::move(reason)};
}

/// What a table of one member says; none for another value.
std::optional<Resolution> read_table(const FieldConflict& conflict, const std::string& rule, const Value& returned) {
  const Fields members = members_of(returned);
  if (members.size() != 1) return std::nullopt;
  if (const Value* value = members.find("value")) return settle_on(conflict, *value);
  const Value* why = members.find("review");
  const auto reason = why == nullptr ? std::nullopt : why->as_string();
  if (!reason) return std::nullopt;
  return review(rule + ": " + script::as_reason(*reason));
}

}  // namespace

Result<std::shared_ptr<const CustomLogic>> CustomLogic::compile(std::string name, std::string text,
                                                                script::Limits limits) {
  auto script = script::Script::compile(std::move(name), std::move(text), limits);
  if (!script) return fail(std::move(script).error());
  DATASYNC_TRY((*script)->require(kFunction));
  return std::make_shared<const CustomLogic>(std::move(*script));
}

Resolution CustomLogic::resolve(const FieldConflict& conflict) const {
  const std::array<Argument, 1> arguments{table_of(conflict)};
  const auto returned = script_->call(kFunction, arguments);
  if (!returned) return review(returned.error().message);
  const auto word = returned->as_string();
  if (word == kIncoming) return {Outcome::kIncoming, {}, {}};
  if (word == kGolden) return {Outcome::kGolden, {}, {}};
  if (auto said = read_table(conflict, script_->name(), *returned)) return *std::move(said);
  return review(script_->name() +
                R"(: resolve returned none of "incoming", "golden", {value = …} and {review = "reason"})");
}

}  // namespace datasync::conflict
