#pragma once

#include "conflict/strategy.h"

namespace datasync::conflict {

/// The value of the platform that is trusted most with this entity survives, whenever it was written; between values of
/// equal trust the later one, as `latest_wins` decides.
class SourceWins final : public Strategy {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "source_wins"; }
  [[nodiscard]] Resolution resolve(const FieldConflict& conflict) const override;
};

}  // namespace datasync::conflict
