#pragma once

#include "cli/cli.h"

namespace datasync::app {

/// `data-sync serve`: runs the service until SIGTERM or SIGINT; SIGHUP reads the configuration anew. Returns the exit
/// code.
int serve(const cli::ServeOptions& options);
/// `data-sync config check`: prints the effective settings and what is wrong with the configuration.
int config_check(const cli::ConfigCheckOptions& options);
/// `data-sync config docs`: prints the table of settings as Markdown.
int config_docs();

}  // namespace datasync::app
