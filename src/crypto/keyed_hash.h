#pragma once

#include <memory>
#include <string_view>

#include "base/hash.h"

namespace datasync::crypto {

/// HMAC-SHA256 under one key, cut to 128 bits: how natural keys (e-mail addresses) are stored and matched, so that the
/// store alone does not tell them. Source: RFC 2104, RFC 4868 for the cut.
/// Threads: not thread-safe; the context is reused, which halves the cost.
class KeyedHash {
 public:
  /// `key` is 32 bytes or more. Errors: throws std::runtime_error where OpenSSL has no HMAC-SHA256 (start-up only).
  explicit KeyedHash(std::string_view key);
  ~KeyedHash();
  KeyedHash(const KeyedHash&) = delete;
  KeyedHash& operator=(const KeyedHash&) = delete;
  [[nodiscard]] Hash128 hash(std::string_view bytes);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace datasync::crypto
