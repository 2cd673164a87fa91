// Tokens by which the holder of an address answers: as they come, and made of what the input says.

#include <algorithm>

#include "base/uuid.h"
#include "fuzz.h"
#include "security/verification_token.h"

namespace datasync::fuzz {
namespace {

using security::VerificationClaim;
using security::VerificationTokens;

bool same(const VerificationClaim& one, const VerificationClaim& other) {
  return one.conflict == other.conflict && one.proposal == other.proposal && one.expires_at == other.expires_at;
}

/// The first 16 bytes are the review, the next 4 the time, the rest the event.
VerificationClaim claim_of(std::string_view text, const VerificationTokens& tokens) {
  Uuid conflict{};
  std::copy_n(text.begin(), std::min(text.size(), conflict.size()), conflict.begin());
  text.remove_prefix(std::min(text.size(), conflict.size()));
  std::uint32_t since_epoch = 0;
  for (int i = 0; i < 4 && !text.empty(); ++i, text.remove_prefix(1)) {
    since_epoch = since_epoch << 8 | static_cast<unsigned char>(text.front());
  }
  return {format_uuid(conflict), tokens.proposal_of(text), Timestamp{seconds{since_epoch}}};
}

}  // namespace
}  // namespace datasync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace datasync::fuzz;
  static const VerificationTokens tokens("k7Vw2mQzR9tXc4Lp8Hn3Jd6Fs1Gy5Ba0");
  static const VerificationTokens others("k7Vw2mQzR9tXc4Lp8Hn3Jd6Fs1Gy5Ba1");
  const std::string_view text = text_of(data, size);
  if (const auto read = tokens.read(text)) {
    require(tokens.make(*read) == text, "what is read is what was made", text);
  }
  const VerificationClaim claim = claim_of(text, tokens);
  std::string token = tokens.make(claim).value();
  const auto read = tokens.read(token);
  require(read && same(*read, claim), "a token says what it was made for", token);
  require(!others.read(token), "a token does not hold under another secret", token);
  char& letter = token[random_of(text)->next() % token.size()];
  letter = letter == 'A' ? 'B' : 'A';
  require(!tokens.read(token), "a token that was changed never holds", token);
  return 0;
}
