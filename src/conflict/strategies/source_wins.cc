#include "conflict/strategies/source_wins.h"

#include "conflict/strategies/latest_wins.h"

namespace datasync::conflict {

Result<Resolution> SourceWins::resolve(const FieldConflict& conflict) const {
  if (conflict.incoming.rank == conflict.golden.rank) return LatestWins().resolve(conflict);
  const bool incoming_won = conflict.incoming.rank < conflict.golden.rank;
  return Resolution{incoming_won ? *conflict.incoming.value : *conflict.golden.value, incoming_won};
}

}  // namespace datasync::conflict
