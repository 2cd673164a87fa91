#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace datasync::security {

inline constexpr std::size_t kTokenBytesMax = 8 * 1024;

/// Checks the signature of a compact JWS (RFC 7515) under one shared secret. The algorithm is pinned: a token says
/// which it was signed with, and a verifier that believes it can be talked into `none`, or into taking a public key for
/// a secret. Threads: not thread-safe; the context is kept, which saves two thirds of the cost.
class Hs256 {
 public:
  /// Errors: throws std::runtime_error where OpenSSL has no HMAC-SHA256 (start-up only).
  explicit Hs256(std::string_view secret);
  ~Hs256();
  Hs256(Hs256&&) noexcept;
  Hs256(const Hs256&) = delete;
  Hs256& operator=(const Hs256&) = delete;

  /// The payload of a token whose signature holds.
  /// Errors: `kUnauthorized` for all else: another algorithm, critical headers (we know none), a form that is not
  /// strict
  ///         base64url in three parts, more than `kTokenBytesMax`, a signature that does not hold.
  [[nodiscard]] Result<std::string> open(std::string_view token);

  /// Makes a token: for tests, the command line and calls of our own.
  [[nodiscard]] std::string seal(std::string_view payload);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace datasync::security
