#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/config_section.h"
#include "app/config_tree.h"
#include "app/rate_answer.h"
#include "app/settings.h"
#include "base/result.h"
#include "pipeline/catalog.h"

namespace datasync::app {

/// The shipped platforms, entities, rates and rules, with those of `--config` laid over them, ready for the pipeline.
/// `rate_source`, where it is not null, becomes where rates come from; until it has told some, the table serves.
/// Errors: `kInvalid`; one line per problem with file, line, key and the way out.
[[nodiscard]] Result<std::shared_ptr<const pipeline::Catalog>> make_catalog(
    const Settings& settings, std::optional<RateSourceOptions>* rate_source = nullptr);

/// Fields as `user.email` that a rule wants verified and whose notifier can't be reached: a person decides.
[[nodiscard]] std::vector<std::string> unverified_fields(const pipeline::Catalog& catalog);

struct Proposal {
  ConfigNode words;
  std::string file = {};  ///< that holds them; rules beside it are found before those beside `--config`. Empty: none
  /// What all conflict rules of the catalog may take together, from now on; then they fail, as rules that run too long
  /// do. Zero: no such limit.
  milliseconds scripts_budget{0};
};
/// What a proposal comes to: the same, with the proposal laid over all of it. `faults` gets each problem by itself.
[[nodiscard]] Result<std::shared_ptr<const pipeline::Catalog>> make_proposed_catalog(const Settings& settings,
                                                                                     const Proposal& proposal,
                                                                                     std::vector<ConfigFault>& faults);

}  // namespace datasync::app
