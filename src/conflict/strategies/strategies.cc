#include <array>

#include "conflict/strategies/latest_wins.h"
#include "conflict/strategies/manual_review.h"
#include "conflict/strategies/merge_smart.h"
#include "conflict/strategies/source_wins.h"
#include "conflict/strategy.h"

namespace datasync::conflict {

std::shared_ptr<const Strategy> find_strategy(std::string_view name) {
  static const std::array<std::shared_ptr<const Strategy>, 4> strategies{
      std::make_shared<LatestWins>(), std::make_shared<SourceWins>(), std::make_shared<MergeSmart>(),
      std::make_shared<ManualReview>()};
  for (const auto& strategy : strategies) {
    if (strategy->name() == name) return strategy;
  }
  return nullptr;
}

Resolution settle_on(const FieldConflict& conflict, Value value) {
  using Outcome = Resolution::Outcome;
  if (value == *conflict.golden.value) return {Outcome::kGolden, {}, {}};
  if (value == *conflict.incoming.value) return {Outcome::kIncoming, {}, {}};
  return {Outcome::kMerged, std::move(value), {}};
}

}  // namespace datasync::conflict
