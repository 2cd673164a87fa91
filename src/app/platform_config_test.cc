#include "app/platform_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "domain/json.h"
#include "transform/mapper.h"

namespace datasync::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::UnorderedElementsAre;
using Environment = std::map<std::string, std::string>;
using Names = std::map<std::string, std::string>;

PlatformConfigInput input(std::string user = "", Environment environment = {}) {
  PlatformConfigInput made;
  made.shipped = shipped_files();
  made.user_text = std::move(user);
  made.variable = [environment](std::string_view name) -> Result<std::optional<std::string>> {
    const auto at = environment.find(std::string(name));
    return at == environment.end() ? std::nullopt : std::optional(at->second);
  };
  return made;
}

PlatformConfig load(std::string user = "", Environment environment = {}) {
  auto config = load_platform_config(input(std::move(user), std::move(environment)));
  EXPECT_TRUE(config) << config.error().message;
  return config ? *std::move(config) : PlatformConfig{};
}

std::string problems(std::string user) {
  const auto config = load_platform_config(input(std::move(user)));
  return config ? "none" : config.error().message;
}

template <typename Options>
const Options* connector(const PlatformConfig& config, const std::string& platform) {
  for (const auto& options : config.connectors) {
    const auto* mine = std::get_if<Options>(&options);
    if (mine != nullptr && mine->platform.str() == platform) return mine;
  }
  return nullptr;
}

const auto* rest(const PlatformConfig& config, const std::string& platform) {
  return connector<delivery::RestOptions>(config, platform);
}
const auto* graphql(const PlatformConfig& config, const std::string& platform = "coreldove") {
  return connector<delivery::GraphqlOptions>(config, platform);
}

transform::PlatformMapping mapping(const PlatformConfig& config, const std::string& platform) {
  return config.mapping.platforms.at(PlatformId(platform));
}

// ---- what ships, fact by fact of the wire contract

TEST(ShippedConfig, HasTheThreePlatformsWithTheirMoneyAndTheirPlace) {
  const PlatformConfig config = load();
  EXPECT_EQ(config.mapping.platforms.size(), 3U);
  EXPECT_EQ(config.connectors.size(), 3U);
  const auto bizoholic = mapping(config, "bizoholic");
  EXPECT_EQ(bizoholic.convert_to->code(), "USD");
  EXPECT_EQ(bizoholic.platform.locale, "en-US");
  EXPECT_EQ(bizoholic.platform.timezone, "UTC");
  EXPECT_EQ(bizoholic.context, transform::ContextBlock::kPlatformContext);
  const auto coreldove = mapping(config, "coreldove");
  EXPECT_EQ(coreldove.convert_to->code(), "INR");
  EXPECT_EQ(coreldove.platform.currency.code(), "INR");
  EXPECT_EQ(coreldove.platform.locale, "en-IN");
  EXPECT_EQ(coreldove.platform.timezone, "Asia/Kolkata");
  EXPECT_EQ(coreldove.context, transform::ContextBlock::kPlatformContext);
  const auto bizosaas = mapping(config, "bizosaas");
  EXPECT_EQ(bizosaas.convert_to, std::nullopt);
  EXPECT_EQ(bizosaas.context, transform::ContextBlock::kSyncMetadata);
}

TEST(ShippedConfig, HasEveryFieldNameOfTheContract) {
  const PlatformConfig config = load();
  auto bizoholic = mapping(config, "bizoholic").entities;
  EXPECT_EQ(bizoholic["user"].to_canonical,
            (Names{{"user_id", "id"}, {"full_name", "name"}, {"email_address", "email"}, {"phone_number", "phone"}}));
  EXPECT_EQ(bizoholic["lead"].to_canonical, (Names{{"lead_id", "id"},
                                                   {"contact_name", "name"},
                                                   {"contact_email", "email"},
                                                   {"lead_score", "score"},
                                                   {"lead_status", "status"}}));
  EXPECT_EQ(bizoholic["campaign"].to_canonical, (Names{{"campaign_id", "id"},
                                                       {"campaign_name", "name"},
                                                       {"campaign_budget", "budget"},
                                                       {"campaign_status", "status"}}));
  auto coreldove = mapping(config, "coreldove").entities;
  EXPECT_EQ(
      coreldove["user"].to_canonical,
      (Names{
          {"customer_id", "id"}, {"customer_name", "name"}, {"customer_email", "email"}, {"customer_phone", "phone"}}));
  EXPECT_EQ(coreldove["product"].to_canonical, (Names{{"product_id", "id"},
                                                      {"product_name", "name"},
                                                      {"product_price", "price"},
                                                      {"product_inventory", "inventory"}}));
  EXPECT_EQ(
      coreldove["order"].to_canonical,
      (Names{
          {"order_id", "id"}, {"order_total", "total_amount"}, {"order_status", "status"}, {"order_items", "items"}}));
  auto bizosaas = mapping(config, "bizosaas").entities;
  EXPECT_EQ(bizosaas["user"].to_canonical,
            (Names{{"user_id", "id"}, {"user_name", "name"}, {"user_email", "email"}, {"user_phone", "phone"}}));
  EXPECT_EQ(
      bizosaas["tenant"].to_canonical,
      (Names{
          {"tenant_id", "id"}, {"tenant_name", "name"}, {"subscription_tier", "plan"}, {"tenant_status", "status"}}));
}

TEST(ShippedConfig, HasTheShopsWordsForUserProductAndCampaignOnly) {
  auto entities = mapping(load(), "coreldove").entities;
  const Names words{{"active", "published"}, {"inactive", "draft"}, {"pending", "pending_review"}};
  EXPECT_EQ(entities["user"].statuses, words);
  EXPECT_EQ(entities["product"].statuses, words);
  EXPECT_EQ(entities["campaign"].statuses, words);
  EXPECT_THAT(entities["order"].statuses, IsEmpty());
  ASSERT_EQ(entities["user"].splits.size(), 1U);
  EXPECT_EQ(entities["user"].splits.front().field, "name");
  EXPECT_EQ(entities["user"].splits.front().first, "first_name");
  EXPECT_EQ(entities["user"].splits.front().last, "last_name");
}

TEST(ShippedConfig, HasTheEntitiesWithTheirKeysAmountsAndDefaults) {
  auto entities = load().mapping.entities;
  EXPECT_EQ(entities.size(), 7U);
  EXPECT_THAT(entities["user"].natural_keys, ElementsAre("email"));
  EXPECT_EQ(entities["lead"].create_defaults.at("source"), Value::string("cross_platform_sync"));
  EXPECT_THAT(entities["order"].money_fields, ElementsAre("total_amount"));
  EXPECT_EQ(entities["order"].aliases, (Names{{"amount", "total_amount"}}));
  EXPECT_THAT(entities["product"].money_fields, ElementsAre("price"));
  EXPECT_THAT(entities["campaign"].money_fields, ElementsAre("budget"));
  EXPECT_TRUE(entities["analytics"].stateless);
  EXPECT_FALSE(entities["tenant"].stateless);
}

TEST(ShippedConfig, TheNotifierIsThereWhereItHasAnAddressAndIsToldNothingElse) {
  EXPECT_EQ(rest(load(), "notifier"), nullptr);
  EXPECT_FALSE(load().mapping.platforms.contains(PlatformId("notifier")));
  const PlatformConfig config = load("", {{"NOTIFIER_URL", "https://mailer.example"}, {"NOTIFIER_API_KEY", "k"}});
  const auto* notifier = rest(config, "notifier");
  ASSERT_NE(notifier, nullptr);
  EXPECT_EQ(notifier->base_url, "https://mailer.example");
  const auto made = delivery::make_rest_connector(*notifier).value();
  EXPECT_TRUE(made->serves("verification", Verb::kCreated));
  EXPECT_FALSE(made->serves("user", Verb::kCreated));
}

TEST(UserConfig, AnAddressMayBeVerifiedThroughAnyPlatformAndOnlyOverALimit) {
  auto books = load(R"(
conflict_rules:
  user:
    fields:
      phone: {review: {verify_through: bizosaas, expire_after_hours: 1, then: source}}
  order:
    fields:
      total_amount: {review: {verify_through: bizosaas}}
)")
                   .rulebooks;
  const auto phone = books["user"].fields["phone"].review;
  ASSERT_TRUE(phone && phone->verification);
  EXPECT_EQ(phone->verification->notifier, PlatformId("bizosaas"));
  EXPECT_EQ(phone->verification->expires_after, std::chrono::hours{1});
  EXPECT_TRUE(phone->verification->to_source);
  const auto amount = books["order"].fields["total_amount"].review;
  ASSERT_TRUE(amount && amount->verification && amount->above) << "the shipped limit stays";
}

TEST(ShippedConfig, HasTheConflictRules) {
  auto books = load().rulebooks;
  const auto rule = [&](const char* entity, const char* field) {
    const conflict::FieldRule found = books[entity].fields[field];
    return std::string(found.strategy->name()) + (found.critical ? "!" : "");
  };
  const auto waits = [&](const char* entity, const char* field) { return books[entity].fields[field].review; };
  ASSERT_TRUE(waits("user", "email"));
  EXPECT_FALSE(waits("user", "email")->above) << "every change";
  ASSERT_TRUE(waits("user", "email")->verification);
  EXPECT_EQ(waits("user", "email")->verification->notifier, PlatformId("notifier"));
  EXPECT_EQ(waits("user", "email")->verification->expires_after, std::chrono::hours{72});
  EXPECT_FALSE(waits("user", "email")->verification->to_source) << "who does not answer declines";
  ASSERT_TRUE(waits("order", "total_amount"));
  EXPECT_EQ(waits("order", "total_amount")->above, Money::from_minor(100'00, *Currency::parse("USD")));
  EXPECT_FALSE(waits("user", "name"));
  EXPECT_FALSE(books["user"].expiry.after) << "a review waits until somebody decides";
  EXPECT_EQ(rule("user", "email"), "source_wins!");
  EXPECT_EQ(rule("user", "name"), "latest_wins");
  EXPECT_EQ(rule("user", "profile_data"), "merge_smart");
  EXPECT_EQ(rule("user", "preferences"), "merge_smart");
  EXPECT_EQ(rule("lead", "status"), "latest_wins!");
  EXPECT_EQ(rule("lead", "score"), "custom_logic!");
  EXPECT_EQ(rule("lead", "contact_info"), "source_wins!");
  EXPECT_EQ(rule("lead", "notes"), "merge_smart");
  EXPECT_EQ(rule("order", "status"), "latest_wins!");
  EXPECT_EQ(rule("order", "total_amount"), "source_wins!");
  EXPECT_EQ(rule("order", "items"), "merge_smart!");
  EXPECT_EQ(rule("order", "shipping_info"), "latest_wins");
  EXPECT_EQ(rule("product", "price"), "latest_wins!");
  EXPECT_EQ(rule("product", "inventory"), "custom_logic!");
  EXPECT_EQ(rule("product", "description"), "merge_smart");
  EXPECT_EQ(rule("product", "images"), "merge_smart");
  const PlatformId bizoholic("bizoholic"), bizosaas("bizosaas"), coreldove("coreldove");
  EXPECT_THAT(books["user"].priority, ElementsAre(bizosaas, bizoholic, coreldove));
  EXPECT_THAT(books["lead"].priority, ElementsAre(bizoholic, bizosaas, coreldove));
  EXPECT_THAT(books["campaign"].priority, ElementsAre(bizoholic, bizosaas, coreldove));
  EXPECT_THAT(books["order"].priority, ElementsAre(coreldove, bizosaas, bizoholic));
  EXPECT_THAT(books["product"].priority, ElementsAre(coreldove, bizosaas, bizoholic));
}

TEST(ShippedConfig, MakesAConnectorOfEachPlatform) {
  for (const auto& options : load().connectors) {
    const auto made = delivery::make_connector(options);
    EXPECT_TRUE(made) << made.error().message;
  }
}

TEST(ShippedConfig, SkipsAtCoreldoveWhatItHasNoDocumentFor) {
  const auto made = delivery::make_connector(*graphql(load())).value();
  for (const char* entity : {"user", "product", "order"}) {
    for (const Verb verb : {Verb::kCreated, Verb::kUpdated, Verb::kDeleted}) EXPECT_TRUE(made->serves(entity, verb));
  }
  for (const char* entity : {"lead", "campaign", "tenant", "analytics"}) {
    for (const Verb verb : {Verb::kCreated, Verb::kUpdated, Verb::kDeleted}) EXPECT_FALSE(made->serves(entity, verb));
  }
}

TEST(ShippedConfig, ServesEverythingAtTheRestPlatforms) {
  const PlatformConfig config = load();
  for (const char* platform : {"bizoholic", "bizosaas"}) {
    const auto made = delivery::make_connector(*rest(config, platform)).value();
    for (const auto& [entity, rules] : config.mapping.entities) EXPECT_TRUE(made->serves(entity, Verb::kUpdated));
  }
  EXPECT_EQ(rest(config, "bizoholic")->entities.at("lead").id_field, "lead_id");
  EXPECT_EQ(rest(config, "bizosaas")->entities.at("lead").id_field, "id");
  EXPECT_THAT(rest(config, "bizoholic")->entities.at("user").verbs.at(Verb::kDeleted).outcomes,
              ElementsAre(Pair(404, delivery::Outcome::Kind::kDelivered)));
}

// ---- addresses and secrets

TEST(Addresses, AreTheDefaultsWhereNothingIsSet) {
  const PlatformConfig config = load();
  EXPECT_EQ(rest(config, "bizoholic")->base_url, "http://localhost:3008");
  EXPECT_EQ(rest(config, "bizosaas")->base_url, "http://localhost:8001");
  EXPECT_EQ(graphql(config)->url, "http://localhost:8024/graphql/");
  EXPECT_EQ(rest(config, "bizoholic")->credential.kind, delivery::Credential::Kind::kNone);
}

TEST(Addresses, ComeFromTheEnvironmentWithTheSecrets) {
  const PlatformConfig config = load("", {{"BIZOHOLIC_FRONTEND_URL", "https://a.example/v2"},
                                          {"BIZOHOLIC_API_KEY", "secret"},
                                          {"BIZOSAAS_BRAIN_URL", ""}});
  EXPECT_EQ(rest(config, "bizoholic")->base_url, "https://a.example/v2");
  EXPECT_EQ(rest(config, "bizoholic")->credential.kind, delivery::Credential::Kind::kBearer);
  EXPECT_EQ(rest(config, "bizoholic")->credential.secret, "secret");
  EXPECT_EQ(rest(config, "bizosaas")->base_url, "http://localhost:8001");
}

TEST(Addresses, OfCoreldoveGetTheGraphqlPathOnlyWhereTheyHaveNone) {
  const auto url = [](Environment environment) { return graphql(load("", std::move(environment)))->url; };
  EXPECT_EQ(url({{"CORELDOVE_FRONTEND_URL", "http://b:3012"}}), "http://b:3012/graphql/");
  EXPECT_EQ(url({{"CORELDOVE_FRONTEND_URL", "http://b:3012"}, {"SALEOR_API_URL", "http://c:8000/"}}),
            "http://c:8000/graphql/");
  EXPECT_EQ(url({{"SALEOR_API_URL", "http://c:8000/api/graphql"}}), "http://c:8000/api/graphql");
}

TEST(Addresses, ThatCannotBeReadAreRefusedWithoutBeingRepeated) {
  const auto config = load_platform_config(input("", {{"SALEOR_API_URL", "http://admin:hunter2@c:8000"}}));
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr("platforms.coreldove.connection.address: "));
  EXPECT_THAT(config.error().message, Not(HasSubstr("hunter2")));
}

TEST(Variables, ThatCannotBeReadSayWhy) {
  PlatformConfigInput broken = input();
  broken.variable = [](std::string_view name) -> Result<std::optional<std::string>> {
    if (name == "BIZOHOLIC_API_KEY") return fail(ErrorCode::kInvalid, "BIZOHOLIC_API_KEY_FILE: no such file");
    return std::nullopt;
  };
  EXPECT_THAT(load_platform_config(broken).error().message,
              HasSubstr("platforms.bizoholic.connection.bearer_token: BIZOHOLIC_API_KEY_FILE: no such file"));
}

// ---- what users write

constexpr const char* kShopify = R"(
platforms:
  shopify:
    currency: EUR
    amounts: converted
    connection:
      protocol: rest
      address: https://shop.example
      api_key: ${SHOPIFY_KEY}
      path: /v1/{entity}/{id}
      timeout_seconds: 7
      rate_limit: {requests_per_second: 2.5}
      serves_unlisted: false
      verbs:
        create: {path: "/v1/{entity}", method: PUT}
        delete: {outcomes: {404: delivered}}
      entities:
        user:
          delete: {served: false}
          update: {bulk: {path: /v1/bulk, items_max: 50, results: /results}}
    entities:
      user:
        fields: {customer_no: id}
        readonly: [score]
        whole_records: true
rates:
  units: {EUR: 0.92}
entities:
  supplier: {natural_keys: [vat_number]}
conflict_rules:
  supplier:
    priority: [shopify]
    schema_change: strategy
    fields: {"*": {strategy: manual_review}, code: {schema_change: allowed}}
    reviews: {expire_after_hours: 48, then: source}
)";

TEST(UserConfig, AddsAPlatformAndEverythingThatItNeeds) {
  const PlatformConfig config = load(kShopify, {{"SHOPIFY_KEY", "k"}});
  EXPECT_EQ(config.mapping.platforms.size(), 4U);
  const auto* options = rest(config, "shopify");
  ASSERT_NE(options, nullptr);
  EXPECT_EQ(options->credential.kind, delivery::Credential::Kind::kApiKey);
  EXPECT_EQ(options->timeout, seconds{7});
  EXPECT_EQ(options->rate_limit, (delivery::TokenBucket::Options{2.5, 3}));
  EXPECT_FALSE(options->serves_unlisted);
  ASSERT_EQ(options->entities.size(), 1U);
  const auto& user = options->entities.at("user");
  EXPECT_EQ(user.id_field, "customer_no");
  EXPECT_EQ(user.verbs.at(Verb::kCreated).method, net::Method::kPut);
  EXPECT_EQ(user.verbs.at(Verb::kUpdated).bulk->items_max, 50U);
  EXPECT_FALSE(user.verbs.at(Verb::kDeleted).served);
  EXPECT_EQ(user.verbs.at(Verb::kDeleted).outcomes.size(), 1U) << "what holds for every entity stays";
  EXPECT_EQ(config.mapping.platforms.at(PlatformId("shopify")).convert_to->code(), "EUR");
  EXPECT_EQ(config.rates.table.rates.size(), 2U);
  EXPECT_TRUE(config.mapping.entities.contains("supplier"));
  EXPECT_EQ(config.rulebooks.at("supplier").fields.at("*").strategy->name(), "manual_review");
  const auto& platforms = config.mapping.platforms;
  EXPECT_TRUE(platforms.at(PlatformId("shopify")).entities.at("user").whole_records);
  EXPECT_FALSE(platforms.at(PlatformId("bizoholic")).entities.at("user").whole_records);
  const conflict::RuleBook rules(config.rulebooks);
  EXPECT_EQ(rules.schema_change("supplier", "name"), conflict::SchemaChange::kStrategy);
  EXPECT_EQ(rules.schema_change("supplier", "code"), conflict::SchemaChange::kAllowed);
  EXPECT_EQ(rules.schema_change("user", "name"), conflict::SchemaChange::kReview) << "unless something else is said";
  EXPECT_EQ(config.rulebooks.at("supplier").expiry.after, std::chrono::hours{48});
  EXPECT_TRUE(config.rulebooks.at("supplier").expiry.to_source);
  EXPECT_TRUE(delivery::make_connector(*options));
}

TEST(UserConfig, ChangesOneKeyAndLeavesItsNeighbours) {
  const PlatformConfig config = load(R"(
platforms:
  coreldove:
    connection:
      settings: {billing_country: DE}
      timeout_seconds: 3
      rate_limit: {requests_per_second: 10, burst: 40}
rates: {units: {INR: "84.5"}}
)");
  const auto* options = graphql(config);
  EXPECT_EQ(options->timeout, seconds{3});
  EXPECT_EQ(options->rate_limit, (delivery::TokenBucket::Options{10, 40}));
  const std::string variables = options->entities.at("order").create.front().variables.text();
  EXPECT_THAT(variables, HasSubstr(R"("billingAddress":{"country":"DE","skipValidation":true})"));
  EXPECT_THAT(variables, HasSubstr(R"("channelId":"Q2hhbm5lbDox")"));
  EXPECT_EQ(config.rates.table.rates.at(*Currency::parse("INR")).units, 845);
  EXPECT_EQ(mapping(config, "coreldove").entities.at("user").to_canonical.size(), 4U);
}

TEST(UserConfig, NullTakesAPlatformAwayAndEnabledTurnsOneOnOrOff) {
  EXPECT_EQ(load("platforms: {coreldove: null}").mapping.platforms.size(), 2U);
  EXPECT_EQ(load("platforms: {coreldove: {enabled: false}}").mapping.platforms.size(), 2U);
  const PlatformConfig more = load("platforms: {django_crm: {enabled: true}, wagtail_cms: {enabled: true}}");
  EXPECT_EQ(more.mapping.platforms.size(), 5U);
  EXPECT_EQ(rest(more, "django_crm")->base_url, "http://localhost:8008");
  EXPECT_EQ(rest(more, "wagtail_cms")->base_url, "http://localhost:8006");
}

TEST(UserConfig, TakesDocumentsFromTheTextItselfOrAFile) {
  PlatformConfigInput own = input(R"(
platforms:
  shop:
    connection:
      protocol: graphql
      address: https://shop.example/graphql
      plans:
        user:
          create:
            - {name: one, document: "mutation A { a { id } }"}
            - {name: two, document: mine, unless_known: record, learns: {record: /id}}
)");
  own.read_document = [](std::string_view name) {
    return name == "mine" ? std::optional<std::string>("mutation B { b { id } }") : std::nullopt;
  };
  const auto config = load_platform_config(own);
  ASSERT_TRUE(config) << config.error().message;
  const auto& steps = graphql(*config, "shop")->entities.at("user").create;
  EXPECT_EQ(steps[0].document, "mutation A { a { id } }");
  EXPECT_EQ(steps[1].document, "mutation B { b { id } }");
  EXPECT_EQ(steps[1].unless_known, "");
  EXPECT_THAT(steps[1].learns, ElementsAre(Pair("", "/id")));
}

TEST(UserConfig, LeavesTheSectionsOfOthersAlone) {
  PlatformConfigInput own = input("settings: {port: 1}");
  own.other_sections = {"settings"};
  EXPECT_TRUE(load_platform_config(own));
}

TEST(UserConfig, MayBeEmpty) {
  EXPECT_EQ(load("# nothing yet\n").mapping.platforms.size(), 3U);
  EXPECT_EQ(load("platforms:\n").mapping.platforms.size(), 3U);
}

// ---- what is wrong is told with its place and the way out

struct Wrong {
  std::string_view yaml, message;
};

class BadConfig : public testing::TestWithParam<Wrong> {};

TEST_P(BadConfig, IsRefusedWithItsPlaceAndTheWayOut) {
  EXPECT_EQ(problems(std::string(GetParam().yaml)), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Golden, BadConfig,
    testing::Values(
        Wrong{"platforms:\n  a: [1\n", "config.yaml:3: end of sequence flow not found"},
        Wrong{"platfroms: {}", "config.yaml:1: platfroms: unknown key; did you mean `platforms`?"},
        Wrong{"x: 1", "config.yaml:1: x: unknown key; known here: conflict_rules, entities, platforms, rates"},
        Wrong{"- a", "config.yaml:1: must be a map of keys and values"},
        Wrong{"rates:\n  base: USD\n  base: EUR\n", "config.yaml:3: `base` stands twice"},
        Wrong{"platforms:\n  coreldove:\n    curency: INR\n",
              "config.yaml:3: platforms.coreldove.curency: unknown key; did you mean `currency`?"},
        Wrong{"platforms:\n  coreldove:\n    currency: Rupees\n",
              "config.yaml:3: platforms.coreldove.currency: currency must be an ISO 4217 code of three letters, such "
              "as USD"},
        Wrong{"platforms: {coreldove: {amounts: convert}}",
              "config.yaml:1: platforms.coreldove.amounts: is none of converted, original; did you mean "
              "`converted`?"},
        Wrong{"platforms: {coreldove: {currency: CHF}}",
              "config.yaml:1: platforms.coreldove.currency: no rate of exchange is known for CHF: add it under `rates` "
              "in "
              "the configuration"},
        Wrong{"platforms: {coreldove: {enabled: yes}}",
              "config.yaml:1: platforms.coreldove.enabled: must be true or false"},
        Wrong{"platforms: {coreldove: {entities: {usr: {}}}}",
              "config.yaml:1: platforms.coreldove.entities.usr: no such entity: declare it under `entities`; did you "
              "mean "
              "`user`?"},
        Wrong{"platforms: {bizoholic: {entities: {user: {fields: {mail: email}}}}}",
              "config.yaml:1: platforms.bizoholic.entities.user.fields.mail: `email_address` stands for the same field "
              "already; null takes it away, and `aliases` under `entities` are for further names"},
        Wrong{"platforms: {bizosaas: {entities: {user: {statuses: {a: x, b: x}}}}}",
              "config.yaml:1: platforms.bizosaas.entities.user.statuses.b: has the same word as `a`, so it could not "
              "be read back; "
              "use `kept` for what the platform keeps"},
        Wrong{"platforms: {bizosaas: {entities: {user: {splits: {name: [first]}}}}}",
              "config.yaml:1: platforms.bizosaas.entities.user.splits.name: must name two parts: [first_name, "
              "last_name]"},
        Wrong{"platforms: {x: {connection: {address: \"http://a\"}}}",
              "config.yaml:1: platforms.x.connection.protocol: is missing: rest or graphql"},
        Wrong{"platforms: {x: {connection: {protocol: soap}}}",
              "config.yaml:1: platforms.x.connection.protocol: is none of rest, graphql"},
        Wrong{"platforms: {x: {connection: {protocol: rest}}}",
              "config.yaml:1: platforms.x.connection.address: is missing: where is it? For example "
              "https://api.example.com"},
        Wrong{"platforms: {x: {connection: {protocol: rest, address: \"http://a\", bearer_token: b, api_key: c}}}",
              "config.yaml:1: platforms.x.connection.api_key: stands beside `bearer_token`: use one of them"},
        Wrong{"platforms: {x: {connection: {protocol: rest, address: \"http://a\", verbs: {delete: {outcomes: {404: "
              "fine}}}}}}",
              "config.yaml:1: platforms.x.connection.verbs.delete.outcomes.404: is none of delivered, step_done, "
              "repeat, refused, unknown, rejected, moved_on, unauthorized, gone"},
        Wrong{"platforms: {x: {connection: {protocol: rest, address: \"http://a\", timeout_seconds: 1h}}}",
              "config.yaml:1: platforms.x.connection.timeout_seconds: must be a whole number from 1 to 3600"},
        Wrong{"platforms: {bizosaas: {connection: {rate_limit: {burst: 3}}}}",
              "config.yaml:1: platforms.bizosaas.connection.rate_limit.requests_per_second: is missing: 10, or 0.5 for "
              "30 a minute"},
        Wrong{
            "platforms: {bizosaas: {connection: {rate_limit: {requests_per_second: 0}}}}",
            "config.yaml:1: platforms.bizosaas.connection.rate_limit.requests_per_second: must be a number from 0.001 "
            "to 10000"},
        Wrong{"platforms: {x: {connection: {protocol: graphql, address: \"http://a\", settings: {chanel: y}, plans: "
              "{user: "
              "{create: [{name: a, document: \"mutation A($i: ID) { a(i: $i) { id } }\", variables: {i: "
              "$setting.channel}}]}}}}}",
              "config.yaml:1: platforms.x.connection.settings.channel: is missing, and a step needs it; did you mean "
              "`chanel`?"},
        Wrong{"platforms: {coreldove: {connection: {plans: {user: {delete: [{name: a, document: user_delet}]}}}}}",
              "config.yaml:1: platforms.coreldove.connection.plans.user.delete[0].document: names a document "
              "that there is not for coreldove"},
        Wrong{"platforms: {x: {locale: \"${HOME\"}}", "config.yaml:1: platforms.x.locale: `${` without its `}`"},
        Wrong{"conflict_rules: {user: {priority: [bizohollic]}}",
              "config.yaml:1: conflict_rules.user.priority: names a platform that there is not; did you mean "
              "`bizoholic`?"},
        Wrong{"conflict_rules: {user: {fields: {email: {review: sometimes}}}}",
              "config.yaml:1: conflict_rules.user.fields.email.review: must be every_change or, for an amount, "
              "{change_above: 100, currency: USD} or, for an address, {verify_through: notifier}"},
        Wrong{"conflict_rules: {user: {fields: {email: {review: {verify_through: notifyer}}}}}",
              "config.yaml:1: conflict_rules.user.fields.email.review.verify_through: names a platform that there is "
              "not; did you mean `notifier`?"},
        Wrong{
            "conflict_rules: {user: {fields: {email: {review: {expire_after_hours: 0}}}}}",
            "config.yaml:1: conflict_rules.user.fields.email.review.expire_after_hours: must be a whole number from 1 "
            "to 8784"},
        Wrong{"entities: {verification: {}}",
              "config.yaml:1: entities.verification: is the name of what a notifier is told"},
        Wrong{"conflict_rules: {order: {fields: {total_amount: {review: {change_above: lots, currency: USD}}}}}",
              "config.yaml:1: conflict_rules.order.fields.total_amount.review.change_above: must be an amount of 0 or "
              "more, such as 100"},
        Wrong{"conflict_rules: {campaign: {fields: {budget: {review: {change_above: 5}}}}}",
              "config.yaml:1: conflict_rules.campaign.fields.budget.review.currency: must be an ISO 4217 code such "
              "as USD"},
        Wrong{"conflict_rules: {user: {schema_change: never}}",
              "config.yaml:1: conflict_rules.user.schema_change: is none of review, strategy, allowed"},
        Wrong{"conflict_rules: {user: {reviews: {expire_after_hours: 0}}}",
              "config.yaml:1: conflict_rules.user.reviews.expire_after_hours: must be a whole number from 1 to 8784"},
        Wrong{"platforms: {data-sync: {}}",
              "config.yaml:1: platforms.data-sync: is the name under which decisions of people are told"},
        Wrong{"conflict_rules: {user: {fields: {email: {strategy: last_wins}}}}",
              "config.yaml:1: conflict_rules.user.fields.email.strategy: is none of latest_wins, "
              "source_wins, "
              "merge_smart, custom_logic, manual_review; did you mean `latest_wins`?"},
        Wrong{"entities: {user: {natural_keys: {a: b}}}",
              "config.yaml:1: entities.user.natural_keys: must be a list of words: [one, two]"}));

/// What was put under a wrong key, or filled from the wrong variable, may be a secret: `protocol: ${API_KEY}` told it
/// to the log.
TEST(BadConfig, NeverTellsTheValue) {
  constexpr std::string_view kSecret = "s3cr3tT0ken";
  for (const std::string_view yaml : {
           "platforms: {x: {currency: KEY}}",
           "platforms: {x: {context: KEY, amounts: KEY, enabled: KEY}}",
           "platforms: {x: {connection: KEY}}",
           "platforms: {x: {connection: {protocol: KEY}}}",
           "platforms: {x: {connection: {protocol: rest, address: KEY}}}",
           "platforms: {x: {connection: {protocol: rest, address: \"http://u:KEY@a\"}}}",
           "platforms: {x: {connection: {protocol: rest, address: \"http://a\", method: KEY, body: KEY, bearer_token: "
           "[KEY]}}}",
           "platforms: {x: {connection: {protocol: rest, address: \"http://a\", success_statuses: [KEY]}}}",
           "platforms: {x: {connection: {protocol: rest, address: \"http://a\", timeout_seconds: KEY, headers: KEY}}}",
           "platforms: {x: {connection: {protocol: rest, address: \"http://a\", rate_limit: {requests_per_second: "
           "KEY}}}}",
           "platforms: {x: {connection: {protocol: rest, address: \"http://a\", verbs: {create: {outcomes: {404: "
           "KEY}}}}}}",
           "platforms: {x: {connection: {protocol: graphql, address: \"http://a\", plans: {user: {create: [{document: "
           "KEY}]}}}}}",
           "platforms: {bizoholic: {entities: {user: {fields: {a: KEY, b: KEY}}}}}",
           "platforms: {bizoholic: {entities: {user: {statuses: {a: KEY, b: KEY}, splits: {a: KEY}, kept: {a: KEY}}}}}",
           "platforms: {x: {locale: \"${KEY\"}}",
           "platforms: {x: {locale: *KEY}}",
           "rates: {base: KEY, as_of: KEY, units: {EUR: KEY}}",
           "conflict_rules: {user: {priority: [KEY], fields: {email: KEY}}}",
           "conflict_rules: {user: {fields: {email: {strategy: KEY, critical: KEY}}}}",
           "conflict_rules: {user: {fields: {email: {strategy: custom_logic, script: KEY}}}}",
           "conflict_rules: {user: {fields: {email: {strategy: custom_logic, script: KEY.lua}}}}",
       }) {
    std::string filled(yaml);
    for (auto at = filled.find("KEY"); at != std::string::npos; at = filled.find("KEY")) filled.replace(at, 3, kSecret);
    const std::string all = problems(filled);
    EXPECT_THAT(all, HasSubstr("config.yaml:1: ")) << yaml;
    EXPECT_THAT(all, Not(HasSubstr(kSecret))) << yaml;
  }
}

TEST(BadConfig, IsToldAllAtOnce) {
  const std::string all = problems("platforms: {coreldove: {currency: X, locle: y}}\nrates: {as_of: z}\n");
  EXPECT_THAT(all, HasSubstr("platforms.coreldove.currency"));
  EXPECT_THAT(all, HasSubstr("platforms.coreldove.locle"));
  EXPECT_THAT(all, HasSubstr("rates.as_of"));
}

}  // namespace
}  // namespace datasync::app
