#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "domain/event.h"
#include "domain/record.h"
#include "security/verification_token.h"

namespace datasync::pipeline {

// A proposal that its holder verifies: who can read what is sent to a new address says whether it is theirs. The review
// is an ordinary one; what is sent is an ordinary stateless event to an ordinary platform, the notifier, so it is
// stored with the hold, tried again, and listed as any other. Its token is not stored: it is made anew for each
// attempt.

/// Of the service's own messages to a notifier. No platform may send it.
inline constexpr std::string_view kVerificationEntity = "verification";
/// Who has decided, where a token did.
inline constexpr std::string_view kVerifiedBy = "verification";

/// The message that asks the holder of `side`'s value.
[[nodiscard]] std::shared_ptr<Event> make_verification_request(const Conflict& review, const Conflict::Side& side,
                                                               const PlatformId& notifier, Timestamp expires_at);

/// Whether it is such a message, made by the service itself.
[[nodiscard]] bool is_verification_request(const Event& event) noexcept;

/// Adds the token to what the message says, and the link where `link` says what stands before it there.
/// Errors: `kInternal` where the message is none of `make_verification_request`.
[[nodiscard]] Result<void> add_token(const security::VerificationTokens& tokens, std::string_view link,
                                     const Event& event, Fields& said);

/// Under which id it is kept that one of several proposals was declined, while their review goes on: whoever has its
/// token finds it again.
[[nodiscard]] std::string id_of_declined(const std::string& review, Hash128 proposal);

/// How a proposal stands, as its token sees it.
enum class VerificationState : std::uint8_t {
  kOpen,
  kConfirmed,
  kDeclined,
  kExpired,
  kSuperseded,  ///< its platform proposes something else by now, or nothing
  kClosed,      ///< otherwise: by a person, by another platform's token, or since nothing waits any more
};
struct VerificationView {
  VerificationState state = VerificationState::kSuperseded;
  const Conflict::Side* side = nullptr;  ///< of the conflict; null where it is no longer part of it
};
[[nodiscard]] VerificationView view_verification(const Conflict& review, const security::VerificationTokens& tokens,
                                                 const security::VerificationClaim& claim, Timestamp now);

}  // namespace datasync::pipeline
