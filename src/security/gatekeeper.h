#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "security/caller.h"
#include "security/claims.h"

namespace datasync::security {

struct GatekeeperOptions {
  std::string environment = {};  ///< empty or `development`: no token is asked for; anything else is production
  std::string jwt_secret = {};   ///< at least 32 bytes and no known default one, in production
  ClaimRules claims = {};
  std::size_t tokens_cached_max = 16'384;  ///< verified tokens kept until they expire
};

/// Whether `environment` names development: empty, or the word in any case.
[[nodiscard]] bool is_development(std::string_view environment) noexcept;

/// Whether a service may start with this secret.
/// Errors: `kInvalid`, with a message for the operator, where it is missing, shorter than 32 bytes, one of the secrets
/// that
///         stand in examples all over the world, or one character again and again.
[[nodiscard]] Result<void> check_secret(std::string_view secret);

/// Turns a bearer token into its caller. A token is verified once and then known until it expires.
///
/// Lifetime: borrows the clock.
/// Threads:  any; the known tokens are spread over shards, each with its own lock and its own HMAC context.
class Gatekeeper {
 public:
  /// Errors: `check_secret`'s, in production.
  static Result<std::unique_ptr<Gatekeeper>> make(GatekeeperOptions options, const Clock& clock);
  ~Gatekeeper();
  Gatekeeper(const Gatekeeper&) = delete;
  Gatekeeper& operator=(const Gatekeeper&) = delete;

  [[nodiscard]] bool development() const noexcept { return development_; }

  /// In development every caller is an admin of every tenant, whatever the token.
  /// Errors: `kUnauthorized` for an empty token and for one that does not hold.
  [[nodiscard]] Result<std::shared_ptr<const Caller>> admit(std::string_view token);

 private:
  struct Shard;
  Gatekeeper(GatekeeperOptions options, const Clock& clock);
  [[nodiscard]] Result<std::shared_ptr<const Caller>> verify(Shard& shard, std::string_view token, Timestamp now);

  const GatekeeperOptions options_;
  const Clock& clock_;
  const bool development_;
  const std::uint64_t seed_;  // secret, so that nobody can aim tokens at one shard
  std::shared_ptr<const Caller> everyone_;
  std::unique_ptr<Shard[]> shards_;
};

}  // namespace datasync::security
