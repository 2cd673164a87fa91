#pragma once

#include <string>

#include "cli/cli.h"
#include "pipeline/what_if.h"

namespace datasync::app {

/// What `data-sync rules test` has found, for people. Values are shown only where the options say so.
[[nodiscard]] std::string report_text(const pipeline::WhatIf& found, const cli::RulesTestOptions& options);
/// The same for programs: one JSON object.
[[nodiscard]] std::string report_json(const pipeline::WhatIf& found, const cli::RulesTestOptions& options);

}  // namespace datasync::app
