#include "security/gatekeeper.h"

#include <gtest/gtest.h>

#include "security/jws.h"

namespace datasync::security {
namespace {

constexpr std::string_view kSecret = "k7Vw2mQzR9tXc4Lp8Hn3Jd6Fs1Gy5Ba0";

class GatekeeperTest : public ::testing::Test {
 protected:
  GatekeeperTest() {
    options_.environment = "production";
    options_.jwt_secret = std::string(kSecret);
    open();
  }
  void open() { gatekeeper_ = std::move(Gatekeeper::make(options_, clock_).value()); }

  std::int64_t now_s() const { return std::chrono::duration_cast<seconds>(clock_.now().time_since_epoch()).count(); }
  /// A token for an hour with these further claims.
  std::string token(const std::string& claims) {
    return Hs256(kSecret).seal(R"({"sub":"someone","exp":)" + std::to_string(now_s() + 3600) + "," + claims + "}");
  }
  std::string message_of(const std::string& text) {
    const auto caller = gatekeeper_->admit(text);
    return caller ? "admitted" : caller.error().message;
  }

  ManualClock clock_;
  GatekeeperOptions options_;
  std::unique_ptr<Gatekeeper> gatekeeper_;
};

TEST_F(GatekeeperTest, ReadsTheClaimsOfAGoodToken) {
  const auto caller =
      gatekeeper_->admit(token(R"("tenant_id":["a","b"],"roles":["operator","unheard-of"],"platform":"coreldove")"));
  ASSERT_TRUE(caller);
  EXPECT_EQ((*caller)->subject, "someone");
  EXPECT_TRUE((*caller)->may_touch(TenantId{"a"}));
  EXPECT_TRUE((*caller)->may_touch(TenantId{"b"}));
  EXPECT_FALSE((*caller)->may_touch(TenantId{"c"}));
  EXPECT_TRUE((*caller)->may(Permission::kOperate));
  EXPECT_EQ((*caller)->platform, PlatformId{"coreldove"});
}

TEST_F(GatekeeperTest, RolesGrantWhatTheyAreFor) {
  const auto may = [this](const std::string& role) {
    const auto caller = gatekeeper_->admit(token(R"("tenant_id":"a","roles":[")" + role + "\"]")).value();
    return std::array{caller->may(Permission::kRead), caller->may(Permission::kWrite),
                      caller->may(Permission::kOperate)};
  };
  EXPECT_EQ(may("viewer"), (std::array{true, false, false}));
  EXPECT_EQ(may("service"), (std::array{true, true, false}));
  EXPECT_EQ(may("operator"), (std::array{true, true, true}));
  EXPECT_EQ(may("admin"), (std::array{true, true, true}));
  EXPECT_EQ(may("unheard-of"), (std::array{false, false, false}));
}

TEST_F(GatekeeperTest, EveryTenantIsForServiceAndAdminOnly) {
  EXPECT_TRUE(gatekeeper_->admit(token(R"("tenant_id":"*","roles":["service"])")).value()->all_tenants);
  EXPECT_TRUE(gatekeeper_->admit(token(R"("tenant_id":"*","roles":["admin"])")).value()->all_tenants);
  EXPECT_FALSE(gatekeeper_->admit(token(R"("tenant_id":"*","roles":["viewer"])")));
  EXPECT_FALSE(gatekeeper_->admit(token(R"("tenant_id":["a","*"],"roles":["operator"])")));
}

TEST_F(GatekeeperTest, AKnownTokenIsRefusedOnceItHasExpired) {
  const std::string text = token(R"("tenant_id":"a","roles":["viewer"])");
  EXPECT_EQ(message_of(text), "admitted");
  clock_.advance(seconds{3600 + 29});
  EXPECT_EQ(message_of(text), "admitted") << "within the leeway";
  clock_.advance(seconds{2});
  EXPECT_EQ(message_of(text), "the token has expired");
  EXPECT_EQ(message_of(text), "the token has expired");
}

TEST_F(GatekeeperTest, NotBeforeIsHonoured) {
  const std::string text = token(R"("tenant_id":"a","nbf":)" + std::to_string(now_s() + 60));
  EXPECT_EQ(message_of(text), "the token is not valid yet");
  clock_.advance(seconds{31});
  EXPECT_EQ(message_of(text), "admitted");
}

TEST_F(GatekeeperTest, ATokenWithoutExpiryOrWithNonsenseIsRefused) {
  Hs256 key(kSecret);
  EXPECT_EQ(message_of(key.seal(R"({"sub":"s","tenant_id":"a"})")), "the token has no exp");
  EXPECT_EQ(message_of(key.seal(R"({"sub":"s","tenant_id":"a","exp":"soon"})")), "the token's exp is no time");
  EXPECT_EQ(message_of(key.seal("[1]")), "the token's payload is no JSON object");
  EXPECT_EQ(message_of(token(R"("tenant_id":7)")), "the token's tenant_id is no word, no list and not *");
  EXPECT_EQ(message_of(token(R"("tenant_id":[])")), "the token's tenant_id is no word, no list and not *");
  EXPECT_EQ(message_of(token(R"("roles":["admin"])")), "the token has no tenant_id");
  EXPECT_EQ(message_of(""), "this call needs a token: Authorization: Bearer …");
  EXPECT_EQ(message_of(std::string(kTokenBytesMax + 1, 'a')), "the token is not valid");
}

TEST_F(GatekeeperTest, IssuerAndAudienceMustFitWhereTheyAreConfigured) {
  options_.claims.issuer = "auth";
  options_.claims.audience = "data-sync";
  open();
  EXPECT_EQ(message_of(token(R"("tenant_id":"a","iss":"auth","aud":["x","data-sync"])")), "admitted");
  EXPECT_EQ(message_of(token(R"("tenant_id":"a","iss":"auth","aud":"data-sync")")), "admitted");
  EXPECT_EQ(message_of(token(R"("tenant_id":"a","iss":"auth","aud":"x")")), "the token is for another audience");
  EXPECT_EQ(message_of(token(R"("tenant_id":"a","iss":"auth")")), "the token is for another audience");
  EXPECT_EQ(message_of(token(R"("tenant_id":"a","aud":"data-sync")")), "the token is from another issuer");
}

TEST_F(GatekeeperTest, TheCacheStaysWithinItsLimit) {
  options_.tokens_cached_max = 16;
  open();
  for (int i = 0; i < 500; ++i) {
    EXPECT_EQ(message_of(token(R"("tenant_id":"a","jti":)" + std::to_string(i))), "admitted");
  }
}

TEST_F(GatekeeperTest, InDevelopmentEveryCallerIsAnAdminOfEveryTenant) {
  for (const char* environment : {"", "development", "Development"}) {
    options_ = {.environment = environment};
    open();
    const auto caller = gatekeeper_->admit("").value();
    EXPECT_TRUE(caller->all_tenants && caller->has(Role::kAdmin));
  }
}

TEST(CheckSecret, RefusesWhatIsMissingShortOrKnown) {
  EXPECT_FALSE(check_secret(""));
  EXPECT_FALSE(check_secret("k7Vw2mQzR9tXc4Lp8Hn3Jd6Fs1Gy5Ba"));
  EXPECT_FALSE(check_secret("Your-Super-Secret-JWT-Key-Change-In-Production"));
  EXPECT_FALSE(check_secret(std::string(40, 'x')));
  EXPECT_TRUE(check_secret(kSecret));
}

TEST(Gatekeeper, ProductionDoesNotStartWithoutASecret) {
  const ManualClock clock;
  EXPECT_FALSE(Gatekeeper::make({.environment = "production"}, clock));
  EXPECT_FALSE(Gatekeeper::make({.environment = "staging", .jwt_secret = "short"}, clock));
  EXPECT_TRUE(Gatekeeper::make({.environment = "staging", .jwt_secret = std::string(kSecret)}, clock));
}

}  // namespace
}  // namespace datasync::security
