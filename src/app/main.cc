#include "app/database_commands.h"
#include "app/rules_commands.h"
#include "app/serve.h"
#include "app/settings.h"
#include "cli/cli.h"

int main(int argc, char** argv) {
  using namespace datasync;
  cli::Callbacks callbacks;
  callbacks.serve = app::serve;
  callbacks.config_check = app::config_check;
  callbacks.config_docs = app::config_docs;
  callbacks.migrate = app::migrate;
  callbacks.backup = app::backup;
  callbacks.restore = app::restore;
  callbacks.export_contents = app::export_contents;
  callbacks.import_contents = app::import_contents;
  callbacks.rules_test = app::rules_test;
  callbacks.rules_check = app::rules_check;
  callbacks.settings_help = app::settings_help();
  callbacks.version = DATASYNC_VERSION;
  return cli::run(argc, argv, callbacks);
}
