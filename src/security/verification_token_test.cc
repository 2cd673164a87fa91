#include "security/verification_token.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace datasync::security {
namespace {

const std::string kSecret(32, 's');
const std::string kConflict = "0197f0a1-0000-7000-8000-00000000002a";
constexpr Timestamp kExpiry{std::chrono::sys_days{std::chrono::year{2026} / 1 / 4}};

VerificationClaim claim_of(const VerificationTokens& tokens, std::string_view event) {
  return {kConflict, tokens.proposal_of(event), kExpiry};
}

TEST(VerificationToken, SaysWhatItWasMadeFor) {
  const VerificationTokens tokens(kSecret);
  const auto token = tokens.make(claim_of(tokens, "e1"));
  ASSERT_TRUE(token);
  EXPECT_EQ(token->size(), 76U);
  const auto read = tokens.read(*token);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->conflict, kConflict);
  EXPECT_EQ(read->proposal, tokens.proposal_of("e1"));
  EXPECT_EQ(read->expires_at, kExpiry);
}

TEST(VerificationToken, IsTheSameAtEachMakingAndAnotherForAnotherClaim) {
  const VerificationTokens tokens(kSecret), others(std::string(32, 't'));
  VerificationClaim later = claim_of(tokens, "e1"), elsewhere = claim_of(tokens, "e1");
  later.expires_at += seconds{1};
  elsewhere.conflict.back() = 'b';
  EXPECT_EQ(tokens.make(claim_of(tokens, "e1")), VerificationTokens(kSecret).make(claim_of(tokens, "e1")));
  const std::set<std::string> made{*tokens.make(claim_of(tokens, "e1")), *tokens.make(claim_of(tokens, "e2")),
                                   *tokens.make(later), *tokens.make(elsewhere), *others.make(claim_of(tokens, "e1"))};
  EXPECT_EQ(made.size(), 5U);
}

TEST(VerificationToken, IsRefusedWithAnyBitChangedOfAnotherLengthOrOfAnotherSecret) {
  const VerificationTokens tokens(kSecret);
  const std::string token = *tokens.make(claim_of(tokens, "e1"));
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (std::size_t at = 0; at < token.size(); ++at) {
    for (int bit = 0; bit < 6; ++bit) {
      std::string forged = token;
      forged[at] = kAlphabet[kAlphabet.find(token[at]) ^ (std::size_t{1} << bit)];
      EXPECT_FALSE(tokens.read(forged)) << at;
    }
    EXPECT_FALSE(tokens.read(token.substr(0, at)));
  }
  EXPECT_FALSE(tokens.read(token + "A"));
  EXPECT_FALSE(tokens.read(token + "="));
  EXPECT_FALSE(VerificationTokens(std::string(32, 't')).read(token));
}

TEST(VerificationToken, IsNotMadeForWhatIsNoReviewOfOurs) {
  const VerificationTokens tokens(kSecret);
  EXPECT_FALSE(tokens.make({"c-1", tokens.proposal_of("e1"), kExpiry}));
}

}  // namespace
}  // namespace datasync::security
