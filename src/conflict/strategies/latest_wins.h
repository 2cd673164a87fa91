#pragma once

#include "conflict/strategy.h"

namespace datasync::conflict {

/// The later change survives, whichever side it arrived from. Ties on the hybrid time go to the more trusted platform,
/// then to the name that comes first, so two platforms never tie.
class LatestWins final : public Strategy {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "latest_wins"; }
  [[nodiscard]] Resolution resolve(const FieldConflict& conflict) const override;
};

}  // namespace datasync::conflict
