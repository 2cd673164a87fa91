#include "domain/money.h"

#include <algorithm>

#include "domain/json.h"

namespace datasync {
namespace {

__extension__ using Wide = __int128;

constexpr int kScaleMax = 12;
constexpr std::size_t kWholeDigitsMax = 15;
constexpr int kDigitsMax = 18;  // 64 bits hold all of them

constexpr std::string_view kNoDecimals[] = {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG",
                                            "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"};
constexpr std::string_view kThreeDecimals[] = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"};
constexpr std::string_view kFourDecimals[] = {"CLF", "UYW"};

bool contains(const auto& list, std::string_view code) {
  return std::find(std::begin(list), std::end(list), code) != std::end(list);
}

Wide power_of_ten(int exponent) {
  Wide power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

/// `numerator / denominator`, rounded half to even; `denominator` > 0.
Wide divide_half_even(Wide numerator, Wide denominator) {
  const bool negative = numerator < 0;
  if (negative) numerator = -numerator;
  Wide quotient = numerator / denominator;
  const Wide twice = (numerator % denominator) * 2;
  if (twice > denominator || (twice == denominator && quotient % 2 != 0)) ++quotient;
  return negative ? -quotient : quotient;
}

/// Whether an amount of so many minor units may be written, and read again.
bool fits(Wide minor, Currency currency) {
  const int digits = std::min(static_cast<int>(kWholeDigitsMax) + currency.exponent(), kDigitsMax);
  const Wide limit = power_of_ten(digits);
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

Result<Currency> Currency::parse(std::string_view code) {
  Currency currency;
  bool letters = code.size() == currency.code_.size();
  for (std::size_t i = 0; letters && i < code.size(); ++i) {
    const char upper = code[i] >= 'a' && code[i] <= 'z' ? static_cast<char>(code[i] - 'a' + 'A') : code[i];
    letters = upper >= 'A' && upper <= 'Z';
    currency.code_[i] = upper;
  }
  if (!letters) return fail(ErrorCode::kInvalid, "currency must be an ISO 4217 code of three letters, such as USD");
  return currency;
}

int Currency::exponent() const noexcept {
  if (contains(kNoDecimals, code())) return 0;
  if (contains(kThreeDecimals, code())) return 3;
  if (contains(kFourDecimals, code())) return 4;
  return 2;
}

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
  // minor_to = minor_from × 10^(exp_to − exp_from) × numerator / denominator, all in integers until the one rounding.
  Wide numerator = static_cast<Wide>(minor_) * rate.numerator.units;
  Wide denominator = rate.denominator.units;
  const int shift = to.exponent() - currency_.exponent() - rate.numerator.scale + rate.denominator.scale;
  constexpr Wide kRoom = static_cast<Wide>(1) << 80U;  // keeps the shifted numbers inside 128 bits
  if (denominator <= 0 || numerator > kRoom || numerator < -kRoom || shift > kScaleMax + 2) {
    return fail(ErrorCode::kInvalid, "the converted amount does not fit");
  }
  if (shift >= 0) {
    numerator *= power_of_ten(shift);
  } else {
    denominator *= power_of_ten(-shift);
  }
  const Wide minor = divide_half_even(numerator, denominator);
  if (!fits(minor, to)) return fail(ErrorCode::kInvalid, "the converted amount does not fit");
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
