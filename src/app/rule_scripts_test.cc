#include "app/rule_scripts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "app/catalog_factory.h"
#include "app/platform_config.h"

namespace datasync::app {
namespace {

using testing::HasSubstr;
using testing::Not;
using Files = std::map<std::string, std::string>;

constexpr const char* kGolden = "function resolve(conflict) return 'golden' end";

Result<PlatformConfig> load(std::string yaml, Files files = {}) {
  PlatformConfigInput input;
  input.shipped = shipped_files();
  input.user_text = std::move(yaml);
  input.read_rule = [files = std::move(files)](std::string_view name) {
    const auto at = files.find(std::string(name));
    return at == files.end() ? std::nullopt : std::optional(at->second);
  };
  return load_platform_config(input);
}

std::string problems(std::string yaml, Files files = {}) {
  const auto config = load(std::move(yaml), std::move(files));
  return config ? "none" : config.error().message;
}

std::string field_rule(const std::string& rule) {
  return "conflict_rules:\n  lead:\n    fields:\n      budget: " + rule + "\n";
}

// ---- what is taken

TEST(RuleScripts, ShipWithTheRulesOfTheContract) {
  const auto config = load("");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->rulebooks.at("lead").fields.at("score").strategy->name(), "custom_logic");
  EXPECT_EQ(config->rulebooks.at("product").fields.at("inventory").strategy->name(), "custom_logic");
}

TEST(RuleScripts, SettleAnyFieldThatNamesThem) {
  const auto config = load(field_rule("{strategy: custom_logic, script: inventory, critical: true}"));
  ASSERT_TRUE(config) << config.error().message;
  const conflict::FieldRule& rule = config->rulebooks.at("lead").fields.at("budget");
  EXPECT_TRUE(rule.critical);
  EXPECT_EQ(rule.strategy, config->rulebooks.at("product").fields.at("inventory").strategy)
      << "one script, compiled once";
}

TEST(RuleScripts, MayBeTheUsersOwnFiles) {
  for (const char* path : {"mine.lua", "rules/mine.lua", "./rules/../mine.lua"}) {
    const auto config =
        load(field_rule("{strategy: custom_logic, script: " + std::string(path) + "}"), {{path, kGolden}});
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->rulebooks.at("lead").fields.at("budget").strategy->name(), "custom_logic");
  }
}

TEST(RuleScripts, GiveWayToAnotherStrategy) {
  for (const char* rule : {"latest_wins", "{strategy: latest_wins}"}) {
    const auto config = load("conflict_rules: {lead: {fields: {score: " + std::string(rule) + "}}}");
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->rulebooks.at("lead").fields.at("score").strategy->name(), "latest_wins");
  }
}

// ---- what is wrong is told with its place and the way out

TEST(RuleScripts, AreNeededByCustomLogic) {
  const std::string reason = "needs a rule: {strategy: custom_logic, script: name}, shipped or yours (name.lua)";
  EXPECT_EQ(problems(field_rule("custom_logic")), "config.yaml:4: conflict_rules.lead.fields.budget: " + reason);
  EXPECT_EQ(problems(field_rule("{strategy: custom_logic}")),
            "config.yaml:4: conflict_rules.lead.fields.budget.strategy: " + reason);
}

TEST(RuleScripts, AreOfUseToCustomLogicOnly) {
  EXPECT_EQ(problems(field_rule("{script: inventory}")),
            "config.yaml:4: conflict_rules.lead.fields.budget.script: stands without `strategy: custom_logic`");
}

TEST(RuleScripts, ThatThereAreNotAreRefused) {
  const std::string at = "config.yaml:4: conflict_rules.lead.fields.budget.script: ";
  EXPECT_EQ(problems(field_rule("{strategy: custom_logic, script: lead_scor}")),
            at + "names a rule that does not ship; did you mean `lead_score`?; your own is a file that ends in .lua");
  EXPECT_EQ(problems(field_rule("{strategy: custom_logic, script: mine.lua}")),
            at + "names a file that there is not beside the configuration");
  EXPECT_EQ(problems(field_rule("{strategy: custom_logic, script: [mine.lua]}")), at + "must be one word or text");
}

TEST(RuleScripts, StayInTheFolderOfTheConfiguration) {
  for (const char* path : {"../mine.lua", "/etc/mine.lua", "rules/../../mine.lua", "\"a\\0/../../b.lua\""}) {
    EXPECT_EQ(problems(field_rule("{strategy: custom_logic, script: " + std::string(path) + "}"), {{path, kGolden}}),
              "config.yaml:4: conflict_rules.lead.fields.budget.script: must be a file in the folder of the "
              "configuration or below")
        << path;
  }
}

TEST(RuleScripts, WithAMistakeAreRefusedWithFileLineAndReason) {
  const auto told = [](const char* text) {
    return problems(field_rule("{strategy: custom_logic, script: rules/mine.lua}"), {{"rules/mine.lua", text}});
  };
  const std::string at = "config.yaml:4: conflict_rules.lead.fields.budget.script: ";
  EXPECT_EQ(told("function resolve(c)\n  if c return 1 end\nend"),
            at + "rules/mine.lua:2: 'then' expected near 'return'");
  EXPECT_EQ(told("function settle(c) end"), at + "rules/mine.lua:1: defines no function `resolve`");
  EXPECT_EQ(told("local f = io.open('x')"), at + "rules/mine.lua:1: attempt to index a nil value (global 'io')");
  EXPECT_EQ(told("\nwhile true do end"), at + "rules/mine.lua:2: took more than 100000 steps");
  EXPECT_EQ(told(std::string(70'000, ' ').c_str()),
            at + "rules/mine.lua:1: longer than 64 KiB, the most that a script may be");
}

/// What the documents show to be copied can be.
TEST(RuleScripts, OfTheDocumentsAreTaken) {
  std::ifstream file(std::string(DATASYNC_SOURCE_DIR) + "/config/rules/README.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  int examples = 0;
  for (auto begin = text.find("```lua\n"); begin != std::string::npos; begin = text.find("```lua\n", begin)) {
    begin += 7;
    const std::string example = text.substr(begin, text.find("```", begin) - begin);
    EXPECT_EQ(problems(field_rule("{strategy: custom_logic, script: example.lua}"), {{"example.lua", example}}),
              "none");
    ++examples;
  }
  EXPECT_GT(examples, 0);
}

// ---- files

class RuleFiles : public testing::Test {
 protected:
  RuleFiles() {
    std::string name = (std::filesystem::temp_directory_path() / "data-sync-rules-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    std::filesystem::create_directories(folder_ / "config/rules");
  }
  ~RuleFiles() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& path, std::string_view text) { std::ofstream(folder_ / path) << text; }

  std::string catalog(const std::string& script) {
    write("config/data-sync.yaml", field_rule("{strategy: custom_logic, script: " + script + "}"));
    SettingSources sources;
    sources.config_file = (folder_ / "config/data-sync.yaml").string();
    const auto settings = load_settings(sources);
    if (!settings) return settings.error().message;
    const auto made = make_catalog(*settings);
    return made ? "taken" : made.error().message;
  }

  std::filesystem::path folder_;
};

TEST_F(RuleFiles, AreReadBesideTheConfiguration) {
  write("config/mine.lua", kGolden);
  write("config/rules/other.lua", kGolden);
  EXPECT_EQ(catalog("mine.lua"), "taken");
  EXPECT_EQ(catalog("rules/other.lua"), "taken");
  EXPECT_THAT(catalog("none.lua"), HasSubstr("names a file that there is not"));
}

TEST_F(RuleFiles, LeadOutOfTheFolderByNoLink) {
  write("outside.lua", kGolden);
  std::filesystem::create_symlink(folder_ / "outside.lua", folder_ / "config/link.lua");
  std::filesystem::create_symlink(folder_, folder_ / "config/up");
  EXPECT_THAT(catalog("link.lua"), HasSubstr("names a file that there is not"));
  EXPECT_THAT(catalog("up/outside.lua"), HasSubstr("names a file that there is not"));
  write("config/mine.lua", kGolden);
  std::filesystem::create_symlink("mine.lua", folder_ / "config/inside.lua");
  EXPECT_EQ(catalog("inside.lua"), "taken");
}

TEST_F(RuleFiles, AreFilesAndNotTooLong) {
  std::filesystem::create_directory(folder_ / "config/folder.lua");
  EXPECT_THAT(catalog("folder.lua"), HasSubstr("names a file that there is not"));
  write("config/long.lua", std::string(70'000, '-'));
  EXPECT_THAT(catalog("long.lua"), HasSubstr("long.lua:1: longer than 64 KiB"));
}

}  // namespace
}  // namespace datasync::app
