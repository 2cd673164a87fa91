#pragma once

#include "base/result.h"
#include "domain/value.h"
#include "transform/mapper.h"
#include "transform/plan.h"

namespace datasync::transform {

/// A platform's data in canonical words. Errors: `kInvalid` with the pointer of a value that can't be read.
[[nodiscard]] Result<CanonicalChange> read_change(const EntityPlan& plan, const Fields& data);

/// The most trusted id in `data`; empty if it has none.
[[nodiscard]] std::string read_own_id(const EntityPlan& plan, const Fields& data);

/// See `Mapper::complete`.
[[nodiscard]] Result<void> complete_change(const EntityPlan& plan, const EntityRules& rules, const Record* record,
                                           CanonicalChange& change);

}  // namespace datasync::transform
