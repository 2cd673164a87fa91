#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/settings.h"
#include "base/result.h"
#include "pipeline/catalog.h"

namespace datasync::app {

/// The shipped platforms, entities, rates and rules, with those of `--config` laid over them, ready for the pipeline.
/// Errors: `kInvalid`; one line per problem with file, line, key and the way out.
[[nodiscard]] Result<std::shared_ptr<const pipeline::Catalog>> make_catalog(const Settings& settings);

/// Fields as `user.email` that a rule wants verified and whose notifier can't be reached: a person decides.
[[nodiscard]] std::vector<std::string> unverified_fields(const pipeline::Catalog& catalog);

}  // namespace datasync::app
