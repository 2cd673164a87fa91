#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "domain/value.h"

namespace datasync {

/// A currency by its ISO 4217 code of three capital letters.
class Currency {
 public:
  /// Errors: `kInvalid` unless `code` is three letters; small letters are taken as capitals.
  static Result<Currency> parse(std::string_view code);
  [[nodiscard]] std::string_view code() const noexcept { return {code_.data(), code_.size()}; }
  /// Digits after the point: 2 for most and for what is not listed, 0 for yen, 3 for dinars. Source: ISO 4217, list
  /// one.
  [[nodiscard]] int exponent() const noexcept;
  /// Whether ISO 4217 lists it with a minor unit; gold, and what somebody made up, are not.
  [[nodiscard]] bool is_listed() const noexcept;
  auto operator<=>(const Currency&) const = default;

 private:
  std::array<char, 3> code_{'U', 'S', 'D'};
};

/// An exact decimal fraction, units × 10^-scale: a rate of exchange such as 83 or 0.0125.
struct Decimal {
  std::int64_t units = 0;
  int scale = 0;  ///< 0..12

  /// Errors: `kInvalid` for text that is no plain decimal or has more than 18 digits.
  static Result<Decimal> parse(std::string_view text);

  /// The same for text with more digits than it can hold, as programs print their floats: rounded half to even to 12
  /// digits behind the point, and 18 in all. Errors: `kInvalid` for text that is no plain decimal, or above that.
  static Result<Decimal> rounded(std::string_view text);

  /// The exact sum. Errors: `kInvalid` if it needs more than 18 digits.
  [[nodiscard]] Result<Decimal> plus(const Decimal& other) const;
  [[nodiscard]] Decimal negated() const noexcept { return {-units, scale}; }
  /// As canonical JSON writes it, without needless zeros: `12.5`.
  [[nodiscard]] std::string to_text() const;
  bool operator==(const Decimal&) const = default;  ///< of how it is written: 1.50 is not 1.5
};

/// How many units of one currency are paid for one unit of another: `numerator / denominator`.
struct Rate {
  Decimal numerator{1, 0};
  Decimal denominator{1, 0};
};

/// An amount in whole minor units (cents, paise) of its currency. Never a float.
class Money {
 public:
  static Money from_minor(std::int64_t minor, Currency currency) { return Money(minor, currency); }

  /// Reads major units: a JSON number or a decimal string, as clients send them. Digits beyond the currency's exponent
  /// are rounded half to even (IEEE 754, 4.3.1), since they come from clients' floats. Errors: `kInvalid` for another
  /// kind of value, text that is no decimal, or more than 15 digits before the point (14 with four decimals).
  static Result<Money> parse(const Value& major, Currency currency);

  [[nodiscard]] std::int64_t minor() const noexcept { return minor_; }
  [[nodiscard]] Currency currency() const noexcept { return currency_; }
  /// Major units with all decimals of the currency: `19.90`.
  [[nodiscard]] std::string to_decimal() const;

  /// The same worth in another currency, rounded half to even.
  /// Errors: `kInvalid` if the outcome does not fit.
  [[nodiscard]] Result<Money> convert(const Rate& rate, Currency to) const;

  /// How a record holds it: `{"amount":"19.90","currency":"USD"}`: one value, compared and resolved as one.
  [[nodiscard]] Value to_value() const;
  /// None if `value` was not made by `to_value`.
  static std::optional<Money> from_value(const Value& value);

  bool operator==(const Money&) const = default;

 private:
  Money(std::int64_t minor, Currency currency) : minor_(minor), currency_(currency) {}
  std::int64_t minor_;
  Currency currency_;
};

}  // namespace datasync
