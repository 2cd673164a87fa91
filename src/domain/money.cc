#include "domain/money.h"

#include <algorithm>
#include <boost/multiprecision/cpp_int.hpp>

#include "domain/json.h"

namespace datasync {
namespace {

__extension__ using Wide = __int128;
using Widest = boost::multiprecision::int256_t;

constexpr int kScaleMax = 12;
constexpr std::size_t kWholeDigitsMax = 15;
constexpr int kDigitsMax = 18;  // 64 bits hold all of them

template <typename Integer = Wide>
Integer power_of_ten(int exponent) {
  Integer power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

/// `numerator / denominator`, rounded half to even; `denominator` > 0.
template <typename Integer>
Integer divide_half_even(Integer numerator, const Integer& denominator) {
  const bool negative = numerator < 0;
  if (negative) numerator = -numerator;
  Integer quotient = numerator / denominator;
  const Integer twice = (numerator % denominator) * 2;
  if (twice > denominator || (twice == denominator && quotient % 2 != 0)) ++quotient;
  if (negative) quotient = -quotient;
  return quotient;
}

/// Whether an amount of so many minor units may be written, and read again.
template <typename Integer>
bool fits(const Integer& minor, Currency currency) {
  const int digits = std::min(static_cast<int>(kWholeDigitsMax) + currency.exponent(), kDigitsMax);
  const auto limit = power_of_ten<Integer>(digits);
  return minor < limit && minor > -limit;
}

/// `1990` with two decimals is `19.90`.
std::string with_point(std::int64_t units, std::size_t decimals) {
  std::string digits = std::to_string(units < 0 ? -units : units);
  if (digits.size() <= decimals) digits.insert(0, decimals + 1 - digits.size(), '0');
  if (decimals > 0) digits.insert(digits.size() - decimals, ".");
  return units < 0 ? "-" + digits : digits;
}

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Whether the digits cut off (`rest`) round the kept ones up, half to even.
bool rounds_up(std::string_view rest, bool odd) {
  if (rest.empty() || rest.front() < '5') return false;
  if (rest.front() > '5' || rest.find_first_not_of('0', 1) != std::string_view::npos) return true;
  return odd;
}

}  // namespace

Result<Decimal> Decimal::parse(std::string_view text) {
  const auto refuse = [] { return fail(ErrorCode::kInvalid, "must be a plain decimal number such as 83 or 0.0125"); };
  const bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  const auto point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction = point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
  if (whole.empty() || !all_digits(whole) || !all_digits(fraction)) return refuse();
  if (whole.size() + fraction.size() > static_cast<std::size_t>(kDigitsMax) || fraction.size() > kScaleMax)
    return refuse();
  Decimal decimal{0, static_cast<int>(fraction.size())};
  for (const char c : whole) decimal.units = decimal.units * 10 + (c - '0');
  for (const char c : fraction) decimal.units = decimal.units * 10 + (c - '0');
  if (negative) decimal.units = -decimal.units;
  return decimal;
}

Result<Decimal> Decimal::rounded(std::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  const std::string_view digits = text.substr(negative ? 1 : 0);
  const std::size_t point = std::min(digits.find('.'), digits.size());
  const std::string_view fraction = digits.substr(std::min(point + 1, digits.size()));
  const std::size_t room = point < kDigitsMax ? kDigitsMax - point : 0;
  const std::size_t kept = std::min({fraction.size(), static_cast<std::size_t>(kScaleMax), room});
  auto decimal = parse(text.substr(0, text.size() - (fraction.size() - kept)));
  if (!decimal || !all_digits(fraction)) return fail(ErrorCode::kInvalid, "must be a decimal number");
  if (!rounds_up(fraction.substr(kept), decimal->units % 2 != 0)) return decimal;
  decimal->units += negative ? -1 : 1;
  if (decimal->units < power_of_ten(kDigitsMax) && -decimal->units < power_of_ten(kDigitsMax)) return decimal;
  return fail(ErrorCode::kInvalid, "has more than 18 digits");
}

Result<Decimal> Decimal::plus(const Decimal& other) const {
  int sum_scale = std::max(scale, other.scale);
  Wide sum = units * power_of_ten(sum_scale - scale) + other.units * power_of_ten(sum_scale - other.scale);
  for (; sum_scale > 0 && sum % 10 == 0; --sum_scale) sum /= 10;
  const Wide limit = power_of_ten(kDigitsMax);
  if (sum >= limit || sum <= -limit) return fail(ErrorCode::kInvalid, "the sum has more than 18 digits");
  return Decimal{static_cast<std::int64_t>(sum), sum_scale};
}

std::string Decimal::to_text() const {
  return canonical_number(with_point(units, static_cast<std::size_t>(scale)));
}

Result<Money> Money::parse(const Value& major, Currency currency) {
  const auto refuse = [] {
    return fail(ErrorCode::kInvalid,
                "must be an amount in major units: a number or a decimal string such as \"19.90\"");
  };
  std::string text;
  if (major.kind() == Value::Kind::kNumber) {
    text = major.text();
  } else if (auto string = major.as_string()) {
    text = std::move(*string);
  }
  std::string_view rest = text;
  const bool negative = !rest.empty() && rest.front() == '-';
  if (negative) rest.remove_prefix(1);
  const auto point = rest.find('.');
  const std::string_view whole = rest.substr(0, point);
  const std::string_view fraction = point == std::string_view::npos ? std::string_view{} : rest.substr(point + 1);
  if (whole.empty() || whole.size() > kWholeDigitsMax || !all_digits(whole) || !all_digits(fraction)) return refuse();
  if (point != std::string_view::npos && fraction.empty()) return refuse();

  const auto decimals = static_cast<std::size_t>(currency.exponent());
  if (whole.size() + decimals > static_cast<std::size_t>(kDigitsMax)) return refuse();
  std::int64_t minor = 0;
  for (const char c : whole) minor = minor * 10 + (c - '0');
  for (std::size_t i = 0; i < decimals; ++i) minor = minor * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
  if (fraction.size() > decimals && rounds_up(fraction.substr(decimals), minor % 2 != 0)) ++minor;
  if (!fits(minor, currency)) return refuse();
  return Money(negative ? -minor : minor, currency);
}

std::string Money::to_decimal() const {
  return with_point(minor_, static_cast<std::size_t>(currency_.exponent()));
}

Result<Money> Money::convert(const Rate& rate, Currency to) const {
  if (to == currency_) return *this;
  const auto refuse = [] { return fail(ErrorCode::kInvalid, "the converted amount does not fit"); };
  if (rate.denominator.units <= 0) return refuse();
  // minor_to = minor_from × 10^(exp_to − exp_from) × numerator / denominator, all in integers until the one rounding.
  const int shift = to.exponent() - currency_.exponent() - rate.numerator.scale + rate.denominator.scale;
  const auto divided = [shift](auto numerator, auto denominator) {
    (shift >= 0 ? numerator : denominator) *= power_of_ten<decltype(numerator)>(shift >= 0 ? shift : -shift);
    return divide_half_even(numerator, denominator);
  };
  const Wide product = static_cast<Wide>(minor_) * rate.numerator.units;
  constexpr Wide kRoom = static_cast<Wide>(1) << 80U;  // keeps the shifted numbers inside 128 bits
  if (product <= kRoom && product >= -kRoom && shift <= kScaleMax + 2) {
    const Wide minor = divided(product, static_cast<Wide>(rate.denominator.units));
    if (!fits(minor, to)) return refuse();
    return Money(static_cast<std::int64_t>(minor), to);
  }
  const Widest minor = divided(Widest(minor_) * rate.numerator.units, Widest(rate.denominator.units));
  if (!fits(minor, to)) return refuse();
  return Money(static_cast<std::int64_t>(minor), to);
}

Value Money::to_value() const {
  return Value::from_canonical("{\"amount\":\"" + to_decimal() + "\",\"currency\":\"" + std::string(currency_.code()) +
                               "\"}");
}

std::optional<Money> Money::from_value(const Value& value) {
  if (value.kind() != Value::Kind::kObject) return std::nullopt;
  const Fields members = members_of(value);
  const Value* amount = members.find("amount");
  const Value* currency = members.find("currency");
  if (members.size() != 2 || amount == nullptr || currency == nullptr) return std::nullopt;
  const auto code = Currency::parse(currency->as_string().value_or(""));
  if (!code) return std::nullopt;
  const auto money = parse(*amount, *code);
  if (!money) return std::nullopt;
  return *money;
}

}  // namespace datasync
