// Amounts, rates and currencies: `CUR amount` on the first line, and `CUR numerator denominator` on the second.

#include <cmath>

#include "domain/money.h"
#include "fuzz.h"

namespace datasync::fuzz {
namespace {

/// A JSON number or string, or any text taken as a string.
Value value_of(std::string_view text) {
  const auto json = parse_json(text);
  return json ? *json : Value::string(is_utf8(text) ? text : "?");
}

void check_amount(const Money& money) {
  const std::string decimal = money.to_decimal();
  const auto again = Money::parse(Value::string(decimal), money.currency());
  require(again && *again == money, "an amount that was written is the same amount", decimal);
  const auto number = Money::parse(*parse_json(decimal), money.currency());
  require(number && *number == money, "so it is as a number", decimal);
  const auto held = Money::from_value(money.to_value());
  require(held && *held == money, "a record holds the amount", money.to_value().text());
  require(parse_json(money.to_value().text()) == money.to_value(), "as canonical JSON", money.to_value().text());
}

void check_conversion(const Money& money, const Rate& rate, Currency to) {
  const auto converted = money.convert(rate, to);
  if (!converted) return;
  if (to == money.currency()) return require(*converted == money, "an amount in its own currency stays as it is");
  const long double factor =
      static_cast<long double>(rate.numerator.units) / static_cast<long double>(rate.denominator.units) *
      std::pow(10.0L, to.exponent() - money.currency().exponent() - rate.numerator.scale + rate.denominator.scale);
  const long double exact = static_cast<long double>(money.minor()) * factor;
  const long double off = std::fabs(static_cast<long double>(converted->minor()) - exact);
  require(off <= 0.5L + std::fabs(exact) * 1e-15L, "a conversion is off by half a minor unit at most");
}

}  // namespace
}  // namespace datasync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace datasync;
  std::string_view rest = fuzz::text_of(data, size);
  std::string_view line = fuzz::take_until(rest, "\n");
  const auto currency = Currency::parse(fuzz::take_until(line, " "));
  if (!currency) return 0;
  const auto money = Money::parse(fuzz::value_of(line), *currency);
  if (!money) return 0;
  fuzz::check_amount(*money);
  const auto to = Currency::parse(fuzz::take_until(rest, " "));
  const auto numerator = Decimal::parse(fuzz::take_until(rest, " "));
  const auto denominator = Decimal::parse(fuzz::take_until(rest, "\n"));
  if (to && numerator && denominator) fuzz::check_conversion(*money, {*numerator, *denominator}, *to);
  return 0;
}
