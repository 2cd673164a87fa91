#include "cli/cli.h"

#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <thread>

#include "cli/command.h"
#include "cli/command_line.h"
#include "cli/commands/commands.h"

namespace datasync::cli {

int run(int argc, const char* const* argv, const Callbacks& callbacks) {
  const auto variable = [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());  // NOLINT(concurrency-mt-unsafe): before any thread
    return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>(value);
  };
  const SystemClock clock;
  Session session{{std::cin, std::cout, std::cerr, ::isatty(STDOUT_FILENO) == 1 && !variable("NO_COLOR")},
                  clock,
                  variable,
                  [](milliseconds time) { std::this_thread::sleep_for(time); }};
  const auto commands = make_commands(callbacks);
  const auto parsed = parse_command_line(commands, {argv + std::min(argc, 1), argv + argc}, callbacks);
  if (parsed.command != nullptr) return parsed.command->run(session);
  if (parsed.exit_code == kExitOk) {
    std::cout << parsed.text;
  } else if (argc < 2) {
    std::cerr << parsed.text;
  } else {
    say_error(session.terminal, parsed.text);
  }
  return parsed.exit_code;
}

}  // namespace datasync::cli
