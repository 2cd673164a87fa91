#pragma once

#include <memory>
#include <variant>

#include "delivery/connector.h"
#include "delivery/connectors/graphql.h"
#include "delivery/connectors/rest.h"

namespace datasync::delivery {

/// Every kind of platform that we can speak to. A new one is a file beside `rest.h`, one name in this list, and its
/// line in `make_connector`; its tests join `connector_contract_test.cc`.
using ConnectorOptions = std::variant<RestOptions, GraphqlOptions>;

/// Errors: `kInvalid` with the option that is wrong and the platform's name.
[[nodiscard]] Result<std::unique_ptr<Connector>> make_connector(const ConnectorOptions& options);

}  // namespace datasync::delivery
