#include <gtest/gtest.h>

#include "transform/contract_mapping_for_tests.h"
#include "transform/names.h"

// Field names, status words and names of people: what the wire contract says of each platform, row by row.
namespace datasync::transform {
namespace {

struct Row {
  PlatformId platform;
  std::string_view entity, theirs, id, ours;
};

class FieldNames : public testing::TestWithParam<Row> {};

TEST_P(FieldNames, AreTranslatedOnTheWayIn) {
  const Row& row = GetParam();
  const auto change = contract_mapper().to_canonical(row.platform, row.entity, object(row.theirs));
  ASSERT_TRUE(change) << change.error().message;
  EXPECT_EQ(change->own_id, row.id);
  EXPECT_EQ(change->fields.to_json(), row.ours);
  EXPECT_TRUE(change->lone_parts.empty());
}

TEST_P(FieldNames, AreTranslatedBackOnTheWayOut) {
  const Row& row = GetParam();
  const Mapper mapper = contract_mapper();
  auto data = mapper.to_platform(row.platform, row.entity, object(row.ours));
  ASSERT_TRUE(data) << data.error().message;
  mapper.add_context(row.platform, row.entity, row.id, {}, *data);
  for (const Field& field : object(row.theirs)) {
    if (field.name == "customer_name") continue;  // coreldove's comes in so, and goes out in two parts
    ASSERT_NE(data->find(field.name), nullptr) << field.name << " in " << data->to_json();
    if (field.name == "lead_id") {  // a number comes in as an id; ids are text
      EXPECT_EQ(data->find(field.name)->as_id(), field.value.as_id());
    } else {
      EXPECT_EQ(data->find(field.name)->text(), field.value.text());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Contract, FieldNames,
    testing::Values(
        Row{kBizoholic, "user",
            R"({"user_id":"u1","full_name":"Anna Schmidt","email_address":"a@b.c","phone_number":"+49","x":[1]})", "u1",
            R"({"email":"a@b.c","name":"Anna Schmidt","phone":"+49","x":[1]})"},
        Row{kBizoholic, "lead",
            R"({"lead_id":7,"contact_name":"Bo","contact_email":"b@c.d","lead_score":85,"lead_status":"active"})", "7",
            R"({"email":"b@c.d","name":"Bo","score":85,"status":"active"})"},
        Row{kBizoholic, "campaign",
            R"({"campaign_id":"c1","campaign_name":"Spring","campaign_budget":1500.5,"campaign_status":"pending"})",
            "c1", R"({"budget":{"amount":"1500.50","currency":"USD"},"name":"Spring","status":"pending"})"},
        Row{kCoreldove, "user",
            R"({"customer_id":"VXNlcjox","customer_name":"Anna Schmidt","customer_email":"a@b.c","customer_phone":"1"})",
            "VXNlcjox", R"({"email":"a@b.c","name":"Anna Schmidt","phone":"1"})"},
        Row{kCoreldove, "product",
            R"({"product_id":"p1","product_name":"Lamp","product_price":1659.17,"product_inventory":3,"status":"draft"})",
            "p1", R"({"inventory":3,"name":"Lamp","price":{"amount":"1659.17","currency":"INR"},"status":"inactive"})"},
        Row{kCoreldove, "order",
            R"({"order_id":"o1","order_total":83,"order_status":"published","order_items":[{"q":1}]})", "o1",
            R"({"items":[{"q":1}],"status":"published","total_amount":{"amount":"83.00","currency":"INR"}})"},
        Row{kBizosaas, "user", R"({"user_id":"u","user_name":"Anna Schmidt","user_email":"a@b.c","user_phone":"2"})",
            "u", R"({"email":"a@b.c","name":"Anna Schmidt","phone":"2"})"},
        Row{kBizosaas, "tenant",
            R"({"tenant_id":"t","tenant_name":"Acme","subscription_tier":"gold","tenant_status":"active"})", "t",
            R"({"name":"Acme","plan":"gold","status":"active"})"}));

TEST(Names, CanonicalOnesAreAcceptedFromEveryPlatform) {
  const Mapper mapper = contract_mapper();
  for (const PlatformId& platform : {kBizoholic, kCoreldove, kBizosaas, PlatformId("elsewhere")}) {
    const auto change = mapper.to_canonical(platform, "user", object(R"({"id":"u1","name":"Anna","email":"a@b.c"})"));
    ASSERT_TRUE(change);
    EXPECT_EQ(change->own_id, "u1");
    EXPECT_EQ(change->fields.to_json(), R"({"email":"a@b.c","name":"Anna"})");
  }
}

TEST(Names, ThePlatformsOwnWinsOverTheCanonicalOne) {
  const auto change = contract_mapper().to_canonical(
      kBizoholic, "user", object(R"({"id":"c","user_id":"own","email":"canonical","email_address":"own"})"));
  EXPECT_EQ(change->own_id, "own");
  EXPECT_EQ(change->fields.to_json(), R"({"email":"own"})");
}

TEST(Names, AnOwnIdThatIsNoIdGivesWayToTheCanonicalOne) {
  const Mapper mapper = contract_mapper();
  for (const char* nothing : {"null", "\"\"", "[1]", "true"}) {
    const Fields data = object(R"({"id":"c","user_id":)" + std::string(nothing) + "}");
    EXPECT_EQ(mapper.own_id(kBizoholic, "user", data), "c");
    EXPECT_EQ(mapper.to_canonical(kBizoholic, "user", data)->own_id, "c");
  }
  EXPECT_EQ(mapper.own_id(kBizoholic, "user", object(R"({"user_id":17})")), "17");
  EXPECT_EQ(mapper.own_id(kBizoholic, "user", object("{}")), "");
}

TEST(Names, WhatNobodyMappedTravelsAsItIs) {
  const Mapper mapper = contract_mapper();
  const Fields strange = object(R"({"Ünïcode":"ж","_x":{"a":[null,1.5]},"currency":"EUR","zz":""})");
  const auto change = mapper.to_canonical(kCoreldove, "user", strange);
  EXPECT_EQ(change->fields, strange);
  EXPECT_EQ(*mapper.to_platform(kBizosaas, "user", strange), strange);
  EXPECT_EQ(*mapper.to_platform(kBizoholic, "nonesuch", strange), strange);
}

TEST(Names, AMappedNameWinsOverAStrayFieldOfThatName) {
  const auto data =
      contract_mapper().to_platform(kBizoholic, "user", object(R"({"full_name":"stray","name":"Anna Schmidt"})"));
  EXPECT_EQ(data->to_json(), R"({"full_name":"Anna Schmidt"})");
}

TEST(Names, BlocksThatOnlyWeWriteAreDroppedOnTheWayInAndTheTombstoneNeverLeaves) {
  const Mapper mapper = contract_mapper();
  const auto change = mapper.to_canonical(
      kBizosaas, "user",
      object(R"({"_deleted":true,"_platform_context":{"a":1},"_sync_metadata":{},"email":"a@b.c"})"));
  EXPECT_EQ(change->fields.to_json(), R"({"email":"a@b.c"})");
  EXPECT_EQ(mapper.to_platform(kBizoholic, "user", object(R"({"_deleted":true})"))->to_json(), "{}");
  EXPECT_TRUE(mapper.writable(kBizoholic, "user", kDeletedField));
}

TEST(Context, TellsEachPlatformItsOwnBlock) {
  const Mapper mapper = contract_mapper();
  const OutboundContext context{EntityId("e-1"), RecordVersion{3}, kBizoholic, Timestamp{seconds{1'700'000'000}}};
  Fields data;
  mapper.add_context(kCoreldove, "user", "VXNlcjox", context, data);
  EXPECT_EQ(data.to_json(), R"({"_platform_context":{"currency":"INR","entity_id":"e-1","locale":"en-IN",)"
                            R"("timezone":"Asia/Kolkata","version":3},"customer_id":"VXNlcjox"})");
  Fields unified;
  mapper.add_context(kBizosaas, "order", "o1", context, unified);
  EXPECT_EQ(
      unified.to_json(),
      R"({"_sync_metadata":{"entity_id":"e-1","source_platform":"bizoholic","sync_timestamp":"2023-11-14T22:13:20Z",)"
      R"("synced_from":"bizoholic","target_platform":"bizosaas","transformed_at":"2023-11-14T22:13:20Z","version":3},)"
      R"("id":"o1"})");
}

TEST(Context, CanBeReadBackAsCanonicalJson) {
  Fields data;
  contract_mapper().add_context(kBizosaas, "user", "u", {EntityId("\"quoted\"\n"), {}, kCoreldove, {}}, data);
  EXPECT_EQ(parse_json_object(data.to_json()).value(), data);
}

TEST(StatusWords, AreTranslatedForUserProductAndCampaignOnly) {
  const Mapper mapper = contract_mapper();
  for (const char* entity : {"user", "product", "campaign"}) {
    for (const auto& [ours, theirs] :
         {std::pair{"active", "published"}, {"inactive", "draft"}, {"pending", "pending_review"}}) {
      Fields canonical, shop;
      canonical.set("status", Value::string(ours));
      shop.set("status", Value::string(theirs));
      EXPECT_EQ(*mapper.to_platform(kCoreldove, entity, canonical), shop);
      EXPECT_EQ(mapper.to_canonical(kCoreldove, entity, shop)->fields, canonical);
      EXPECT_EQ(*mapper.to_platform(kBizosaas, entity, canonical), canonical);
    }
  }
  const Fields order = object(R"({"order_status":"published"})");
  EXPECT_EQ(mapper.to_canonical(kCoreldove, "order", order)->fields.to_json(), R"({"status":"published"})");
}

TEST(StatusWords, UnknownOnesTravelAsTheyAre) {
  const Mapper mapper = contract_mapper();
  for (const char* status : {"\"archived\"", "null", "3", "\"ACTIVE\""}) {
    Fields data;
    data.set("status", json(status));
    EXPECT_EQ(*mapper.to_platform(kCoreldove, "product", data), data);
    EXPECT_EQ(mapper.to_canonical(kCoreldove, "product", data)->fields, data);
  }
}

TEST(PersonName, SplitsAtTheLastSpaceAndJoinsAgain) {
  const auto split = [](std::string_view name) {
    const PersonName parts = split_name(name);
    return std::string(parts.first) + "|" + std::string(parts.last);
  };
  EXPECT_EQ(split("Anna Schmidt"), "Anna|Schmidt");
  EXPECT_EQ(split("Anna Maria Schmidt"), "Anna Maria|Schmidt");
  EXPECT_EQ(split("Madonna"), "Madonna|");
  EXPECT_EQ(split("  Anna \t Schmidt "), "Anna|Schmidt");
  EXPECT_EQ(split(""), "|");
  EXPECT_EQ(split("   "), "|");
  EXPECT_EQ(split("Ærøskøbing Ünal"), "Ærøskøbing|Ünal");
  EXPECT_EQ(join_name({"Anna", "Schmidt"}), "Anna Schmidt");
  EXPECT_EQ(join_name({"", "Schmidt"}), "Schmidt");
  EXPECT_EQ(join_name({"Anna", " "}), "Anna");
}

TEST(UserNames, GoToCoreldoveInTwoPartsAndComeBackAsOne) {
  const Mapper mapper = contract_mapper();
  for (const auto& [name, first, last] : {std::tuple{"\"Anna Maria Schmidt\"", "\"Anna Maria\"", "\"Schmidt\""},
                                          {"\"Madonna\"", "\"Madonna\"", "\"\""},
                                          {"\"\"", "\"\"", "\"\""},
                                          {"null", "null", "null"}}) {
    Fields canonical, parts;
    canonical.set("name", json(name));
    parts.set("first_name", json(first));
    parts.set("last_name", json(last));
    EXPECT_EQ(*mapper.to_platform(kCoreldove, "user", canonical), parts);
    EXPECT_EQ(mapper.to_canonical(kCoreldove, "user", parts)->fields, canonical);
  }
}

TEST(UserNames, OfSeveralWritingsTheOwnNameWinsThenThePartsThenTheCanonicalName) {
  const Mapper mapper = contract_mapper();
  const auto name = [&](std::string_view data) {
    return mapper.to_canonical(kCoreldove, "user", object(data))->fields.to_json();
  };
  const auto all = R"({"customer_name":"O W","first_name":"F","last_name":"L","name":"C N"})";
  EXPECT_EQ(name(all), R"({"name":"O W"})");
  EXPECT_EQ(name(R"({"first_name":"F","last_name":"L","name":"C N"})"), R"({"name":"F L"})");
  EXPECT_EQ(name(R"({"first_name":"F","name":"C N"})"), R"({"name":"C N"})");
  EXPECT_EQ(name(R"({"first_name":"F","last_name":null})"), R"({"name":"F"})");
}

TEST(UserNames, APartThatIsNoTextIsRefusedWithItsPointer) {
  const auto change =
      contract_mapper().to_canonical(kCoreldove, "user", object(R"({"first_name":["F"],"last_name":"L"})"));
  ASSERT_FALSE(change);
  EXPECT_EQ(change.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(change.error().message, "/data/first_name: must be a string");
}

// A shop that sends only what changed sends the first name alone. Taken for the whole name, it would wipe out the last
// one.
TEST(UserNames, ALonePartReplacesItsHalfOfTheRecordsName) {
  const Mapper mapper = contract_mapper();
  Record record;
  record.at_or_new("name").value = Value::string("Anna Maria Schmidt");
  const auto completed = [&](std::string_view data, const Record* known) {
    auto change = mapper.to_canonical(kCoreldove, "user", object(data)).value();
    EXPECT_EQ(change.lone_parts.size(), 1U);
    EXPECT_TRUE(mapper.complete(kCoreldove, "user", known, change));
    EXPECT_TRUE(change.lone_parts.empty());
    return change.fields.find("name")->text();
  };
  EXPECT_EQ(completed(R"({"first_name":"Eva"})", &record), "\"Eva Schmidt\"");
  EXPECT_EQ(completed(R"({"last_name":"Meyer"})", &record), "\"Anna Maria Meyer\"");
  EXPECT_EQ(completed(R"({"last_name":null})", &record), "\"Anna Maria\"");
  EXPECT_EQ(completed(R"({"first_name":"Eva"})", nullptr), "\"Eva\"");
}

TEST(CreateDefaults, GiveALeadItsSourceWhereItHasNone) {
  const Mapper mapper = contract_mapper();
  for (const char* data : {"{}", R"({"source":null})", R"({"source":""})"}) {
    Fields fields = object(data);
    mapper.add_create_defaults("lead", fields);
    EXPECT_EQ(fields.to_json(), R"({"source":"cross_platform_sync"})");
  }
  Fields own = object(R"({"source":"fair"})");
  mapper.add_create_defaults("lead", own);
  EXPECT_EQ(own.to_json(), R"({"source":"fair"})");
  Fields user;
  mapper.add_create_defaults("user", user);
  EXPECT_TRUE(user.empty());
}

TEST(NaturalKeys, AreComparedTrimmedAndInSmallLetters) {
  const Mapper mapper = contract_mapper();
  EXPECT_EQ(mapper.natural_keys("user"), std::vector<std::string>{"email"});
  EXPECT_TRUE(mapper.natural_keys("lead").empty());
  EXPECT_TRUE(mapper.natural_keys("nonesuch").empty());
  EXPECT_EQ(mapper.normalised_key("user", "email", json("\"  Anna@Example.COM \"")), "anna@example.com");
  EXPECT_EQ(mapper.normalised_key("product", "sku", json("4711")), "4711");
  for (const char* nothing : {"\"\"", "\"  \"", "null", "true", "[\"a\"]"}) {
    EXPECT_EQ(mapper.normalised_key("user", "email", json(nothing)), std::nullopt) << nothing;
  }
}

TEST(Mapper, SaysWhatAPlatformCannotWrite) {
  Mapping mapping = contract_mapping();
  mapping.platforms[kBizoholic].entities["lead"].readonly = {"score"};
  const Mapper mapper(std::move(mapping), contract_rates());
  EXPECT_FALSE(mapper.writable(kBizoholic, "lead", "score"));
  EXPECT_TRUE(mapper.writable(kBizoholic, "lead", "anything else"));
  EXPECT_FALSE(mapper.writable(kCoreldove, "order", "status"));
  EXPECT_FALSE(mapper.writable(kCoreldove, "order", "nobody named it"));
  EXPECT_TRUE(mapper.writable(kCoreldove, "order", "customer_email"));
  EXPECT_FALSE(mapper.writable(kCoreldove, "order", "items"));
  EXPECT_TRUE(mapper.writable(kCoreldove, "order", "items", Verb::kCreated));
  EXPECT_TRUE(mapper.writable(kCoreldove, "order", kDeletedField));
  EXPECT_TRUE(mapper.writable(kBizoholic, "order", "status"));
}

}  // namespace
}  // namespace datasync::transform
