#pragma once

#include <string>
#include <vector>

#include "cli/cli.h"
#include "cli/command.h"

namespace datasync::cli {

/// What a command line asks for.
struct Parsed {
  Command* command = nullptr;  ///< of the given list, its options filled; null: write `text` and leave
  int exit_code = kExitOk;     ///< then; `text` belongs to standard output only with 0
  std::string text;
};

/// Reads the words after the program's name. Each command is declared, so a list of commands serves once.
[[nodiscard]] Parsed parse_command_line(const Commands& commands, const std::vector<std::string>& words,
                                        const Callbacks& callbacks);

/// `data-sync --help`.
[[nodiscard]] std::string top_help(const Commands& commands, const Callbacks& callbacks);

}  // namespace datasync::cli
