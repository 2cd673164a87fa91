#include "delivery/connectors/variables_template.h"

#include <gtest/gtest.h>

#include "delivery/connectors/connector_test_support.h"

namespace datasync::delivery {
namespace {

Result<std::string> fill(std::string_view text, const Change& change) {
  const auto made = VariablesTemplate::parse(test::json(text));
  if (!made) return fail(made.error());
  const auto variables = made->fill(change);
  if (!variables) return fail(variables.error());
  return variables->to_json();
}

Change product(std::string_view data) {
  Change change = test::change_of("product", Verb::kUpdated, data, "coreldove");
  change.known_ids = {{"", "P:1"}, {"variant", "V:old"}, {"variant", "V:1"}};
  return change;
}

TEST(VariablesTemplate, TakesValuesFromEverySource) {
  const Change change = product(R"({"name":"Lamp","address":{"city":"Pune"},"gone":null})");
  EXPECT_EQ(
      *fill(R"({"a":"$data.name","b":"$data/address/city","c":"$data.gone","d":"$id","e":"$id.variant","f":"$entity_id",
                      "g":"$tenant_id","h":"$user_id","i":"$event_id","j":"$event_type","k":"$source","l":"$version",
                      "m":"$$name","n":[1,"x"],"o":{}})",
            change),
      R"({"a":"Lamp","b":"Pune","c":null,"d":"P:1","e":"V:1","f":"canonical-1","g":"tenant123","h":"u-7",)"
      R"("i":"0190-event","j":"product_updated","k":"bizosaas","l":4,"m":"$name","n":[1,"x"],"o":{}})");
}

TEST(VariablesTemplate, LeavesOutWhatHasNoValue) {
  const Change change = product(R"({"name":"Lamp"})");
  EXPECT_EQ(
      *fill(R"({"id":"$id.none","input":{"name":"$data.name","note":"$data.note","tags":["$data.tag"]}})", change),
      R"({"input":{"name":"Lamp"}})");
}

TEST(VariablesTemplate, ANeededReferenceTakesItsObjectWithIt) {
  const char* text =
      R"({"stocks":[{"warehouse":"W","quantity":"$data.stock!"}],"input":{"metadata":[{"key":"phone","value":"$data.phone!"}]}})";
  EXPECT_EQ(*fill(text, product(R"({"stock":5,"phone":"1"})")),
            R"({"input":{"metadata":[{"key":"phone","value":"1"}]},"stocks":[{"quantity":5,"warehouse":"W"}]})");
  EXPECT_EQ(*fill(text, product("{}")), R"({"input":{}})") << "a list that loses all its elements goes, too";
  const auto refused = fill(R"({"input":{"price":"$data.price!"}})", product("{}"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(refused.error().message, "$input needs price, which has no value");
}

TEST(VariablesTemplate, AddressesARecordByOneOfTwoNamesAndNeverByBoth) {
  const char* text = R"({"id":"$id","externalReference":{"$from":"$entity_id","$unless":"$id"}})";
  Change change = product("{}");
  EXPECT_EQ(*fill(text, change), R"({"id":"P:1"})");
  change.known_ids.clear();
  EXPECT_EQ(*fill(text, change), R"({"externalReference":"canonical-1"})");
}

TEST(VariablesTemplate, TurnsWordsAndFallsBackWhereThereIsNone) {
  const char* text = R"({"on":{"$from":"$data.status","$words":{"published":true,"draft":false},"$else":true}})";
  EXPECT_EQ(*fill(text, product(R"({"status":"draft"})")), R"({"on":false})");
  EXPECT_EQ(*fill(text, product(R"({"status":"unheard of"})")), R"({"on":true})");
  EXPECT_EQ(*fill(text, product("{}")), R"({"on":true})");
}

TEST(VariablesTemplate, WritesRichTextAsJsonWithinAString) {
  const char* text =
      R"({"d":{"$from":{"blocks":{"$from":"$data.text!","$split":"\n","$each":{"type":"paragraph","data":{"text":"$item"}}}},"$as":"json"}})";
  EXPECT_EQ(
      *fill(text, product(R"({"text":"Warm.\n\"Soft\"."})")),
      R"({"d":"{\"blocks\":[{\"data\":{\"text\":\"Warm.\"},\"type\":\"paragraph\"},{\"data\":{\"text\":\"\\\"Soft\\\".\"},\"type\":\"paragraph\"}]}"})");
}

TEST(VariablesTemplate, MakesEachElementOfAnArrayAnew) {
  const char* text =
      R"({"lines":{"$from":"$data.items","$each":{"variantId":"$item.variant!","quantity":"$item/q/0","ref":"$entity_id"}}})";
  EXPECT_EQ(*fill(text, product(R"({"items":[{"variant":"a","q":[2]},{"q":[3]},{"variant":"c"}]})")),
            R"({"lines":[{"quantity":2,"ref":"canonical-1","variantId":"a"},{"ref":"canonical-1","variantId":"c"}]})");
  EXPECT_EQ(*fill(text, product(R"({"items":[]})")), "{}");
  EXPECT_FALSE(fill(text, product(R"({"items":"none"})")));
}

TEST(VariablesTemplate, WritesNumbersAsTextWhereThePlatformWantsText) {
  EXPECT_EQ(*fill(R"({"v":{"$from":"$data.n","$as":"string"}})", product(R"({"n":19.90})")), R"({"v":"19.9"})");
  EXPECT_EQ(*fill(R"({"v":{"$from":"$data.n","$as":"string"}})", product(R"({"n":null})")), R"({"v":null})");
}

TEST(VariablesTemplate, RefusesWhatIsNoTemplate) {
  for (const char* text : {"[]", R"({"a":"$"})", R"({"a":"$nothing"})", R"({"a":"$data"})", R"({"a":"$data."})",
                           R"({"a":"$entity_id.x"})", R"({"a":{"$from":"$id","$as":"number"}})",
                           R"({"a":{"$from":"$id","$words":1}})", R"({"a":{"$from":"$id","x":1}})",
                           R"({"a":{"b":["$what"]}})", R"({"a":"$data/~x"})", R"({"a":{"$from":"$id","$split":""}})"}) {
    EXPECT_FALSE(fill(text, product("{}"))) << text;
  }
}

}  // namespace
}  // namespace datasync::delivery
