#include "transform/mapping.h"

namespace datasync::transform {
namespace {

constexpr Decimal kOne{1, 0};

Result<Decimal> units_per_base(const RateTable& table, Currency currency) {
  if (currency == table.base) return kOne;
  const auto at = table.rates.find(currency);
  if (at != table.rates.end() && at->second.units > 0) return at->second;
  return fail(ErrorCode::kInvalid, "no rate of exchange is known for " + std::string(currency.code()) +
                                       ": add it under `rates` in the configuration");
}

}  // namespace

Result<Rate> RateTable::rate(Currency from, Currency to) const {
  if (from == to) return Rate{kOne, kOne};
  const auto numerator = units_per_base(*this, to);
  if (!numerator) return fail(numerator.error());
  const auto denominator = units_per_base(*this, from);
  if (!denominator) return fail(denominator.error());
  return Rate{*numerator, *denominator};
}

}  // namespace datasync::transform
