#include "transform/mapping.h"

namespace datasync::transform {
namespace {

constexpr Decimal kOne{1, 0};

/// Where the rates of one pair come from. The bases are one where both are asked.
struct Origin {
  bool source = false;
  bool table = false;
};

Origin origin_of(const RateTable& table, Currency from, Currency to) {
  if (table.quotes.knows(from) && table.quotes.knows(to)) return {true, false};
  return {!table.quotes.rates.empty() && table.quotes.base == table.base, true};
}

Result<Decimal> units_per_base(const RateTable& table, Currency currency, Origin origin) {
  if (currency == (origin.source ? table.quotes.base : table.base)) return kOne;
  if (origin.source) {
    const auto at = table.quotes.rates.find(currency);
    if (at != table.quotes.rates.end()) {
      if (!at->second.too_old) return at->second.rate;
      return fail(ErrorCode::kInvalid, "the rate of exchange for " + std::string(currency.code()) + " is of " +
                                           format_rfc3339(at->second.as_of) +
                                           ", older than `rates.source.max_age_hours` allows");
    }
  }
  if (origin.table) {
    const auto at = table.rates.find(currency);
    if (at != table.rates.end() && at->second.units > 0) return at->second;
  }
  return fail(ErrorCode::kInvalid, "no rate of exchange is known for " + std::string(currency.code()) +
                                       ": add it under `rates` in the configuration");
}

}  // namespace

Result<Rate> RateTable::rate(Currency from, Currency to) const {
  if (from == to) return Rate{kOne, kOne};
  const Origin origin = origin_of(*this, from, to);
  const auto numerator = units_per_base(*this, to, origin);
  if (!numerator) return fail(numerator.error());
  const auto denominator = units_per_base(*this, from, origin);
  if (!denominator) return fail(denominator.error());
  return Rate{*numerator, *denominator};
}

}  // namespace datasync::transform
