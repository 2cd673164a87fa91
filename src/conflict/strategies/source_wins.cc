#include "conflict/strategies/source_wins.h"

#include "conflict/strategies/latest_wins.h"

namespace datasync::conflict {

Resolution SourceWins::resolve(const FieldConflict& conflict) const {
  if (conflict.incoming.rank == conflict.golden.rank) return LatestWins().resolve(conflict);
  const bool incoming_won = conflict.incoming.rank < conflict.golden.rank;
  return {incoming_won ? Resolution::Outcome::kIncoming : Resolution::Outcome::kGolden, {}, {}};
}

}  // namespace datasync::conflict
