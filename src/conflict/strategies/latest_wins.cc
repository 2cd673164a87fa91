#include "conflict/strategies/latest_wins.h"

#include <tuple>

namespace datasync::conflict {

Resolution LatestWins::resolve(const FieldConflict& conflict) const {
  const Side& incoming = conflict.incoming;
  const Side& golden = conflict.golden;
  // Rank and name are better when smaller, time when larger: hence the crossed sides.
  const bool incoming_won =
      std::tie(incoming.time, golden.rank, golden.platform) > std::tie(golden.time, incoming.rank, incoming.platform);
  return {incoming_won ? Resolution::Outcome::kIncoming : Resolution::Outcome::kGolden, {}, {}};
}

}  // namespace datasync::conflict
