#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/call.h"
#include "api/event_request.h"
#include "storage/store.h"

namespace datasync::api {

/// The tenants that a read may see: those of the caller, narrowed by `?tenant_id=`. Empty means all, and is given only
/// to callers who may see all. Errors: 404 for a tenant that is not the caller's.
[[nodiscard]] Read<storage::Reader::Tenants> tenants_of(const Call& call);
[[nodiscard]] Read<storage::Reader::Tenants> tenants_of(std::optional<std::string> tenant_id,
                                                        const security::Caller& caller);

/// The one tenant of a call that names a thing by an id that is unique only inside its tenant.
/// Errors: 422 where the caller has several and names none, 404 as above.
[[nodiscard]] Read<TenantId> one_tenant_of(const Call& call);

/// An integer parameter, `fallback` where it is missing. Errors: 422 outside of `min..max`.
[[nodiscard]] Read<std::int64_t> integer_parameter(const Call& call, std::string_view name, std::int64_t fallback,
                                                   std::int64_t min, std::int64_t max);
[[nodiscard]] Read<std::optional<Timestamp>> time_parameter(const Call& call, std::string_view name);

/// An opaque cursor over a row number. `filter` ties it to the query that it came from: with another one, pages would
/// repeat and miss rows without anybody noticing.
[[nodiscard]] std::string make_cursor(std::int64_t row, std::string_view filter);
/// None for what `make_cursor` did not make for this filter.
[[nodiscard]] std::optional<std::int64_t> read_cursor(std::string_view cursor, std::string_view filter);

}  // namespace datasync::api
