#include "security/verification_token.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "base/uuid.h"
#include "crypto/keyed_hash.h"
#include "security/base64url.h"

namespace datasync::security {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kTimeBytes = 8;
constexpr std::size_t kHashBytes = 16;
constexpr std::size_t kClaimBytes = 1 + std::tuple_size_v<Uuid> + kTimeBytes + kHashBytes;
constexpr std::size_t kTokenBytes = kClaimBytes + kHashBytes;

void append(std::string& out, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift & 0xff);
}

std::uint64_t number_at(std::string_view bytes, std::size_t at) {
  std::uint64_t number = 0;
  for (std::size_t i = at; i < at + 8; ++i) number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return number;
}

std::string bytes_of(Hash128 hash) {
  std::string bytes;
  append(bytes, hash.high);
  append(bytes, hash.low);
  return bytes;
}

/// A key of 32 bytes for one purpose. Source: NIST SP 800-108, 4.1, counter mode.
std::string derive_key(crypto::KeyedHash& secret, std::string_view purpose) {
  std::string key;
  for (const char counter : {'\1', '\2'}) key += bytes_of(secret.hash(counter + std::string(purpose)));
  return key;
}

}  // namespace

VerificationTokens::VerificationTokens(std::string_view secret) {
  crypto::KeyedHash keyed(secret);
  token_key_ = derive_key(keyed, "data-sync verification token");
  proposal_key_ = derive_key(keyed, "data-sync verification proposal");
}

Hash128 VerificationTokens::proposal_of(std::string_view event_id) const {
  return crypto::KeyedHash(proposal_key_).hash(event_id);
}

std::optional<std::string> VerificationTokens::make(const VerificationClaim& claim) const {
  const auto conflict = parse_uuid(claim.conflict);
  if (!conflict) return std::nullopt;
  std::string bytes(1, kVersion);
  bytes.append(conflict->begin(), conflict->end());
  const auto since_epoch = std::chrono::duration_cast<seconds>(claim.expires_at.time_since_epoch());
  append(bytes, static_cast<std::uint64_t>(since_epoch.count()));
  bytes += bytes_of(claim.proposal);
  bytes += bytes_of(crypto::KeyedHash(token_key_).hash(bytes));
  return encode_base64url(bytes);
}

std::optional<VerificationClaim> VerificationTokens::read(std::string_view token) const {
  const auto bytes = decode_base64url(token);
  if (!bytes || bytes->size() != kTokenBytes) return std::nullopt;
  const std::string_view claimed = std::string_view(*bytes).substr(0, kClaimBytes);
  const std::string expected = bytes_of(crypto::KeyedHash(token_key_).hash(claimed));
  if (CRYPTO_memcmp(expected.data(), bytes->data() + kClaimBytes, kHashBytes) != 0) return std::nullopt;
  if (claimed.front() != kVersion) return std::nullopt;  // after the signature: an older version is known to be ours
  VerificationClaim claim;
  Uuid conflict;
  std::copy_n(claimed.begin() + 1, conflict.size(), conflict.begin());
  claim.conflict = format_uuid(conflict);
  constexpr std::size_t kTimeAt = 1 + std::tuple_size_v<Uuid>;
  claim.expires_at = Timestamp{seconds{static_cast<std::int64_t>(number_at(claimed, kTimeAt))}};
  claim.proposal = {number_at(claimed, kTimeAt + kTimeBytes), number_at(claimed, kTimeAt + kTimeBytes + 8)};
  return claim;
}

}  // namespace datasync::security
