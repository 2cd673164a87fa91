#pragma once

#include <memory>

#include "app/settings.h"
#include "base/result.h"
#include "pipeline/catalog.h"

namespace datasync::app {

/// The shipped platforms, entities, rates and rules, with those of `--config` laid over them, ready for the pipeline.
/// Errors: `kInvalid`; one line per problem with file, line, key and the way out.
[[nodiscard]] Result<std::shared_ptr<const pipeline::Catalog>> make_catalog(const Settings& settings);

}  // namespace datasync::app
