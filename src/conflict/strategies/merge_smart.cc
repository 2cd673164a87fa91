#include "conflict/strategies/merge_smart.h"

#include "conflict/merge/three_way.h"
#include "conflict/strategies/latest_wins.h"

namespace datasync::conflict {

Resolution MergeSmart::resolve(const FieldConflict& conflict) const {
  const Value& incoming = *conflict.incoming.value;
  const Value& golden = *conflict.golden.value;
  const bool incoming_is_newer = LatestWins().resolve(conflict).outcome == Resolution::Outcome::kIncoming;
  const ThreeWay sides{conflict.field, conflict.base, incoming_is_newer ? &incoming : &golden,
                       incoming_is_newer ? &golden : &incoming};
  return settle_on(conflict, merge(sides).value_or(*sides.newer));
}

}  // namespace datasync::conflict
