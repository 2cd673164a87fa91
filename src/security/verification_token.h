#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/time.h"

namespace datasync::security {

/// What a token speaks for: one proposal in one review, until a time.
struct VerificationClaim {
  std::string conflict;    ///< id of the review: a UUID of ours
  Hash128 proposal;        ///< `VerificationTokens::proposal_of` the event that brought the value
  Timestamp expires_at{};  ///< whole seconds
};

/// Makes and reads the tokens by which the holder of an address says whether it is theirs. Nothing is stored: a token
/// is its claim with an HMAC-SHA256 over it, cut to 128 bits (RFC 4868), so whoever has not been sent one can't make
/// one. The same claim has the same token, so a notification that is repeated says the same.
///
/// Threads: any.
class VerificationTokens {
 public:
  /// `secret` is 32 bytes or more. The keys are derived from it, so that it may serve other purposes too.
  explicit VerificationTokens(std::string_view secret);

  /// The event that proposes the value, as a token names it; by key, so nobody can look for two events that are named
  /// alike.
  [[nodiscard]] Hash128 proposal_of(std::string_view event_id) const;
  /// Text of 76 characters, safe in a URL. None where the conflict's id is no UUID.
  [[nodiscard]] std::optional<std::string> make(const VerificationClaim& claim) const;
  /// None for all that `make` has not made. Takes the same time for each. Whether it has expired is for the caller to
  /// judge.
  [[nodiscard]] std::optional<VerificationClaim> read(std::string_view token) const;

 private:
  std::string token_key_;
  std::string proposal_key_;
};

}  // namespace datasync::security
