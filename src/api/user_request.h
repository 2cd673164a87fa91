#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "api/event_request.h"

namespace datasync::api {

/// A user to be synchronized, as an event that still lacks its verb: whether the user is new is for the store to say.
struct UserRequest {
  std::string user_id;
  TenantId tenant;
  NestedObject event;  ///< members of the event without `event_type`
};

/// Reads `{user_id, email, name, phone?, profile_data?, preferences?, tenant_id, platform_data?, source_platform?}`.
///
/// The source is the token's platform, else `source_platform`, else bizosaas; every other platform is a target.
/// `user_id` is the canonical id. `platform_data` and what we don't know go into the event's metadata; the source's own
/// id is taken from `platform_data.<source>.id`, where it stands.
///
/// Errors: 400, 404 and 422 as `read_event`.
[[nodiscard]] Read<UserRequest> read_user(std::string_view body, const RequestContext& context);

}  // namespace datasync::api
