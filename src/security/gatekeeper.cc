#include "security/gatekeeper.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/hash.h"
#include "base/random.h"
#include "security/jws.h"

namespace datasync::security {
namespace {

constexpr std::size_t kShards = 16;
constexpr std::size_t kSecretBytesMin = 32;

/// Secrets of 32 bytes and more that stand in tutorials, templates and the examples of RFCs. Small letters.
constexpr std::array<std::string_view, 16> kKnownSecrets{
    "your-super-secret-jwt-key-change-in-production",
    "your-super-secret-jwt-key-change-this-in-production",
    "your-super-secret-jwt-token-with-at-least-32-characters-long",
    "your-secret-key-change-this-in-production",
    "your-secret-key-here-change-in-production",
    "your-256-bit-secret-your-256-bit-secret",
    "a-string-secret-at-least-256-bits-long",
    "super-secret-jwt-token-with-at-least-32-characters-long",
    "bizosaas-super-secret-key-change-in-production",
    "bizosaas-jwt-secret-key-change-in-production",
    "change-me-change-me-change-me-change-me",
    "changemechangemechangemechangeme",
    "secretsecretsecretsecretsecretsecret",
    "0123456789abcdef0123456789abcdef",
    "01234567890123456789012345678901",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
};

std::string to_lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return lower;
}

/// Tokens are found by a view of them, so that the hot path copies nothing.
struct TokenHasher {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return static_cast<std::size_t>(hash64(text, seed)); }
  std::uint64_t seed = 0;
};

std::shared_ptr<const Caller> make_everyone() {
  auto caller = std::make_shared<Caller>();
  caller->subject = "development";
  caller->all_tenants = true;
  caller->add(Role::kAdmin);
  return caller;
}

}  // namespace

bool is_development(std::string_view environment) noexcept {
  return environment.empty() || to_lower(environment) == "development";
}

Result<void> check_secret(std::string_view secret) {
  if (secret.empty()) {
    return fail(ErrorCode::kInvalid, "JWT_SECRET is missing: outside development every call needs a verified token");
  }
  if (secret.size() < kSecretBytesMin) {
    return fail(ErrorCode::kInvalid, "JWT_SECRET is too short: it must have at least 32 bytes");
  }
  const bool known = std::find(kKnownSecrets.begin(), kKnownSecrets.end(), to_lower(secret)) != kKnownSecrets.end();
  const bool monotone = secret.find_first_not_of(secret.front()) == std::string_view::npos;
  if (known || monotone) return fail(ErrorCode::kInvalid, "JWT_SECRET is a known default one: make one of your own");
  return {};
}

struct Gatekeeper::Shard {
  std::mutex mutex;
  std::optional<Hs256> signature;
  std::unordered_map<std::string, std::shared_ptr<const Caller>, TokenHasher, std::equal_to<>> known;
};

Gatekeeper::Gatekeeper(GatekeeperOptions options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      development_(is_development(options_.environment)),
      seed_(make_system_random()->next()),
      everyone_(make_everyone()),
      shards_(std::make_unique<Shard[]>(kShards)) {
  for (std::size_t i = 0; i < kShards && !development_; ++i) {
    shards_[i].signature.emplace(options_.jwt_secret);
    shards_[i].known = decltype(Shard::known)(0, TokenHasher{seed_});
  }
}
Gatekeeper::~Gatekeeper() = default;

Result<std::unique_ptr<Gatekeeper>> Gatekeeper::make(GatekeeperOptions options, const Clock& clock) {
  if (!is_development(options.environment)) DATASYNC_TRY(check_secret(options.jwt_secret));
  return std::unique_ptr<Gatekeeper>(new Gatekeeper(std::move(options), clock));
}

Result<std::shared_ptr<const Caller>> Gatekeeper::admit(std::string_view token) {
  if (development_) return everyone_;
  if (token.empty()) return fail(ErrorCode::kUnauthorized, "this call needs a token: Authorization: Bearer …");
  if (token.size() > kTokenBytesMax) return fail(ErrorCode::kUnauthorized, "the token is not valid", "too long");
  const Timestamp now = clock_.now();
  Shard& shard = shards_[hash64(token, ~seed_) % kShards];
  const std::lock_guard lock(shard.mutex);
  const auto at = shard.known.find(token);
  if (at == shard.known.end()) return verify(shard, token, now);
  if (at->second->expires_at > now) return at->second;
  shard.known.erase(at);
  return fail(ErrorCode::kUnauthorized, "the token has expired");
}

/// Under the shard's lock: an HMAC takes a microsecond, less than handing it elsewhere would.
Result<std::shared_ptr<const Caller>> Gatekeeper::verify(Shard& shard, std::string_view token, Timestamp now) {
  auto payload = shard.signature->open(token);
  if (!payload) return fail(std::move(payload).error());
  auto caller = read_claims(*payload, options_.claims, now);
  if (!caller) return fail(std::move(caller).error());
  if (shard.known.size() >= std::max<std::size_t>(options_.tokens_cached_max / kShards, 1)) {
    std::erase_if(shard.known, [now](const auto& entry) { return entry.second->expires_at <= now; });
  }
  // Any one makes room: which of many live tokens is asked for next is not known, and a verification costs little.
  if (shard.known.size() >= std::max<std::size_t>(options_.tokens_cached_max / kShards, 1)) {
    shard.known.erase(shard.known.begin());
  }
  auto shared = std::make_shared<const Caller>(std::move(*caller));
  shard.known.emplace(std::string(token), shared);
  return shared;
}

}  // namespace datasync::security
