#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "api/problem.h"
#include "base/time.h"
#include "domain/event.h"
#include "domain/json.h"
#include "pipeline/catalog.h"
#include "security/caller.h"

namespace datasync::api {

/// What a request is judged by.
struct RequestContext {
  const pipeline::Catalog& catalog;
  const security::Caller& caller;
  Timestamp now;  ///< what a time to live counts from
};

/// A read event, or why not. `Problem` tells more than an `Error`: every bad field.
template <typename T>
using Read = tl::expected<T, Problem>;

/// Reads the JSON of one event: types, names, limits, tenants. What is returned needs nothing more for
/// `Backend::accept`.
///
/// Errors: 400 for text that is no JSON, 404 for a tenant that is not the caller's, 422 with every bad field.
[[nodiscard]] Read<std::shared_ptr<Event>> read_event(std::string_view body, const RequestContext& context);

/// The same for an object that was read already: its members, and those of its `data`, which move into the event.
[[nodiscard]] Read<std::shared_ptr<Event>> read_event(NestedObject& object, const RequestContext& context);

/// None if `text` may be an id of a client: 1 to 255 characters, no control characters. Else what would be right.
[[nodiscard]] std::optional<std::string> fault_of_id(std::string_view text);

/// The tenant of a request that may leave it out where the caller has exactly one. `tenant_id` is empty if it was not
/// sent. Errors: 422 where it is needed, 404 where it is not the caller's.
[[nodiscard]] Read<TenantId> settle_tenant(std::string tenant_id, const security::Caller& caller);

/// `bizoholic, bizosaas, coreldove`
[[nodiscard]] std::string platform_names(const pipeline::Catalog& catalog);

}  // namespace datasync::api
