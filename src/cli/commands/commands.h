#pragma once

#include <memory>

#include "cli/cli.h"
#include "cli/command.h"

namespace datasync::cli {

/// All commands, in the order of `--help`.
/// Lifetime: `callbacks` outlives them.
[[nodiscard]] Commands make_commands(const Callbacks& callbacks);

std::unique_ptr<Command> make_serve(const Callbacks& callbacks);
std::unique_ptr<Command> make_config_check(const Callbacks& callbacks);
std::unique_ptr<Command> make_config_docs(const Callbacks& callbacks);
std::unique_ptr<Command> make_migrate(const Callbacks& callbacks);
std::unique_ptr<Command> make_backup(const Callbacks& callbacks);
std::unique_ptr<Command> make_restore(const Callbacks& callbacks);
std::unique_ptr<Command> make_export(const Callbacks& callbacks);
std::unique_ptr<Command> make_import(const Callbacks& callbacks);
std::unique_ptr<Command> make_rules_check(const Callbacks& callbacks);
std::unique_ptr<Command> make_rules_test(const Callbacks& callbacks);
std::unique_ptr<Command> make_send();
std::unique_ptr<Command> make_tail();
std::unique_ptr<Command> make_status();
std::unique_ptr<Command> make_health();
std::unique_ptr<Command> make_events_list();
std::unique_ptr<Command> make_events_show();
std::unique_ptr<Command> make_events_retry();

}  // namespace datasync::cli
