#include "conflict/strategies/latest_wins.h"

#include <tuple>

namespace datasync::conflict {

Result<Resolution> LatestWins::resolve(const FieldConflict& conflict) const {
  const Side& incoming = conflict.incoming;
  const Side& golden = conflict.golden;
  // Rank and name are better when smaller, time when larger: hence the crossed sides.
  const bool incoming_won =
      std::tie(incoming.time, golden.rank, golden.platform) > std::tie(golden.time, incoming.rank, incoming.platform);
  return Resolution{incoming_won ? *incoming.value : *golden.value, incoming_won};
}

}  // namespace datasync::conflict
