#include "app/catalog_factory.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "app/platform_config.h"
#include "app/shipped_files.h"
#include "delivery/connectors/connectors.h"

namespace datasync::app {
namespace {

/// GraphQL documents that the user's YAML names stand beside it.
std::optional<std::string> read_beside(const std::string& config_file, std::string_view name) {
  const auto path = std::filesystem::path(config_file).parent_path() / std::filesystem::path(name);
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

Result<std::shared_ptr<const pipeline::Catalog>> make_catalog(const Settings& settings) {
  PlatformConfigInput input;
  input.shipped = shipped_files();
  input.user_text = settings.config_text;
  if (!settings.config_file.empty()) input.user_file = settings.config_file;
  input.variable = [&settings](std::string_view name) { return settings.variable(name); };
  input.read_document = [&settings](std::string_view name) { return read_beside(settings.config_file, name); };
  input.other_sections = {"settings"};
  input.request_timeout = settings.request_timeout;
  auto config = load_platform_config(input);
  if (!config) return fail(std::move(config).error());

  std::vector<std::unique_ptr<delivery::Connector>> connectors;
  for (const delivery::ConnectorOptions& options : config->connectors) {
    auto connector = delivery::make_connector(options);
    if (!connector) return fail(std::move(connector).error());
    connectors.push_back(std::move(*connector));
  }
  return std::make_shared<const pipeline::Catalog>(
      pipeline::Catalog{transform::Mapper(std::move(config->mapping), std::move(config->rates)),
                        conflict::RuleBook(std::move(config->rulebooks)), std::move(connectors)});
}

}  // namespace datasync::app
