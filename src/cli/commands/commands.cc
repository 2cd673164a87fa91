#include "cli/commands/commands.h"

namespace datasync::cli {

Commands make_commands(const Callbacks& callbacks) {
  Commands commands;
  commands.push_back(make_serve(callbacks));
  commands.push_back(make_config_check(callbacks));
  commands.push_back(make_config_docs(callbacks));
  commands.push_back(make_migrate(callbacks));
  commands.push_back(make_backup(callbacks));
  commands.push_back(make_restore(callbacks));
  commands.push_back(make_export(callbacks));
  commands.push_back(make_import(callbacks));
  commands.push_back(make_rules_check(callbacks));
  commands.push_back(make_rules_test(callbacks));
  commands.push_back(make_send());
  commands.push_back(make_tail());
  commands.push_back(make_status());
  commands.push_back(make_health());
  commands.push_back(make_events_list());
  commands.push_back(make_events_show());
  commands.push_back(make_events_retry());
  return commands;
}

}  // namespace datasync::cli
