#include "app/proposal.h"

#include <gtest/gtest.h>

#include "app/platform_config.h"
#include "domain/json.h"

namespace datasync::app {
namespace {

ConfigNode tree(std::string_view json) {
  return from_json_value(parse_json(json).value());
}

std::vector<ConfigFault> faults_of(const ConfigNode& proposal) {
  std::vector<ConfigFault> faults;
  PlatformConfigInput input;
  input.shipped = shipped_files();
  input.proposal = &proposal;
  input.faults = &faults;
  const auto config = load_platform_config(input);
  EXPECT_EQ(config.has_value(), faults.empty());
  return faults;
}

TEST(Proposal, APointerLeadsToWhatIsWrittenThere) {
  const ConfigNode proposal = tree(R"({"conflict_rules":{"user":{"fields":{"a.b":{"strategy":"x"},"c/d~":"x"}}}})");
  EXPECT_EQ(pointer_to(proposal, "conflict_rules.user.fields.a.b.strategy"),
            "/conflict_rules/user/fields/a.b/strategy");
  EXPECT_EQ(pointer_to(proposal, "conflict_rules.user.fields.c/d~"), "/conflict_rules/user/fields/c~1d~0");
  EXPECT_EQ(pointer_to(proposal, "conflict_rules.user.priority"), "/conflict_rules/user");
  EXPECT_EQ(pointer_to(proposal, ""), "");
}

TEST(Proposal, JsonSaysWhatTheSameYamlSays) {
  const auto json = tree(R"({"conflict_rules":{"user":{"priority":["bizosaas"],"fields":{"name":"source_wins"}}}})");
  const auto yaml = parse_yaml("conflict_rules: {user: {priority: [bizosaas], fields: {name: source_wins}}}", "a");
  ASSERT_TRUE(yaml.has_value());
  EXPECT_EQ(to_json_value(json).value(), to_json_value(*yaml).value());
  EXPECT_TRUE(faults_of(json).empty());
}

/// An alias costs two characters and stands for a text of any length: 128 KiB came to two gigabytes.
TEST(Proposal, ATextThatStandsForManyIsTooLarge) {
  std::string yaml = "x: &a \"" + std::string(60'000, 'y') + "\"\nrates: [*a";
  for (int i = 0; i < 10; ++i) yaml += ", *a";
  EXPECT_TRUE(parse_yaml(yaml + "]", "a").has_value());
  for (int i = 0; i < 1'000; ++i) yaml += ", *a";
  const auto refused = parse_yaml(yaml + "]", "a");
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("too large"), std::string::npos) << refused.error().message;
  std::string names = "x: &a " + std::string(60'000, 'y') + "\nrates: [{*a : 1}";
  for (int i = 0; i < 1'000; ++i) names += ", {*a : 1}";
  EXPECT_FALSE(parse_yaml(names + "]", "a").has_value());
}

TEST(Proposal, EachFaultIsToldByItself) {
  const auto faults = faults_of(tree(R"({"conflict_rules":{"user":{"fields":{"name":"x","email":"y"}}}})"));
  ASSERT_EQ(faults.size(), 2U);
  EXPECT_EQ(faults[0].path, "conflict_rules.user.fields.email");  // JSON's members are sorted
  EXPECT_EQ(faults[1].path, "conflict_rules.user.fields.name");
}

TEST(Proposal, ItNamesNoAddressAndReadsNoVariable) {
  const auto faults = faults_of(tree(
      R"({"platforms":{"bizosaas":{"connection":{"address":"http://x"},"locale":"${HOME}"},"new":{"connection":{}}}})"));
  ASSERT_EQ(faults.size(), 3U);
  EXPECT_EQ(faults[0].path, "platforms.bizosaas.locale");
  EXPECT_EQ(faults[1].path, "platforms.bizosaas.connection");
  EXPECT_EQ(faults[2].path, "platforms.new.connection");
}

TEST(Proposal, ARuleMayStandInTheProposal) {
  const auto rule = [](std::string_view text) {
    ConfigNode proposal = tree(
        R"({"conflict_rules":{"user":{"fields":{"name":{"strategy":"custom_logic","script":"mine.lua"}}}},"scripts":{}})");
    proposal.find("scripts")->members.emplace_back(
        "mine.lua", ConfigNode{.kind = ConfigNode::Kind::kScalar, .text = std::string(text)});
    return faults_of(proposal);
  };
  EXPECT_TRUE(rule("function resolve(c) return 'golden' end").empty());
  const auto faults = rule("function resolve(c) return");
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(faults[0].path, "conflict_rules.user.fields.name.script");
  EXPECT_NE(faults[0].message.find("mine.lua:1: "), std::string::npos);
}

}  // namespace
}  // namespace datasync::app
