#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "transform/contract_mapping_for_tests.h"

// A value that a platform was given must come back as no change, or it would circulate for ever.
namespace datasync::transform {
namespace {

const std::vector<PlatformId> kPlatforms{kBizoholic, kCoreldove, kBizosaas};

TEST(HeldHash, IsEqualForValuesThatThePlatformWritesAlike) {
  const Mapper mapper = contract_mapper();
  const auto alike = [&](const PlatformId& platform, const char* entity, const char* field, const char* a,
                         const char* b) {
    return mapper.held_hash(platform, entity, field, json(a)) == mapper.held_hash(platform, entity, field, json(b));
  };
  const char* dollars = R"({"amount":"19.99","currency":"USD"})";
  const char* rupees = R"({"amount":"1659.17","currency":"INR"})";
  EXPECT_TRUE(alike(kCoreldove, "product", "price", dollars, rupees));
  EXPECT_TRUE(alike(kBizoholic, "product", "price", dollars, rupees));
  EXPECT_FALSE(alike(kBizosaas, "product", "price", dollars, rupees));
  EXPECT_FALSE(alike(kCoreldove, "product", "price", dollars, R"({"amount":"1659.18","currency":"INR"})"));
  EXPECT_TRUE(alike(kCoreldove, "user", "name", "\" Anna  Schmidt\"", "\"Anna Schmidt\""));
  EXPECT_FALSE(alike(kBizoholic, "user", "name", "\" Anna  Schmidt\"", "\"Anna Schmidt\""));
  EXPECT_TRUE(alike(kCoreldove, "user", "status", "\"active\"", "\"published\""));
  EXPECT_FALSE(alike(kCoreldove, "order", "status", "\"active\"", "\"published\""));
  EXPECT_FALSE(alike(kCoreldove, "user", "name", "null", "\"\""));
  EXPECT_TRUE(alike(kCoreldove, "user", "email", "\"Anna@Example.com\"", "\"anna@example.com\""));
  EXPECT_FALSE(alike(kBizoholic, "user", "email", "\"Anna@Example.com\"", "\"anna@example.com\""));
  EXPECT_TRUE(alike(kCoreldove, "user", "status", "\"pending\"", "\"inactive\""));
  EXPECT_FALSE(alike(kCoreldove, "campaign", "status", "\"pending\"", "\"inactive\""));
  EXPECT_TRUE(alike(kCoreldove, "product", "status", "\"archived\"", "\"inactive\""));
  EXPECT_FALSE(alike(kCoreldove, "product", "status", "\"archived\"", "\"active\""));
  EXPECT_FALSE(alike(kCoreldove, "product", "status", "null", "\"inactive\""));
}

/// One platform sends back what it was given; the record takes it over only if the platform seems to have changed it.
Value echo(const Mapper& mapper, const PlatformId& platform, const Value& golden) {
  Fields canonical;
  canonical.set("price", golden);
  const Fields sent = mapper.to_platform(platform, "product", canonical).value();
  const Fields back = mapper.to_canonical(platform, "product", sent)->fields;
  const Value& incoming = *back.find("price");
  const bool changed = mapper.held_hash(platform, "product", "price", incoming) !=
                       mapper.held_hash(platform, "product", "price", golden);
  return changed ? incoming : golden;
}

TEST(RoundTrip, AThousandThroughEveryPlatformDoNotMoveAnAmount) {
  const Mapper mapper = contract_mapper();
  EXPECT_TRUE(rc::check("amounts stand still", [&mapper] {
    const auto minor = *rc::gen::inRange<std::int64_t>(-1'000'000'000, 1'000'000'000);
    const auto code = *rc::gen::element(std::string("USD"), std::string("INR"), std::string("EUR"));
    const Value original = Money::from_minor(minor, currency(code)).to_value();
    Value golden = original;
    for (int i = 0; i < 30; ++i) golden = echo(mapper, kPlatforms[static_cast<std::size_t>(i) % 3], golden);
    RC_ASSERT(golden == original);
  }));
  Value golden = Money::from_minor(10'000, currency("INR")).to_value();
  const Value original = golden;
  for (std::size_t i = 0; i < 1000; ++i) golden = echo(mapper, kPlatforms[i % 3], golden);
  EXPECT_EQ(golden, original);
}

rc::Gen<std::string> words() {
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
                          "Anna", "de", "la", " ", "  ", "Cruz", "Ünal", "\"", "\\", "\n", "\t", "O'Neill")),
                      [](const std::vector<std::string>& parts) {
                        std::string text;
                        for (const std::string& part : parts) text += part;
                        return text;
                      });
}

Value any_value() {
  switch (*rc::gen::inRange(0, 4)) {
    case 0:
      return {};
    case 1:
      return Value::integer(*rc::gen::arbitrary<int>());
    case 2:
      return Value::boolean(*rc::gen::arbitrary<bool>());
    default:
      return Value::string(*words());
  }
}

Fields any_fields(bool with_money) {
  Fields fields;
  if (*rc::gen::arbitrary<bool>()) fields.set("name", Value::string(*words()));
  if (*rc::gen::arbitrary<bool>()) fields.set("email", any_value());
  if (*rc::gen::arbitrary<bool>()) {
    fields.set("status",
               Value::string(*rc::gen::element<std::string>("active", "draft", "pending", "published", "odd")));
  }
  for (const char* unknown : {"Zeta", "_private", "colour", "x.y/z~"}) {
    if (*rc::gen::arbitrary<bool>()) fields.set(unknown, any_value());
  }
  if (with_money && *rc::gen::arbitrary<bool>()) {
    const auto minor = *rc::gen::inRange<std::int64_t>(-1'000'000'000'000, 1'000'000'000'000);
    fields.set("price",
               Money::from_minor(minor, currency(*rc::gen::element<std::string>("USD", "INR", "EUR"))).to_value());
  }
  return fields;
}

TEST(RoundTrip, WhatAPlatformWasGivenHasTheSameHashWhenItComesBack) {
  const Mapper mapper = contract_mapper();
  EXPECT_TRUE(rc::check("hashes survive the round trip", [&mapper] {
    const PlatformId platform = *rc::gen::elementOf(kPlatforms);
    const std::string entity = *rc::gen::element<std::string>("user", "product", "lead", "tenant", "campaign");
    const Fields fields = any_fields(entity == "product");
    const auto sent = mapper.to_platform(platform, entity, fields);
    RC_ASSERT(sent.has_value());
    const auto back = mapper.to_canonical(platform, entity, *sent);
    RC_ASSERT(back.has_value());
    RC_ASSERT(back->fields.size() == fields.size());
    RC_ASSERT(back->lone_parts.empty());
    for (const Field& field : fields) {
      const Value* value = back->fields.find(field.name);
      RC_ASSERT(value != nullptr);
      RC_ASSERT(mapper.held_hash(platform, entity, field.name, *value) ==
                mapper.held_hash(platform, entity, field.name, field.value));
    }
  }));
}

TEST(RoundTrip, WritesOnlyCanonicalJson) {
  const Mapper mapper = contract_mapper();
  EXPECT_TRUE(rc::check("all that goes out reads back as it was written", [&mapper] {
    const PlatformId platform = *rc::gen::elementOf(kPlatforms);
    Fields data = mapper.to_platform(platform, "product", any_fields(true)).value();
    mapper.add_context(platform, "product", *words(), {EntityId(*words()), RecordVersion{1}, kBizosaas, {}}, data);
    RC_ASSERT(parse_json_object(data.to_json()).value() == data);
  }));
}

}  // namespace
}  // namespace datasync::transform
