#include "app/catalog_factory.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "app/platform_config.h"
#include "app/rule_scripts.h"
#include "app/shipped_files.h"
#include "delivery/connectors/connectors.h"
#include "script/script.h"

namespace datasync::app {
namespace {

/// GraphQL documents that the user's YAML names stand beside it.
std::optional<std::string> read_beside(const std::string& config_file, std::string_view name) {
  const auto path = std::filesystem::path(config_file).parent_path() / std::filesystem::path(name);
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// Below the configuration's folder, also where links lead. A rule that is longer than any may be is read so far that
/// this is seen.
std::optional<std::string> read_rule_beside(const std::string& config_file, std::string_view name) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path folder = fs::weakly_canonical(fs::absolute(config_file, error).parent_path(), error);
  const fs::path path = fs::canonical(folder / fs::path(name), error);
  if (error || !stays_below(path.lexically_relative(folder).string())) return std::nullopt;
  if (!fs::is_regular_file(path, error)) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text(script::kScriptBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

/// Bounds the time of many calls together. Once it is spent every look at the clock is a leap, so each further call is
/// over its own limit at its first look.
class BudgetClock final : public Clock {
 public:
  explicit BudgetClock(milliseconds budget) : budget_(budget), end_(system_.steady_now() + budget) {}
  [[nodiscard]] Timestamp now() const override { return system_.now(); }
  [[nodiscard]] SteadyTime steady_now() const override {
    const SteadyTime time = system_.steady_now();
    if (budget_ == milliseconds{0} || time < end_) return time;
    return time + ++leaps_ * seconds{1};
  }

 private:
  SystemClock system_;
  milliseconds budget_;
  SteadyTime end_;
  mutable std::atomic<int> leaps_{0};
};

Result<pipeline::Catalog> build_catalog(const Settings& settings, const Clock& clock, const Proposal* proposal,
                                        std::vector<ConfigFault>* faults,
                                        std::optional<RateSourceOptions>* rate_source) {
  PlatformConfigInput input;
  if (proposal != nullptr) input.proposal = &proposal->words;
  input.faults = faults;
  input.shipped = shipped_files();
  input.user_text = settings.config_text;
  if (!settings.config_file.empty()) input.user_file = settings.config_file;
  input.variable = [&settings](std::string_view name) { return settings.variable(name); };
  input.read_document = [&settings](std::string_view name) { return read_beside(settings.config_file, name); };
  input.read_rule = [&settings, proposal](std::string_view name) {
    auto beside = proposal == nullptr || proposal->file.empty() ? std::nullopt : read_rule_beside(proposal->file, name);
    return beside ? beside : read_rule_beside(settings.config_file, name);
  };
  input.clock = &clock;
  input.other_sections = {"settings"};
  input.request_timeout = settings.request_timeout;
  auto config = load_platform_config(input);
  if (!config) return fail(std::move(config).error());
  if (rate_source != nullptr) *rate_source = config->rates.source;

  std::vector<std::shared_ptr<const delivery::Connector>> connectors;
  for (const delivery::ConnectorOptions& options : config->connectors) {
    auto connector = delivery::make_connector(options);
    if (!connector) return fail(std::move(connector).error());
    connectors.push_back(std::move(*connector));
  }
  return pipeline::Catalog{transform::Mapper(std::move(config->mapping), std::move(config->rates.table)),
                           conflict::RuleBook(std::move(config->rulebooks)), std::move(connectors)};
}

}  // namespace

std::vector<std::string> unverified_fields(const pipeline::Catalog& catalog) {
  std::vector<std::string> fields;
  for (const auto& [entity, book] : catalog.rules.entities()) {
    for (const auto& [field, rule] : book.fields) {
      const auto& verification = rule.review ? rule.review->verification : std::nullopt;
      if (!verification || catalog.connector(verification->notifier) != nullptr) continue;
      fields.push_back(entity + "." + field);
    }
  }
  return fields;
}

Result<std::shared_ptr<const pipeline::Catalog>> make_catalog(const Settings& settings,
                                                              std::optional<RateSourceOptions>* rate_source) {
  static const SystemClock clock;  // rules outlive this call, and everything else
  auto catalog = build_catalog(settings, clock, nullptr, nullptr, rate_source);
  if (!catalog) return fail(std::move(catalog).error());
  return std::make_shared<const pipeline::Catalog>(std::move(*catalog));
}

Result<std::shared_ptr<const pipeline::Catalog>> make_proposed_catalog(const Settings& settings,
                                                                       const Proposal& proposal,
                                                                       std::vector<ConfigFault>& faults) {
  auto clock = std::make_shared<const BudgetClock>(proposal.scripts_budget);
  auto catalog = build_catalog(settings, *clock, &proposal, &faults, nullptr);
  if (!catalog) return fail(std::move(catalog).error());
  using Kept = std::pair<std::shared_ptr<const BudgetClock>, pipeline::Catalog>;  // its rules look at the clock
  auto kept = std::make_shared<const Kept>(std::move(clock), std::move(*catalog));
  return std::shared_ptr<const pipeline::Catalog>(kept, &kept->second);
}

}  // namespace datasync::app
