// The YAML of an operator, laid over what is shipped. It is refused with words, or it makes connectors and a mapper.

#include <utility>

#include "app/config_tree.h"
#include "app/platform_config.h"
#include "fuzz.h"
#include "transform/mapper.h"

namespace datasync::fuzz {
namespace {

/// Entities and rates; the shipped platforms and the rules about them would take nine tenths of the time.
std::vector<app::EmbeddedFile> few_files() {
  std::vector<app::EmbeddedFile> files;
  for (const app::EmbeddedFile& file : app::shipped_files()) {
    if (file.path == "entities.yaml" || file.path == "rates.yaml") files.push_back(file);
  }
  return files;
}

Result<std::optional<std::string>> variable(std::string_view name) {
  if (name == "SET") return std::optional<std::string>("http://example.com");
  if (name == "BROKEN") return fail(ErrorCode::kInvalid, "can't be read");
  return std::optional<std::string>();
}

void use(app::PlatformConfig config) {
  for (const delivery::ConnectorOptions& options : config.connectors) {
    const auto connector = delivery::make_connector(options);
    require(connector || connector.error().code == ErrorCode::kInvalid, "options are taken or refused");
  }
  const transform::Mapper mapper(std::move(config.mapping), std::move(config.rates.table));
  const auto data =
      parse_json_object(R"({"id":"1","name":"A B","email":"A@b.c","price":1.5,"status":"active"})").value();
  for (const auto& [platform, unused] : mapper.mapping().platforms) {
    for (const auto& [entity, rules] : mapper.mapping().entities) {
      const auto change = mapper.to_canonical(platform, entity, data);
      if (change) (void)mapper.to_platform(platform, entity, change->fields);
    }
  }
}

/// The same words as somebody's proposal: whatever they are, they name no address.
void propose(const std::string& text, app::PlatformConfigInput input) {
  const auto tree = app::parse_yaml(text, "proposal");
  if (!tree) return;
  std::vector<app::ConfigFault> faults;
  input.proposal = &*tree;
  input.faults = &faults;
  auto config = app::load_platform_config(input);
  require(config.has_value() == faults.empty(), "a proposal holds, or each fault of it is told");
  if (!config) return;
  require(config->connectors.empty(), "a proposal adds no connection");
  use(*std::move(config));
}

}  // namespace
}  // namespace datasync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace datasync;
  static const std::vector<app::EmbeddedFile> files = fuzz::few_files();
  app::PlatformConfigInput input;
  input.shipped = files;
  input.user_text = fuzz::text_of(data, size);
  input.variable = fuzz::variable;
  auto config = app::load_platform_config(input);
  if (config) {
    fuzz::use(*std::move(config));
  } else {
    fuzz::require(config.error().code == ErrorCode::kInvalid, "a bad configuration is the operator's to mend");
    fuzz::require(!config.error().message.empty(), "and says what is wrong");
  }
  fuzz::propose(std::exchange(input.user_text, {}), input);
  return 0;
}
