#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/config_section.h"
#include "app/config_tree.h"
#include "app/rates_config.h"
#include "app/shipped_files.h"
#include "base/result.h"
#include "base/time.h"
#include "conflict/rules.h"
#include "delivery/connectors/connectors.h"
#include "transform/mapping.h"

namespace datasync::app {

/// The value of `${NAME}`: none where it is not set. Errors: `kInvalid` where it is set and can't be read.
using VariableLookup = std::function<Result<std::optional<std::string>>(std::string_view name)>;

/// What the YAML of platforms, entities, rates and rules says, checked, as the rooms take it.
struct PlatformConfig {
  transform::Mapping mapping;
  RatesConfig rates;
  std::map<std::string, conflict::EntityRulebook, std::less<>> rulebooks;  ///< by entity
  std::vector<delivery::ConnectorOptions> connectors;  ///< one for each platform that has a `connection`
};

struct PlatformConfigInput {
  std::span<const EmbeddedFile> shipped;  ///< `shipped_files()`
  std::string user_text = {};             ///< of `--config`; empty: none
  std::string user_file = "config.yaml";  ///< its name, for messages
  VariableLookup variable = {};           ///< empty: nothing is set
  /// Reads a GraphQL document that the user's YAML names; none if there is no such file. Empty: none are.
  std::function<std::optional<std::string>(std::string_view path)> read_document = {};
  /// Reads a conflict rule that the user's YAML names, the same way; what leads out of the YAML's folder is not there.
  std::function<std::optional<std::string>(std::string_view path)> read_rule = {};
  /// Laid over all of that, to see what it would change: the same words, and under `scripts` conflict rules by name. It
  /// says nothing of connections and reads no variables, since who proposes need not be who may see them. May be null.
  const ConfigNode* proposal = nullptr;
  std::vector<ConfigFault>* faults = nullptr;  ///< gets each problem by itself, where there are any; may be null
  const Clock* clock = nullptr;  ///< bounds the time of conflict rules; outlives what is made. Null: nothing does
  std::vector<std::string> other_sections = {};  ///< top-level keys of the user's YAML that others read
  milliseconds request_timeout{30'000};          ///< of connections that don't say otherwise
};

/// Lays the user's YAML over the shipped one and reads the outcome. The keys are described in
/// config/platforms/README.md.
///
/// Errors: `kInvalid`; one line per problem with file, line, key and the way out. Secrets are never part of it.
[[nodiscard]] Result<PlatformConfig> load_platform_config(const PlatformConfigInput& input);

}  // namespace datasync::app
