#include "delivery/connectors/graphql_document.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace datasync::delivery {
namespace {

constexpr const char* kUserUpdate = R"(
# Exactly one of $id and $externalReference is sent.
mutation UserUpdate($id: ID, $externalReference: String, $input: CustomerInput! = {note: "$no"}, $all: [ID!]!) {
  done: customerUpdate(id: $id, externalReference: $externalReference, input: $input, list: [$all "a" "b" 1 2], text: """block $no "x" """) @include(if: true) {
    user { id ...on User { email } }   # the $comment goes
    errors { field, message, code }
  }
})";

TEST(GraphqlDocument, KnowsItsOperationItsFieldAndItsVariables) {
  const auto document = GraphqlDocument::parse(kUserUpdate);
  ASSERT_TRUE(document) << document.error().message;
  EXPECT_EQ(document->operation(), GraphqlDocument::Operation::kMutation);
  EXPECT_EQ(document->name(), "UserUpdate");
  EXPECT_EQ(document->field(), "customerUpdate");
  EXPECT_EQ(document->response_key(), "done");
  ASSERT_EQ(document->variables().size(), 4U);
  EXPECT_FALSE(document->variables()[0].required);
  EXPECT_EQ(document->variables()[2].name, "input");
  EXPECT_FALSE(document->variables()[2].required) << "it has a default";
  EXPECT_TRUE(document->variables()[3].required);
}

TEST(GraphqlDocument, IsWrittenWithoutCommentsAndNeedlessSpace) {
  EXPECT_EQ(GraphqlDocument::parse(kUserUpdate)->text(),
            R"(mutation UserUpdate($id:ID,$externalReference:String,$input:CustomerInput!={note:"$no"},$all:[ID!]!){)"
            R"(done:customerUpdate(id:$id externalReference:$externalReference input:$input list:[$all "a" "b" 1 2])"
            R"(text:"""block $no "x" """)@include(if:true){user{id ...on User{email}}errors{field message code}}})");
}

TEST(GraphqlDocument, WritesNothingThatItDoesNotReadBackAlike) {
  const std::string text = GraphqlDocument::parse(kUserUpdate)->text();
  EXPECT_EQ(GraphqlDocument::parse(text)->text(), text);
}

TEST(GraphqlDocument, GetsAnAliasAndASuffixForEachVariableAndLeavesStringsAlone) {
  const auto document = GraphqlDocument::parse(kUserUpdate);
  std::string definitions;
  document->append_definitions(definitions, "_3");
  EXPECT_EQ(definitions, R"($id_3:ID,$externalReference_3:String,$input_3:CustomerInput!={note:"$no"},$all_3:[ID!]!)");
  std::string field;
  document->append_field(field, "c3", "_3");
  EXPECT_EQ(
      field,
      R"(c3:customerUpdate(id:$id_3 externalReference:$externalReference_3 input:$input_3 list:[$all_3 "a" "b" 1 2])"
      R"(text:"""block $no "x" """)@include(if:true){user{id ...on User{email}}errors{field message code}})");
}

TEST(GraphqlDocument, RefusesWhatCouldNotShareARequest) {
  for (const char* text : {"",
                           "   # nothing",
                           "{ user { id } }",
                           "subscription S { a }",
                           "mutation { a }",
                           "mutation M { a b }",
                           "mutation M { a } mutation N { b }",
                           "mutation M { ...F }",
                           "mutation M { a } fragment F on X { id }",
                           "mutation M @live { a }",
                           "mutation M($a: ID) @live { a }",
                           "mutation M { a(x: $b) }",
                           "mutation M($a: ID, $a: ID) { a }",
                           "mutation M($a) { a }",
                           "mutation M($a: ID { a }",
                           "mutation M { a(x: 1 }",
                           "mutation M { a { b }",
                           "mutation M { a } }",
                           "mutation M { a(x: \"open) }",
                           "mutation M { a(x: \"\"\"open) }",
                           "mutation M { a ; }",
                           "mutation M($a: ID = $b) { a }",
                           "mutation M($a: ) ID) { a }",
                           "query Q"}) {
    const auto document = GraphqlDocument::parse(text);
    EXPECT_FALSE(document) << text;
  }
  EXPECT_FALSE(GraphqlDocument::parse("mutation M { a" + std::string(70'000, ' ') + "}"));
  EXPECT_FALSE(GraphqlDocument::parse("mutation M { a" + std::string(100, '{') + std::string(100, '}') + "}"));
}

/// Goal: no text crashes the reader, and what it takes it can write so that it reads it alike. Method: a good document
/// with random bytes changed, cut or doubled.
TEST(GraphqlDocument, SurvivesAnyDamage) {
  const std::string good = kUserUpdate;
  for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
    const auto random = make_seeded_random(seed);
    std::string text = good;
    for (std::uint64_t i = 0; i < 1 + random->next() % 5; ++i) {
      const std::size_t at = random->next() % text.size();
      switch (random->next() % 3) {
        case 0:
          text[at] = static_cast<char>(random->next());
          break;
        case 1:
          text.erase(at, 1 + random->next() % 9);
          break;
        default:
          text.insert(at, text.substr(random->next() % text.size(), 7));
          break;
      }
      if (text.empty()) text = "x";
    }
    const auto document = GraphqlDocument::parse(text);
    if (!document) continue;
    const auto again = GraphqlDocument::parse(document->text());
    ASSERT_TRUE(again) << "seed " << seed << ": " << document->text();
    ASSERT_EQ(again->text(), document->text()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace datasync::delivery
