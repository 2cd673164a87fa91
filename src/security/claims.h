#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "security/caller.h"

namespace datasync::security {

/// What a token must say beyond its signature.
struct ClaimRules {
  std::string issuer = {};    ///< `iss` must be it; empty asks for none
  std::string audience = {};  ///< `aud` must be or hold it; empty asks for none
  seconds leeway{30};         ///< how far the clocks of the issuer and ours may differ
};

/// Reads the claims of a verified payload: `sub`, `tenant_id` (a string, a list, or `*` for service and admin), `roles`
/// (a list or one word), `platform`, `exp` (a must), `nbf`, and `iss`/`aud` where the rules ask for them. Roles that we
/// don't know grant nothing. Errors: `kUnauthorized`, with a message that the bearer of the token may read.
[[nodiscard]] Result<Caller> read_claims(std::string_view payload, const ClaimRules& rules, Timestamp now);

}  // namespace datasync::security
