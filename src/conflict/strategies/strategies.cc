#include <array>

#include "conflict/strategies/latest_wins.h"
#include "conflict/strategies/source_wins.h"
#include "conflict/strategy.h"

namespace datasync::conflict {

const Strategy* find_strategy(std::string_view name) noexcept {
  static const LatestWins latest_wins;
  static const SourceWins source_wins;
  static const std::array<const Strategy*, 2> strategies{&latest_wins, &source_wins};
  for (const Strategy* strategy : strategies) {
    if (strategy->name() == name) return strategy;
  }
  return nullptr;
}

}  // namespace datasync::conflict
