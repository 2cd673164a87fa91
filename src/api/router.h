#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "api/call.h"
#include "api/services.h"
#include "security/caller.h"

namespace datasync::api {

/// Who may call a route.
enum class Access : std::uint8_t {
  kOpen,        ///< anybody: it tells nothing of a tenant
  kInPath,      ///< anybody: what stands in the path opens this one thing and no other
  kOwnNetwork,  ///< anybody from a private address, else with a token
  kPage,        ///< a browser's navigation, which can't carry a token, gets a static page; else with a token
  kRead,        ///< with a token, as the rest
  kWrite,
  kOperate,
};

/// Answers on the I/O thread, now or later from elsewhere. Must not block.
using Handler = void (*)(Services& services, Call call);
/// Answers on a query thread from the store.
using Query = net::HttpResponse (*)(Services& services, const Call& call, storage::Reader& reader);

struct Route {
  net::Method method;
  std::string_view path;  ///< `/sync/events/{id}`; a `{…}` takes one whole segment
  Access access;
  Handler handler = nullptr;  ///< this or `query`
  Query query = nullptr;
};

/// Every call of the API, literal paths before those that they could be taken for.
[[nodiscard]] std::span<const Route> all_routes() noexcept;

/// Sets the call's route and parameters; without a fitting method, `allow`. A slash at the end makes no difference.
void find_route(Call& call);

/// `/api/brain/data-sync/events` → `/sync/events`: the gateway's prefix, so that a plain reverse proxy can stand in for
/// it. Empty where `path` has no such prefix.
[[nodiscard]] std::string own_path_of_alias(std::string_view path);

/// Runs `call.route`: its handler here, its query on a query thread (503 where too many wait).
void run_route(Services& services, Call call);

}  // namespace datasync::api
