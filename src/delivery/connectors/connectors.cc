#include "delivery/connectors/connectors.h"

namespace datasync::delivery {
namespace {

Result<std::unique_ptr<Connector>> make(const RestOptions& options) {
  return make_rest_connector(options);
}
Result<std::unique_ptr<Connector>> make(const GraphqlOptions& options) {
  return make_graphql_connector(options);
}

}  // namespace

Result<std::unique_ptr<Connector>> make_connector(const ConnectorOptions& options) {
  return std::visit([](const auto& chosen) { return make(chosen); }, options);
}

}  // namespace datasync::delivery
