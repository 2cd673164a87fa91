#include "conflict/merge/names.h"
#include "conflict/merge/three_way.h"
#include "domain/money.h"

namespace datasync::conflict {

std::optional<Value> merge_numbers(const ThreeWay& sides) {
  if (sides.base == nullptr || !names_counter(sides.name)) return std::nullopt;
  const auto base = Decimal::parse(sides.base->text());
  const auto newer = Decimal::parse(sides.newer->text());
  const auto older = Decimal::parse(sides.older->text());
  if (!base || !newer || !older) return std::nullopt;
  const auto both = newer->plus(*older);
  if (!both) return std::nullopt;
  const auto counted = both->plus(base->negated());
  if (!counted) return std::nullopt;
  return Value::from_canonical(counted->to_text());
}

}  // namespace datasync::conflict
