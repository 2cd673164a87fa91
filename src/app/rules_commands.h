#pragma once

#include "cli/cli.h"

namespace datasync::app {

/// `data-sync rules test`: what would differ under a proposed configuration. Returns the exit code.
int rules_test(const cli::RulesTestOptions& options);
/// `data-sync rules check`: what is wrong with a proposed configuration.
int rules_check(const cli::RulesCheckOptions& options);

}  // namespace datasync::app
