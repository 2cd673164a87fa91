#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config_section.h"
#include "base/time.h"
#include "delivery/connectors/connectors.h"
#include "transform/mapping.h"

namespace datasync::app {

/// What a connection needs to know from outside of its section.
struct ConnectionContext {
  PlatformId platform;
  const transform::PlatformMapping& mapping;
  const transform::Mapping& all;  ///< its entities are those of the service
  milliseconds request_timeout;
  /// The text of a GraphQL document by the name that a step gives it; none if there is no such.
  std::function<std::optional<std::string>(const std::string& name)> find_document;
};

/// Reads a `connection`; none if its protocol is unknown. Problems are noted in the section.
[[nodiscard]] std::optional<delivery::ConnectorOptions> read_connection(ConfigSection& connection,
                                                                        const ConnectionContext& context);

/// `address`, which must be an URL; `path_where_none` is added to one without a path. Empty where there is none, which
/// is noted.
[[nodiscard]] std::string read_address(ConfigSection& connection, std::string_view path_where_none);
/// `bearer_token`, or `api_key` with `api_key_header`.
[[nodiscard]] delivery::Credential read_credential(ConfigSection& connection);

}  // namespace datasync::app
