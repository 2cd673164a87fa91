#include "cli/command_line.h"

#include <algorithm>
#include <sstream>

#include "cli/test_support.h"

namespace datasync::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class CommandLineTest : public testing::CliTest {};

/// The words of a line as a shell would split them; what follows a redirection is left out.
std::vector<std::string> shell_words(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false, any = false;
  for (const char c : line + " ") {
    if (c == '\'') {
      quoted = !quoted;
      any = true;
    } else if (c == ' ' && !quoted) {
      if (any || !word.empty()) words.push_back(std::exchange(word, {}));
      any = false;
    } else {
      word += c;
    }
  }
  words.erase(std::find(words.begin(), words.end(), ">"), words.end());
  words.erase(words.begin());  // data-sync
  return words;
}

TEST_F(CommandLineTest, TheHelpNamesEveryCommandWithOneLineAboutIt) {
  const auto commands = make_commands(callbacks);
  const auto help = top_help(commands, callbacks);
  for (const auto& command : commands) {
    EXPECT_THAT(help, HasSubstr("\n  " + command->name() + " ")) << "in its list";
    EXPECT_THAT(help, HasSubstr("  " + command->summary() + "\n"));
  }
}

TEST_F(CommandLineTest, TheHelpTeachesSettingsEnvironmentExamplesAndExitCodes) {
  callbacks.settings_help = "  PORT  of the API [8025]\n";
  EXPECT_EQ(run({"--help"}), kExitOk);
  EXPECT_THAT(out.str(),
              AllOf(HasSubstr("  PORT  of the API [8025]\n"), HasSubstr("DATA_SYNC_TOKEN"), HasSubstr("Examples:"),
                    HasSubstr("Exit codes: 0 done, 1 failed (`rules test`: something differs), 2 wrong")));
}

TEST_F(CommandLineTest, EachExampleParsesAsItsOwnCommand) {
  for (const auto& command : make_commands(callbacks)) {
    for (const auto& example : command->examples()) {
      const auto commands = make_commands(callbacks);
      const auto parsed = parse_command_line(commands, shell_words(example.line), callbacks);
      ASSERT_NE(parsed.command, nullptr) << example.line << "\n" << parsed.text;
      EXPECT_EQ(parsed.command->name(), command->name()) << example.line;
    }
  }
}

TEST_F(CommandLineTest, EachExampleOfTheTopHelpParses) {
  auto help = top_help(make_commands(callbacks), callbacks);
  for (auto at = help.find("\\\n"); at != std::string::npos; at = help.find("\\\n")) help.replace(at, 2, "");
  std::istringstream lines(help.substr(help.find("Examples:")));
  int examples = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("  data-sync ")) continue;
    const auto commands = make_commands(callbacks);
    const auto parsed = parse_command_line(commands, shell_words(line.substr(2)), callbacks);
    EXPECT_NE(parsed.command, nullptr) << line << "\n" << parsed.text;
    ++examples;
  }
  EXPECT_GE(examples, 4);
}

TEST_F(CommandLineTest, EachCommandHasAHelpWithItsExamples) {
  for (const auto& command : make_commands(callbacks)) {
    auto words = shell_words("data-sync " + command->name());
    words.emplace_back("--help");
    EXPECT_EQ(run(words), kExitOk) << command->name();
    EXPECT_THAT(out.str(),
                AllOf(HasSubstr(command->summary()), HasSubstr("Usage: data-sync " + command->name() + " [OPTIONS]")));
    for (const auto& example : command->examples()) EXPECT_THAT(out.str(), HasSubstr(example.line));
  }
}

TEST_F(CommandLineTest, AnUnknownCommandIsAUsageErrorThatNamesTheKnownOnes) {
  EXPECT_EQ(run({"snd"}), kExitUsage);
  EXPECT_THAT(err.str(), AllOf(HasSubstr("there is no command `snd`"), HasSubstr("serve, config check")));
  EXPECT_EQ(run({"events", "delete"}), kExitUsage);
  EXPECT_THAT(err.str(), HasSubstr("there is no command `events delete`; there are events list, events show"));
  EXPECT_EQ(run({"events"}), kExitUsage);
  EXPECT_THAT(err.str(), HasSubstr("`events` is a group; there are events list, events show, events retry"));
}

TEST_F(CommandLineTest, WrongOptionsAreUsageErrorsThatPointToTheHelpOfTheCommand) {
  for (const auto& words : std::vector<std::vector<std::string>>{{"serve", "--prot", "1"},
                                                                 {"events", "list", "--limit", "0"},
                                                                 {"events", "list", "--limit", "many"},
                                                                 {"events", "show"},
                                                                 {"send", "--priority", "11"},
                                                                 {"events"},
                                                                 {"--nonsense"}}) {
    EXPECT_EQ(run(words), kExitUsage) << words.front();
    EXPECT_THAT(err.str(), HasSubstr("--help` tells more"));
  }
  run({"events", "show"});
  EXPECT_THAT(err.str(), HasSubstr("`data-sync events show --help`"));
}

TEST_F(CommandLineTest, WithoutAWordTheHelpComesAsAnError) {
  EXPECT_EQ(run({}), kExitUsage);
  EXPECT_THAT(err.str(), HasSubstr("Usage: data-sync COMMAND"));
}

TEST_F(CommandLineTest, TheVersionIsTold) {
  callbacks.version = "1.2.3";
  EXPECT_EQ(run({"--version"}), kExitOk);
  EXPECT_EQ(out.str(), "data-sync 1.2.3\n");
}

TEST_F(CommandLineTest, TheBinarysOwnCommandsAreCalledWithTheirOptions) {
  callbacks.serve = [](const ServeOptions& options) { return options.config_file == "a.yaml" ? 41 : -1; };
  callbacks.config_check = [](const ConfigCheckOptions& options) { return options.config_file == "b.yaml" ? 42 : -1; };
  callbacks.config_docs = [] { return 43; };
  callbacks.migrate = [](const MigrateOptions& options) {
    return options.status_only ? 44 : options.to == 3 ? 51 : 45;
  };
  callbacks.backup = [](const BackupOptions& options) { return options.file == "monday.db" ? 46 : -1; };
  callbacks.restore = [](const RestoreOptions& options) { return options.replace ? 47 : 48; };
  callbacks.export_contents = [](const ExportOptions& options) { return options.file == "all.ndjson" ? 49 : -1; };
  callbacks.import_contents = [](const ImportOptions& options) { return options.file.empty() ? 50 : -1; };
  EXPECT_EQ(run({"serve", "--config", "a.yaml"}), 41);
  EXPECT_EQ(run({"config", "check", "-c", "b.yaml"}), 42);
  EXPECT_EQ(run({"config", "docs"}), 43);
  EXPECT_EQ(run({"migrate", "--status"}), 44);
  EXPECT_EQ(run({"migrate"}), 45);
  EXPECT_EQ(run({"migrate", "--to", "3"}), 51);
  EXPECT_EQ(run({"backup", "monday.db"}), 46);
  EXPECT_EQ(run({"restore", "--replace", "monday.db"}), 47);
  EXPECT_EQ(run({"restore", "monday.db"}), 48);
  EXPECT_EQ(run({"export", "all.ndjson"}), 49);
  EXPECT_EQ(run({"import"}), 50);
}

}  // namespace
}  // namespace datasync::cli
