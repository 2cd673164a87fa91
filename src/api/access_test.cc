#include <gmock/gmock.h>

#include "api/chain.h"
#include "api/router.h"
#include "api/test_support.h"

namespace datasync::api {
namespace {

using net::Method;
using testing::Answer;
using ::testing::HasSubstr;
using testing::kUserEvent;

class Production : public testing::ApiTest {
 protected:
  Production() : ApiTest("production") {}
  const Headers writer_ = bearer(R"("tenant_id":"t1","roles":["service"])");
  const Headers viewer_ = bearer(R"("tenant_id":"t1","roles":["viewer"])");
  const Headers stranger_ = bearer(R"("tenant_id":"t2","roles":["admin"])");
};

TEST_F(Production, EveryCallButTheOpenOnesNeedsAToken) {
  for (const Route& route : all_routes()) {
    std::string path(route.path);
    for (const std::string name : {"{id}", "{entity}", "{file}", "{token}"}) {
      if (const auto at = path.find(name); at != std::string::npos) path.replace(at, name.size(), "x");
    }
    const int status = call(route.method, path).status;
    // The tests come from the machine's own network.
    const bool open =
        route.access == Access::kOpen || route.access == Access::kInPath || route.access == Access::kOwnNetwork;
    EXPECT_EQ(status == 401, !open) << path << " answered " << status;
  }
  const Answer refused = get("/sync/status");
  EXPECT_EQ(refused.headers.get("www-authenticate"), "Bearer");
  EXPECT_FALSE(refused.text("detail").empty());
  EXPECT_EQ(get("/no/such/path").status, 401) << "strangers learn nothing";
  EXPECT_EQ(get("/sync/status", {{"Authorization", "Basic abc"}}).status, 401);
  EXPECT_EQ(get("/sync/status", {{"Authorization", "Bearer abc"}}).status, 401);
  EXPECT_EQ(get("/sync/status?token=" + token(R"("tenant_id":"t1","roles":["viewer"])")).status, 401)
      << "a token in a query is for WebSockets";
}

TEST_F(Production, ABrowserGetsThePagesItCannotSendATokenFor) {
  const Headers browser{{"Accept", "text/html,application/xhtml+xml"}};
  EXPECT_EQ(get("/", browser).status, 302);
  EXPECT_EQ(get("/docs", browser).status, 200);
  EXPECT_EQ(get("/openapi.json", browser).status, 401);
}

TEST_F(Production, RolesDecideWhatACallerMayDo) {
  EXPECT_EQ(post("/sync/events", kUserEvent, viewer_).status, 403);
  EXPECT_EQ(post("/sync/events", kUserEvent, writer_).status, 201);
  EXPECT_EQ(get("/sync/events", viewer_).status, 200);
  EXPECT_EQ(post("/sync/events/x/retry", "", writer_).status, 403);
  EXPECT_EQ(post("/sync/events/x/retry", "", bearer(R"("tenant_id":"t1","roles":["operator"])")).status, 404);
  EXPECT_EQ(get("/sync/events", bearer(R"("tenant_id":"t1","roles":[])")).status, 403);
}

TEST_F(Production, AnotherTenantsThingsAreNotThere) {
  const std::string id = post("/sync/events", kUserEvent, writer_).text("event_id");
  EXPECT_EQ(get("/sync/events/" + id, viewer_).status, 200);
  EXPECT_EQ(get("/sync/events/" + id, stranger_).status, 404);
  EXPECT_EQ(get("/sync/events/" + id + "?tenant_id=t1", stranger_).status, 404);
  EXPECT_EQ(get("/sync/events?tenant_id=t1", stranger_).status, 404);
  EXPECT_EQ(get("/sync/events", stranger_).at("total"), "0");
  EXPECT_EQ(post("/sync/events/" + id + "/retry", "", stranger_).status, 404);
  EXPECT_EQ(post("/sync/events", kUserEvent, stranger_).status, 404);
  EXPECT_EQ(post("/sync/events/retry", R"({"tenant_id":"t1"})", stranger_).status, 404);
  EXPECT_EQ(get("/sync/users/u1?tenant_id=t1", stranger_).status, 404);
  EXPECT_EQ(get("/sync/metrics?tenant_id=t1", stranger_).status, 404);
  EXPECT_EQ(get("/sync/conflicts?tenant_id=t1", stranger_).status, 404);
  const Answer batch = post("/sync/events/batch", "[" + kUserEvent + "]", stranger_);
  EXPECT_EQ(batch.at("rejected"), "1");
}

TEST_F(Production, ARateLimitAnswersWithTheTimeToWait) {
  rate_wait_ = seconds{7};
  const Answer answer = get("/sync/status", viewer_);
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.headers.get("retry-after"), "7");
  EXPECT_EQ(get("/health").status, 200) << "whoever is not known is not counted";
}

class Development : public testing::ApiTest {};

TEST_F(Development, UnknownPathsAre404AndWrongMethods405) {
  EXPECT_EQ(get("/nope").status, 404);
  EXPECT_FALSE(get("/nope").text("detail").empty());
  const Answer answer = call(Method::kDelete, "/sync/events");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.headers.get("allow"), "POST, GET, HEAD");
  EXPECT_EQ(call(Method::kOptions, "/sync/events/x").status, 204);
  EXPECT_EQ(call(Method::kPut, "/sync/events/retry").headers.get("allow"), "POST, GET, HEAD");
  EXPECT_EQ(get("/sync/status/").status, 200) << "a slash at the end makes no difference";
}

TEST_F(Development, TheGatewaysPrefixLeadsToTheSameCalls) {
  for (const std::string path : {"events", "status", "metrics", "health"}) {
    EXPECT_EQ(get("/api/brain/data-sync/" + path).status, 200) << path;
  }
  EXPECT_EQ(post("/api/brain/data-sync/events", kUserEvent).status, 201);
  EXPECT_EQ(get("/api/brain/data-sync/events?limit=1").at("limit"), "1");
  EXPECT_EQ(get("/api/brain/data-sync/users/u9?tenant_id=t1").status, 404);
  EXPECT_EQ(get("/api/brain/data-sync-other").status, 404);
}

TEST_F(Development, PagesOfOtherSitesMayNotWrite) {
  EXPECT_EQ(post("/sync/events", kUserEvent, {{"Sec-Fetch-Site", "cross-site"}, {"Content-Type", "text/plain"}}).status,
            403);
  EXPECT_EQ(
      post("/sync/events", kUserEvent, {{"Sec-Fetch-Site", "cross-site"}, {"Content-Type", "application/json"}}).status,
      201)
      << "what the gateway forwards";
}

TEST(PrivateAddress, IsToldFromAPublicOne) {
  for (const char* address : {"127.0.0.1", "::1", "10.1.2.3", "172.16.0.1", "172.31.255.1", "192.168.1.1",
                              "::ffff:10.0.0.1", "fd00::1", "fe80::1", "169.254.0.1"}) {
    EXPECT_TRUE(is_private_address(address)) << address;
  }
  for (const char* address : {"8.8.8.8", "172.15.0.1", "172.32.0.1", "100.1.1.1", "2001:db8::1", "", "fd.example"}) {
    EXPECT_FALSE(is_private_address(address)) << address;
  }
}

}  // namespace
}  // namespace datasync::api
