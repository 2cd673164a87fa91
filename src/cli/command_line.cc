#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

namespace datasync::cli {
namespace {

/// Puts what a command declares into CLI11.
class Cli11Options final : public Options {
 public:
  explicit Cli11Options(CLI::App& app) : app_(app) {}

  void text(const std::string& names, std::string& out, const std::string& help) override {
    app_.add_option(names, out, help)->type_name("TEXT");
  }
  void texts(const std::string& names, std::vector<std::string>& out, const std::string& help) override {
    app_.add_option(names, out, help)->type_name("TEXT")->delimiter(',')->allow_extra_args(false)->take_all();
  }
  void integer(const std::string& names, std::optional<std::int64_t>& out, std::int64_t min, std::int64_t max,
               const std::string& help) override {
    app_.add_option(names, out, help)->type_name("NUMBER")->check(CLI::Range(min, max).description(""));
  }
  void flag(const std::string& names, bool& out, const std::string& help) override { app_.add_flag(names, out, help); }
  void positional(const std::string& name, std::string& out, bool required, const std::string& help) override {
    app_.add_option(name, out, help)->type_name("")->required(required);
  }
  void positionals(const std::string& name, std::vector<std::string>& out, bool required,
                   const std::string& help) override {
    app_.add_option(name, out, help)->type_name("")->required(required);
  }

 private:
  CLI::App& app_;
};

std::string examples_text(const std::vector<Example>& examples) {
  std::string text;
  for (const auto& example : examples) text += fmt::format("  # {}\n  {}\n", example.meaning, example.line);
  return text;
}

std::pair<std::string, std::string> split_name(const std::string& name) {
  const auto space = name.find(' ');
  if (space == std::string::npos) return {"", name};
  return {name.substr(0, space), name.substr(space + 1)};
}

/// `events list, events show`; all, or those of a group.
std::string listed(const Commands& commands, const std::string& group = "") {
  std::string text;
  for (const auto& command : commands) {
    if (!group.empty() && split_name(command->name()).first != group) continue;
    text += (text.empty() ? "" : ", ") + command->name();
  }
  return text;
}

/// CLI11 would only say that a word was not expected.
std::string unknown_command(const Commands& commands, const std::vector<std::string>& words) {
  if (words.empty() || words.front().starts_with('-')) return {};
  const auto known = [&](const std::string& name) {
    return std::any_of(commands.begin(), commands.end(), [&](const auto& command) { return command->name() == name; });
  };
  const bool is_group = std::any_of(commands.begin(), commands.end(),
                                    [&](const auto& command) { return split_name(command->name()).first == words[0]; });
  if (known(words[0])) return {};
  if (!is_group) return fmt::format("there is no command `{}`; there are {}", words[0], listed(commands));
  if (words.size() < 2) return fmt::format("`{}` is a group; there are {}", words[0], listed(commands, words[0]));
  if (words[1].starts_with('-')) return {};
  const auto name = words[0] + " " + words[1];
  return known(name) ? "" : fmt::format("there is no command `{}`; there are {}", name, listed(commands, words[0]));
}

struct Tree {
  CLI::App root{"", "data-sync"};
  std::map<std::string, CLI::App*> groups;
  std::map<CLI::App*, Command*> commands;
};

void build(Tree& tree, const Commands& commands) {
  tree.root.require_subcommand(1);
  for (const auto& command : commands) {
    const auto [group_name, name] = split_name(command->name());
    CLI::App* parent = &tree.root;
    if (!group_name.empty()) {
      auto& group = tree.groups[group_name];
      if (group == nullptr) {
        group = tree.root.add_subcommand(group_name);
        group->require_subcommand(1);
      }
      parent = group;
    }
    CLI::App* app = parent->add_subcommand(name, command->summary());
    app->get_formatter()->column_width(28);
    std::string footer = command->notes();
    if (!footer.empty()) footer += "\n\n";
    if (!command->examples().empty()) footer += "Examples:\n" + examples_text(command->examples());
    if (!footer.empty()) app->footer(footer);
    Cli11Options options(*app);
    command->declare(options);
    tree.commands[app] = command.get();
  }
}

/// The innermost command that was named; for its help.
CLI::App* deepest(CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return app;
}

/// `data-sync events`: what stands before the app's own name.
std::string path_above(const CLI::App* app) {
  const auto* parent = app->get_parent();
  if (parent == nullptr) return {};
  const auto above = path_above(parent);
  return above.empty() ? parent->get_name() : above + " " + parent->get_name();
}

Parsed usage_error(const std::string& message, const std::string& path) {
  return {nullptr, kExitUsage, fmt::format("{}\n`{} --help` tells more", message, path)};
}

}  // namespace

Parsed parse_command_line(const Commands& commands, const std::vector<std::string>& words, const Callbacks& callbacks) {
  if (words.empty()) return {nullptr, kExitUsage, top_help(commands, callbacks)};
  if (words.front() == "--help" || words.front() == "-h" || words.front() == "help") {
    return {nullptr, kExitOk, top_help(commands, callbacks)};
  }
  if (words.front() == "--version") return {nullptr, kExitOk, "data-sync " + callbacks.version + "\n"};
  if (const auto message = unknown_command(commands, words); !message.empty()) {
    return usage_error(message, "data-sync");
  }
  Tree tree;
  build(tree, commands);
  try {
    tree.root.parse(std::vector<std::string>(words.rbegin(), words.rend()));  // CLI11 takes them from the back
  } catch (const CLI::CallForHelp&) {
    auto* app = deepest(&tree.root);
    return {nullptr, kExitOk, app->help(path_above(app))};
  } catch (const CLI::ParseError& error) {
    const auto* app = deepest(&tree.root);
    return usage_error(error.what(), app == &tree.root ? "data-sync" : path_above(app) + " " + app->get_name());
  }
  return {tree.commands.at(deepest(&tree.root)), kExitOk, {}};
}

std::string top_help(const Commands& commands, const Callbacks& callbacks) {
  std::size_t width = 0;
  for (const auto& command : commands) width = std::max(width, command->name().size());
  std::string list;
  for (const auto& command : commands)
    list += fmt::format("  {:<{}}  {}\n", command->name(), width, command->summary());
  return fmt::format(
      "data-sync keeps the same customers, leads, orders, campaigns and products true on several platforms.\n"
      "\n"
      "A platform tells it what changed; it settles conflicts field by field and brings every other platform what it\n"
      "lacks, in that platform's own words. What it has answered is on disk, and is never lost.\n"
      "\n"
      "Usage: data-sync COMMAND [OPTIONS]      (data-sync COMMAND --help tells more)\n"
      "\n"
      "Commands:\n"
      "{}"
      "\n"
      "Settings of the service, each also in `.env`, in the YAML of --config, or in a file that NAME_FILE names;\n"
      "all of them: `data-sync config docs`, those in force: `data-sync config check`\n"
      "{}"
      "\n"
      "Environment of the commands that speak to a service\n"
      "  DATA_SYNC_URL    where it is [http://127.0.0.1:8025]; --url goes before it\n"
      "  DATA_SYNC_TOKEN  the token that it asks for in production\n"
      "  NO_COLOR         set: no colours\n"
      "\n"
      "Examples:\n"
      "  # start it on this machine, data in data/data-sync.db\n"
      "  data-sync serve\n"
      "  # tell it of a new customer, and wait until the others have it\n"
      "  data-sync send user_created --tenant acme --from bizoholic --to coreldove,bizosaas \\\n"
      "      id=42 email=ada@example.com name='Ada Lovelace' --wait\n"
      "  # watch what happens\n"
      "  data-sync tail\n"
      "  # try all dead letters of the last day again\n"
      "  data-sync events retry --status failed --since 1d\n"
      "\n"
      "Exit codes: 0 done, 1 failed (`rules test`: something differs), 2 wrong command line, 69 no service answers,\n"
      "74 the disk failed, 78 wrong configuration\n",
      list, callbacks.settings_help);
}

}  // namespace datasync::cli
