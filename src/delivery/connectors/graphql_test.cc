#include "delivery/connectors/graphql.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "delivery/connectors/connector_test_support.h"
#include "delivery/connectors/connectors.h"

namespace datasync::delivery {
namespace {

using Kind = Outcome::Kind;
using test::answer;
using test::build_one;
using test::change_of;
using test::follow;
using test::read_one;

constexpr const char* kAddress = R"("id":"$id","externalReference":{"$from":"$entity_id","$unless":"$id"})";

GraphqlStep step(std::string name, std::string document, std::string variables,
                 std::map<std::string, std::string> learns = {}) {
  GraphqlStep made;
  made.name = std::move(name);
  made.document = std::move(document);
  made.variables = test::json(variables);
  made.learns = std::move(learns);
  return made;
}

/// A shop in Saleor's shape: a customer is one step, a product up to four.
GraphqlOptions shop() {
  GraphqlOptions made;
  made.platform = PlatformId("coreldove");
  made.url = "http://coreldove.example:8024/graphql/";
  made.headers = {{"X-Tenant-Id", "{tenant}"}};
  made.aliases_max = 10;

  GraphqlEntity user;
  user.create = {step(
      "customer",
      "mutation UserCreate($input: UserCreateInput!) { customerCreate(input: $input) { user { id } errors { field "
      "message code } } }",
      R"({"input":{"externalReference":"$entity_id","email":"$data.customer_email","firstName":"$data.first_name"}})",
      {{"", "/user/id"}})};
  user.update = {step(
      "customer",
      "mutation UserUpdate($id: ID, $externalReference: String, $input: CustomerInput!) { customerUpdate(id: $id, "
      "externalReference: $externalReference, input: $input) { user { id } errors { field message code } } }",
      "{" + std::string(kAddress) + R"(,"input":{"externalReference":"$entity_id","email":"$data.customer_email"}})",
      {{"", "/user/id"}})};
  user.remove = {step("customer",
                      "mutation UserDelete($id: ID, $externalReference: String) { customerDelete(id: $id, "
                      "externalReference: $externalReference) { user { id } errors { field message code } } }",
                      "{" + std::string(kAddress) + "}")};
  user.repeat = {step("find", "query UserFind($email: String!) { user(email: $email) { id } }",
                      R"({"email":"$data.customer_email"})", {{"", "/id"}}),
                 user.update[0]};
  user.repeat[0].needs = {"customer_email"};
  user.repeat[0].unless_known = "";

  GraphqlEntity product;
  product.create = {
      step("product",
           "mutation ProductCreate($input: ProductCreateInput!) { productCreate(input: $input) { product { id } errors "
           "{ field message code } } }",
           R"({"input":{"externalReference":"$entity_id","name":"$data.product_name","productType":"T"}})",
           {{"", "/product/id"}}),
      step("variant",
           "mutation VariantCreate($input: ProductVariantCreateInput!) { productVariantCreate(input: $input) { "
           "productVariant { id } errors { field message code } } }",
           R"({"input":{"product":"$id!","attributes":[],"externalReference":"$entity_id"}})",
           {{"variant", "/productVariant/id"}}),
      step("stock",
           "mutation Stock($variantId: ID!, $stocks: [StockInput!]!) { productVariantStocksUpdate(variantId: "
           "$variantId, stocks: $stocks) { productVariant { id } errors { field message code } } }",
           R"({"variantId":"$id.variant","stocks":[{"warehouse":"W","quantity":"$data.product_inventory!"}]})")};
  product.create[1].unless_known = "variant";
  product.create[2].needs = {"product_inventory"};
  product.update = {step("product",
                         "mutation ProductUpdate($id: ID, $externalReference: String, $input: ProductInput!) { "
                         "productUpdate(id: $id, externalReference: $externalReference, input: $input) { product { id "
                         "defaultVariant { id } } errors { field message code } } }",
                         "{" + std::string(kAddress) + R"(,"input":{"name":"$data.product_name"}})",
                         {{"", "/product/id"}, {"variant", "/product/defaultVariant/id"}}),
                    product.create[2]};
  product.update[0].needs = {"product_name"};
  made.entities = {{"user", user}, {"product", product}};
  return made;
}

std::unique_ptr<Connector> connector(GraphqlOptions made = shop()) {
  auto result = make_connector(std::move(made));
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
  return *std::move(result);
}

Change user(Verb verb, std::string_view data = R"({"customer_email":"ann@example.com","first_name":"Ann"})") {
  return change_of("user", verb, data, "coreldove");
}
Change product(Verb verb, std::string_view data = R"({"product_name":"Lamp","product_inventory":5})") {
  return change_of("product", verb, data, "coreldove");
}

std::string payload(std::string_view field, std::string_view content) {
  return R"({"data":{")" + std::string(field) + R"(":{"errors":[])" + (content.empty() ? "" : ",") +
         std::string(content) + "}}}";
}
std::string refusal(std::string_view field, std::string_view code, std::string_view on = "email") {
  return R"({"data":{")" + std::string(field) + R"(":{"user":null,"errors":[{"field":")" + std::string(on) +
         R"(","message":"words","code":")" + std::string(code) + R"("}]}}})";
}
/// The root field that the next request of the change asks for.
std::string next_field(const Connector& platform, const Change& change) {
  const auto request = build_one(platform, change);
  if (!request) return std::string(to_string(request.error().code));
  const std::string query = *test::fields(request->body).find("query")->as_string();
  const auto begin = query.find('{') + 1;
  return query.substr(begin, query.find_first_of("({", begin) - begin);
}

TEST(GraphqlBuild, SendsADocumentWithItsVariables) {
  const auto request = build_one(*connector(), user(Verb::kCreated));
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->target, "/graphql/");
  EXPECT_EQ(
      request->body,
      R"({"query":"mutation UserCreate($input:UserCreateInput!){customerCreate(input:$input){user{id}errors{field message code}}}",)"
      R"("operationName":"UserCreate","variables":{"input":{"email":"ann@example.com","externalReference":"canonical-1","firstName":"Ann"}}})");
  EXPECT_NE(request->header_block.find("Idempotency-Key: 0190-event\r\n"), std::string::npos);
  EXPECT_NE(request->header_block.find("X-Tenant-Id: tenant123\r\n"), std::string::npos);
}

TEST(GraphqlBuild, WhatHasNoDocumentIsNotServed) {
  const auto platform = connector();
  EXPECT_TRUE(platform->serves("user", Verb::kDeleted));
  EXPECT_FALSE(platform->serves("product", Verb::kDeleted));
  EXPECT_FALSE(platform->serves("lead", Verb::kCreated));
}

TEST(GraphqlBuild, AChangeThatNoStepNeedsHasNothingToSend) {
  EXPECT_EQ(build_one(*connector(), product(Verb::kUpdated, R"({"colour":"red"})")).error().code, ErrorCode::kNotFound);
}

TEST(GraphqlBuild, AVariableWithoutAValueIsARejection) {
  const auto refused = build_one(*connector(), product(Verb::kUpdated, R"({"product_inventory":5})"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(refused.error().message,
            "coreldove can't be told of this product: step stock: there is no value for $variantId");
}

TEST(GraphqlSteps, GoOneAfterTheOtherAndEachIsRemembered) {
  const auto platform = connector();
  Change change = product(Verb::kCreated);
  const std::vector<std::tuple<std::string, std::string, Kind>> story{
      {"productCreate", R"("product":{"id":"P1"})", Kind::kStepDone},
      {"productVariantCreate", R"("productVariant":{"id":"V1"})", Kind::kStepDone},
      {"productVariantStocksUpdate", R"("productVariant":{"id":"V1"})", Kind::kDelivered}};
  for (const auto& [field, content, kind] : story) {
    EXPECT_EQ(next_field(*platform, change), field);
    const Outcome outcome = read_one(*platform, change, answer(200, payload(field, content)));
    EXPECT_EQ(to_string(outcome.kind), to_string(kind)) << field << ": " << outcome.message;
    follow(change, outcome);
  }
  EXPECT_EQ(change.known_ids, (std::vector<OwnId>{{"", "P1"}, {"variant", "V1"}}));
}

TEST(GraphqlSteps, StepsWithoutTheirFieldOrWithTheirIdKnownAreLeftOut) {
  const auto platform = connector();
  Change change = product(Verb::kCreated, R"({"product_name":"Lamp"})");
  change.known_ids = {{"variant", "V1"}};
  EXPECT_EQ(read_one(*platform, change, answer(200, payload("productCreate", R"("product":{"id":"P1"})"))).kind,
            Kind::kDelivered);
  Change stock_only = product(Verb::kUpdated, R"({"product_inventory":5})");
  stock_only.known_ids = {{"", "P1"}, {"variant", "V1"}};
  EXPECT_EQ(next_field(*platform, stock_only), "productVariantStocksUpdate");
}

TEST(GraphqlRepeat, AnUnknownCreateGoesOnAsAnUpdateByReferenceFromTheBeginning) {
  const auto platform = connector();
  Change change = product(Verb::kCreated);
  follow(change, read_one(*platform, change, answer(200, payload("productCreate", R"("product":{"id":"P1"})"))));
  EXPECT_EQ(next_field(*platform, change), "productVariantCreate");
  follow(change, read_one(*platform, change, fail(ErrorCode::kTimeout, "no answer", {}, Stage::kDuring)));
  EXPECT_EQ(next_field(*platform, change), "productUpdate");
  follow(change,
         read_one(*platform, change,
                  answer(200, payload("productUpdate", R"("product":{"id":"P1","defaultVariant":{"id":"V9"}})"))));
  EXPECT_EQ(next_field(*platform, change), "productVariantStocksUpdate");
}

TEST(GraphqlRepeat, AUniqueRefusalFindsTheRecordAndUpdatesIt) {
  const auto platform = connector();
  Change change = user(Verb::kCreated);
  const Outcome unique = read_one(*platform, change, answer(200, refusal("customerCreate", "UNIQUE")));
  EXPECT_EQ(unique.kind, Kind::kRepeat);
  EXPECT_EQ(unique.message, "coreldove answered UNIQUE on email to customerCreate (create user, step customer): words");
  follow(change, unique);
  EXPECT_EQ(next_field(*platform, change), "user");
  follow(change, read_one(*platform, change, answer(200, R"({"data":{"user":{"id":"U5"}}})")));
  EXPECT_EQ(next_field(*platform, change), "customerUpdate");
  EXPECT_NE(build_one(*platform, change)->body.find(R"("id":"U5")"), std::string::npos);
  EXPECT_EQ(read_one(*platform, change, answer(200, payload("customerUpdate", R"("user":{"id":"U5"})"))).kind,
            Kind::kDelivered);
}

TEST(GraphqlRepeat, WhereTheRecordIsNotThereAfterAllItIsCreatedOnceMoreAndNoLongerWay) {
  const auto platform = connector();
  Change change = user(Verb::kCreated);
  change.repeat_as_update = true;  // after an unknown outcome
  const std::string absent = refusal("customerUpdate", "NOT_FOUND", "externalReference");
  const auto through_update = [&] {
    EXPECT_EQ(next_field(*platform, change), "user");
    follow(change, read_one(*platform, change, answer(200, R"({"data":{"user":null}})")));
    EXPECT_EQ(next_field(*platform, change), "customerUpdate");
    const Outcome outcome = read_one(*platform, change, answer(200, absent));
    follow(change, outcome);
    return outcome.kind;
  };
  EXPECT_EQ(through_update(), Kind::kStepDone);
  EXPECT_EQ(next_field(*platform, change), "customerCreate");
  const Outcome cut = read_one(*platform, change, fail(ErrorCode::kUnavailable, "cut", {}, Stage::kDuring));
  follow(change, cut);
  EXPECT_EQ(next_field(*platform, change), "customerCreate");
  follow(change, read_one(*platform, change, answer(200, refusal("customerCreate", "UNIQUE"))));
  EXPECT_EQ(through_update(), Kind::kRejected) << "the way and back was gone twice";
}

struct Case {
  const char* what;
  Verb verb;
  int status;
  std::string body;
  Kind kind;
};

TEST(GraphqlRead, ClassifiesWhatAPlatformMaySay) {
  const auto error = [](const char* more) {
    return R"({"data":null,"errors":[{"message":"m")" + std::string(more) + "}]}";
  };
  const auto platform = connector();
  const std::vector<Case> cases{
      {"done", Verb::kUpdated, 200, payload("customerUpdate", R"("user":{"id":"U1"})"), Kind::kDelivered},
      {"no errors asked for", Verb::kUpdated, 200, R"({"data":{"customerUpdate":{"user":{"id":"U1"}}}})",
       Kind::kDelivered},
      {"required", Verb::kUpdated, 200, refusal("customerUpdate", "REQUIRED"), Kind::kRejected},
      {"unheard of", Verb::kUpdated, 200, refusal("customerUpdate", "MOONRISE"), Kind::kRejected},
      {"unique in an update", Verb::kUpdated, 200, refusal("customerUpdate", "UNIQUE"), Kind::kRejected},
      {"lost", Verb::kUpdated, 200, refusal("customerUpdate", "NOT_FOUND", "id"), Kind::kRejected},
      {"gone already", Verb::kDeleted, 200, refusal("customerDelete", "NOT_FOUND", "id"), Kind::kDelivered},
      {"another thing not found", Verb::kDeleted, 200, refusal("customerDelete", "NOT_FOUND", "warehouse"),
       Kind::kRejected},
      {"no rights", Verb::kUpdated, 200, error(R"(,"extensions":{"exception":{"code":"PermissionDenied"}})"),
       Kind::kUnauthorized},
      {"no rights elsewhere", Verb::kUpdated, 200, error(R"(,"extensions":{"code":"UNAUTHENTICATED"})"),
       Kind::kUnauthorized},
      {"throttled", Verb::kUpdated, 200, error(R"(,"extensions":{"code":"THROTTLED"})"), Kind::kRefused},
      {"broke inside", Verb::kUpdated, 200, error(R"(,"path":["customerUpdate"],"locations":[{"line":1,"column":1}])"),
       Kind::kRefused},
      {"broke inside, by name", Verb::kUpdated, 200,
       error(R"(,"path":["customerUpdate"],"extensions":{"exception":{"code":"KeyError"}})"), Kind::kRefused},
      {"no more said", Verb::kUpdated, 200, error(""), Kind::kRefused},
      {"not valid", Verb::kUpdated, 200, error(R"(,"locations":[{"line":1,"column":1}])"), Kind::kRejected},
      {"not valid, by status", Verb::kUpdated, 400, error(""), Kind::kRejected},
      {"expired, with a 400", Verb::kUpdated, 400,
       error(R"(,"extensions":{"exception":{"code":"ExpiredSignatureError"}})"), Kind::kUnauthorized},
      {"slow down", Verb::kUpdated, 429, "", Kind::kRefused},
      {"gateway", Verb::kUpdated, 502, "<html>", Kind::kUnknown},
      {"gateway with JSON", Verb::kUpdated, 502, error(""), Kind::kUnknown},
      {"server", Verb::kUpdated, 500, error(""), Kind::kRefused},
      {"unauthorized", Verb::kUpdated, 401, "", Kind::kUnauthorized},
      {"redirect", Verb::kUpdated, 302, "", Kind::kRejected},
      {"null payload", Verb::kUpdated, 200, R"({"data":{"customerUpdate":null}})", Kind::kUnknown},
      {"no payload", Verb::kUpdated, 200, R"({"data":{}})", Kind::kUnknown},
      {"null data", Verb::kUpdated, 200, R"({"data":null})", Kind::kUnknown},
      {"errors of a wrong kind", Verb::kUpdated, 200, R"({"data":{"customerUpdate":{"errors":7}}})", Kind::kUnknown},
      {"errors of wrong kinds", Verb::kUpdated, 200, R"({"data":{"customerUpdate":{"errors":[7]}}})", Kind::kUnknown},
      {"no GraphQL", Verb::kUpdated, 200, R"({"hello":1})", Kind::kUnknown},
      {"no JSON", Verb::kUpdated, 200, "<html>this is not {json", Kind::kUnknown},
      {"nothing", Verb::kUpdated, 200, "", Kind::kUnknown}};
  for (const Case& one : cases) {
    const Outcome outcome = read_one(*platform, user(one.verb), answer(one.status, one.body));
    EXPECT_EQ(to_string(outcome.kind), to_string(one.kind)) << one.what << ": " << outcome.message;
    EXPECT_EQ(outcome.http_status, one.status);
    EXPECT_EQ(outcome.record_lost, std::string_view(one.what) == "lost");
  }
}

/// The secret was hidden in the answer itself, before it was read: an id that happened to hold it was learned with
/// stars in it. And where JSON had escaped it, it was shown.
TEST(GraphqlRead, ItsSecretIsHiddenInMessagesAndNowhereElse) {
  GraphqlOptions made = shop();
  made.credential = {Credential::Kind::kBearer, "s3cret/token"};
  const auto platform = connector(made);
  const Outcome learned = read_one(*platform, user(Verb::kCreated),
                                   answer(200, payload("customerCreate", R"("user":{"id":"s3cret/token-7"})")));
  EXPECT_EQ(learned.learned, (std::vector<OwnId>{{"", "s3cret/token-7"}}));
  for (const char* body : {R"({"errors":[{"message":"no such key: s3cret\/token"}]})",
                           R"({"errors":[{"message":"m","extensions":{"code":"\u00733cret/token"}}]})",
                           R"({"data":{"customerCreate":{"errors":[{"field":"s3cret/token","code":"X"}]}}})",
                           R"({"error":"s3cret\/token"})"}) {
    const Outcome outcome = read_one(*platform, user(Verb::kCreated), answer(200, body));
    EXPECT_THAT(outcome.message, ::testing::HasSubstr("***")) << body;
    EXPECT_THAT(outcome.message, ::testing::Not(::testing::HasSubstr("3cret"))) << body;
  }
}

TEST(GraphqlRead, AStepMayReadACodeInItsOwnWay) {
  GraphqlOptions made = shop();
  made.entities["user"].remove[0].codes = {{"REQUIRED:email", Kind::kStepDone}};
  made.entities["user"].remove[0].codes_on_repeat = {{"CANNOT_CANCEL_ORDER", Kind::kStepDone}};
  const auto platform = connector(made);
  EXPECT_EQ(read_one(*platform, user(Verb::kDeleted), answer(200, refusal("customerDelete", "REQUIRED"))).kind,
            Kind::kDelivered);
  EXPECT_EQ(read_one(*platform, user(Verb::kDeleted), answer(200, refusal("customerDelete", "REQUIRED", "id"))).kind,
            Kind::kRejected);
  Change again = user(Verb::kDeleted);
  const auto cannot = answer(200, refusal("customerDelete", "CANNOT_CANCEL_ORDER"));
  EXPECT_EQ(read_one(*platform, again, cannot).kind, Kind::kRejected);
  again.repeat_as_update = true;
  EXPECT_EQ(read_one(*platform, again, cannot).kind, Kind::kDelivered);
}

TEST(GraphqlRead, OfSeveralErrorsTheGravestCounts) {
  const auto both = answer(
      200,
      R"({"data":{"customerCreate":{"user":null,"errors":[{"field":"email","code":"UNIQUE","message":"a"},{"field":"firstName","code":"INVALID","message":"b"}]}}})");
  const Outcome outcome = read_one(*connector(), user(Verb::kCreated), both);
  EXPECT_EQ(outcome.kind, Kind::kRejected);
  EXPECT_NE(outcome.message.find("INVALID on firstName"), std::string::npos);
}

// ---- several in one request

TEST(GraphqlBatch, SharesARequestByAliases) {
  const auto platform = connector();
  const Change one = user(Verb::kUpdated);
  Change two = user(Verb::kUpdated);
  two.known_ids = {{"", "U2"}};
  ASSERT_TRUE(platform->batches_with(one, two));
  const Change* both[] = {&one, &two};
  const auto request = platform->build(both, "batch-key");
  ASSERT_TRUE(request);
  EXPECT_EQ(
      request->body,
      R"({"query":"mutation Batch($id_0:ID,$externalReference_0:String,$input_0:CustomerInput!,$id_1:ID,$externalReference_1:String,$input_1:CustomerInput!){)"
      R"(c0:customerUpdate(id:$id_0 externalReference:$externalReference_0 input:$input_0){user{id}errors{field message code}} )"
      R"(c1:customerUpdate(id:$id_1 externalReference:$externalReference_1 input:$input_1){user{id}errors{field message code}}}",)"
      R"("operationName":"Batch","variables":{"externalReference_0":"canonical-1","id_1":"U2",)"
      R"("input_0":{"email":"ann@example.com","externalReference":"canonical-1"},"input_1":{"email":"ann@example.com","externalReference":"canonical-1"}}})");
  EXPECT_NE(request->header_block.find("Idempotency-Key: batch-key\r\n"), std::string::npos);
}

TEST(GraphqlBatch, EachAliasHasItsOwnOutcome) {
  const auto platform = connector();
  const std::vector<Change> changes(5, user(Verb::kUpdated));
  std::vector<const Change*> pointers;
  for (const Change& change : changes) pointers.push_back(&change);
  const auto outcomes = platform->read(pointers, answer(200, R"({"data":{
      "c0":{"user":{"id":"U0"},"errors":[]}, "c1":{"user":null,"errors":[{"field":"email","code":"INVALID","message":"bad"}]},
      "c2":null, "c3":null}, "errors":[{"message":"broke","path":["c2"]}]})"));
  EXPECT_EQ(outcomes[0].kind, Kind::kDelivered);
  EXPECT_EQ(outcomes[0].learned, (std::vector<OwnId>{{"", "U0"}}));
  EXPECT_EQ(outcomes[1].kind, Kind::kRejected);
  EXPECT_EQ(outcomes[2].kind, Kind::kRefused);
  EXPECT_EQ(outcomes[3].kind, Kind::kUnknown);
  EXPECT_EQ(outcomes[4].kind, Kind::kUnknown) << "the alias is missing";
  for (const Outcome& outcome : outcomes) EXPECT_FALSE(outcome.whole_request);
  for (const Outcome& outcome :
       platform->read(pointers, answer(400, R"({"errors":[{"message":"no","locations":[]}]})"))) {
    EXPECT_EQ(outcome.kind, Kind::kRejected);
    EXPECT_TRUE(outcome.whole_request);
  }
}

TEST(GraphqlBatch, LookUpsAndChangesTravelApart) {
  const auto platform = connector();
  Change repeated = user(Verb::kCreated);
  repeated.repeat_as_update = true;
  EXPECT_FALSE(platform->batches_with(user(Verb::kCreated), repeated));
  Change other = user(Verb::kCreated);
  other.tenant = TenantId("other");
  EXPECT_FALSE(platform->batches_with(user(Verb::kCreated), other));
}

TEST(GraphqlBuild, AKeyOfItsOwnForEachStepWhereThePlatformReplaysByKey) {
  GraphqlOptions made = shop();
  made.key_per_step = true;
  const auto platform = connector(made);
  Change change = user(Verb::kCreated);
  EXPECT_NE(build_one(*platform, change)->header_block.find("Idempotency-Key: 0190-event:customer\r\n"),
            std::string::npos);
  change.repeat_as_update = true;
  EXPECT_NE(build_one(*platform, change)->header_block.find("Idempotency-Key: 0190-event:find:1\r\n"),
            std::string::npos);
}

// ---- settings

TEST(GraphqlOptions, AWrongSettingIsNamed) {
  const auto problem = [](auto change) {
    GraphqlOptions made = shop();
    change(made);
    const auto result = make_graphql_connector(std::move(made));
    return result ? std::string("none") : result.error().message;
  };
  EXPECT_EQ(problem([](GraphqlOptions&) {}), "none");
  EXPECT_NE(problem([](GraphqlOptions& o) { o.url = "shop"; }).find("platform coreldove: url: "), std::string::npos);
  EXPECT_NE(problem([](GraphqlOptions& o) { o.aliases_max = 0; }).find("aliases_max"), std::string::npos);
  EXPECT_NE(problem([](GraphqlOptions& o) {
              o.entities["user"].create[0].document = "mutation M { a b }";
            }).find("user create: step customer: document: must have one field"),
            std::string::npos);
  EXPECT_NE(problem([](GraphqlOptions& o) {
              o.entities["user"].create[0].variables = test::json(R"({"inputs":1})");
            }).find("gives $inputs, which its document does not declare"),
            std::string::npos);
  EXPECT_NE(problem([](GraphqlOptions& o) {
              o.entities["user"].create[0].variables = test::json("{}");
            }).find("gives no $input, which its document needs"),
            std::string::npos);
  EXPECT_NE(
      problem([](GraphqlOptions& o) { o.entities["product"].create[1].name = "product"; }).find("a name of its own"),
      std::string::npos);
  EXPECT_NE(problem([](GraphqlOptions& o) {
              o.entities["user"].create[0].learns = {{"", "user"}};
            }).find("learns record"),
            std::string::npos);
}

/// Whatever a wrong setting holds may be a secret that was meant for another key.
TEST(GraphqlOptions, AWrongSettingIsNotQuoted) {
  for (void (*change)(GraphqlStep&) : {
           +[](GraphqlStep& step) { step.document = "hush {"; },
           +[](GraphqlStep& step) { step.document = "mutation M { hush hush }"; },
           +[](GraphqlStep& step) { step.document = "mutation M($a: ID) {\n a(x: $hush) }"; },
           +[](GraphqlStep& step) { step.variables = test::json(R"({"input":{"token":"$hush"}})"); },
           +[](GraphqlStep& step) { step.errors = {"hush"}; },
           +[](GraphqlStep& step) {
             step.learns = {{"", "hush"}};
           },
       }) {
    GraphqlOptions made = shop();
    change(made.entities["user"].create[0]);
    const auto result = make_graphql_connector(std::move(made));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message.find("hush"), std::string::npos) << result.error().message;
  }
}

TEST(GraphqlOptions, AWrongDocumentIsToldByItsLine) {
  GraphqlOptions made = shop();
  made.entities["user"].create[0].document = "mutation M {\n  a\n  b\n}";
  EXPECT_NE(make_graphql_connector(std::move(made)).error().message.find("must have one field at its root (line 3)"),
            std::string::npos);
}

// ---- garbage

/// Goal: whatever comes in, neither connector crashes, each change has one outcome, and what is learned is a fit id.
/// Method: good answers with random damage, and random bytes, under random statuses.
TEST(Connectors, TrustNothingInAnAnswer) {
  RestOptions rest;
  rest.platform = PlatformId("bizoholic");
  rest.base_url = "http://bizoholic.example";
  RestVerb bulk;
  bulk.bulk = RestBulk{"/bulk", 10, "", ""};
  bulk.bulk->results = "/results";
  rest.entities["user"].verbs[Verb::kCreated] = bulk;
  const std::vector<std::unique_ptr<Connector>> platforms = [&rest] {
    std::vector<std::unique_ptr<Connector>> made;
    made.push_back(*make_connector(rest));
    made.push_back(connector());
    return made;
  }();
  const std::vector<std::string> seeds{
      R"({"id":"bz_1","detail":"words","results":[{"status":201,"id":"a"},{"status":409,"id":"b"}]})",
      payload("customerCreate", R"("user":{"id":"U1"})"), refusal("customerCreate", "UNIQUE"),
      R"({"data":{"c0":{"user":{"id":"U0"},"errors":[]},"c1":{"user":{"id":"U1"},"errors":[]}},"errors":[{"message":"m","path":["c1"],"extensions":{"code":"X"}}]})"};
  constexpr int kStatuses[] = {0, 100, 200, 201, 204, 299, 302, 400, 401, 404, 409, 422, 429, 500, 502, 999};
  const Change change = user(Verb::kCreated);
  for (std::uint64_t seed = 1; seed <= 4'000; ++seed) {
    const auto random = make_seeded_random(seed);
    std::string body = seeds[random->next() % seeds.size()];
    for (std::uint64_t i = 0; i < random->next() % 6; ++i) {
      const std::size_t at = random->next() % (body.size() + 1);
      switch (random->next() % 4) {
        case 0:
          body.insert(at, 1, static_cast<char>(random->next()));
          break;
        case 1:
          body.resize(at);
          break;
        case 2:
          body.insert(at, seeds[random->next() % seeds.size()].substr(0, 20));
          break;
        default:
          body.insert(at, random->next() % 2 == 0 ? "[[[" : "null");
          break;
      }
    }
    const auto got =
        answer(kStatuses[random->next() % std::size(kStatuses)], body, {{"Retry-After", body.substr(0, 10)}});
    const std::vector<const Change*> changes(1 + random->next() % 2, &change);
    for (const auto& platform : platforms) {
      const auto outcomes = platform->read(changes, got);
      ASSERT_EQ(outcomes.size(), changes.size()) << "seed " << seed;
      for (const Outcome& outcome : outcomes) {
        EXPECT_LT(outcome.message.size(), 700U) << "seed " << seed;
        for (const OwnId& own : outcome.learned) {
          EXPECT_FALSE(own.id.empty()) << "seed " << seed;
          EXPECT_LE(own.id.size(), kClientIdBytesMax) << "seed " << seed;
        }
      }
    }
  }
}

}  // namespace
}  // namespace datasync::delivery
