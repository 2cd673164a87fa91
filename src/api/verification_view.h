#pragma once

#include <string>
#include <string_view>

#include "api/call.h"
#include "pipeline/verification.h"

namespace datasync::api {

/// What is told of a proposal to whoever has its token, as JSON or, for a browser, as a page with two buttons.
struct Verification {
  pipeline::VerificationState state = pipeline::VerificationState::kSuperseded;
  std::string entity;
  std::string field;
  std::string value;  ///< masked
  std::string platform;
  Timestamp expires_at{};
};

/// Enough of a value for whoever knows it to recognise it: `n***@example.com`.
[[nodiscard]] std::string masked(std::string_view value);

/// 200 where it is open or was decided by this token, else 410 with the reason. `token` makes the buttons' addresses.
[[nodiscard]] net::HttpResponse answer_verification(const Call& call, const Verification& verification,
                                                    std::string_view token);
/// 410 to whoever wants the opposite of what was decided by this token.
[[nodiscard]] net::HttpResponse refuse_verification(const Call& call, const Verification& verification);
/// 404, whatever is wrong with the token.
[[nodiscard]] net::HttpResponse no_verification(const Call& call);

}  // namespace datasync::api
