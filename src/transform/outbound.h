#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "domain/value.h"
#include "transform/mapper.h"
#include "transform/plan.h"

namespace datasync::transform {

/// Canonical fields in the platform's names and shapes. Errors: `kInvalid` where no rate of exchange is known.
[[nodiscard]] Result<Fields> write_fields(const EntityPlan& plan, const RateTable& rates, const Fields& fields);

/// See `Mapper::amount_as_written`.
[[nodiscard]] std::optional<Value> amount_as_written(const EntityPlan& plan, const RateTable& rates,
                                                     std::string_view field, const Value& value);
/// See `Mapper::held_hash`.
[[nodiscard]] std::uint64_t hash_as_written(const EntityPlan& plan, const RateTable& rates, std::string_view field,
                                            const Value& value);

/// The platform's `_platform_context` or `_sync_metadata` as a member of `data`.
void write_context(const PlatformMapping& platform, const OutboundContext& context, Fields& data);

}  // namespace datasync::transform
