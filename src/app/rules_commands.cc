#include "app/rules_commands.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "app/catalog_factory.h"
#include "app/process.h"
#include "app/rate_file.h"
#include "app/rules_report.h"
#include "app/scratch_stores.h"
#include "app/settings.h"
#include "base/log.h"
#include "pipeline/what_if.h"
#include "storage/engines.h"

namespace datasync::app {
namespace {

using CatalogPointer = std::shared_ptr<const pipeline::Catalog>;

constexpr seconds kProgressEvery{2};

/// The files, each laid over those before it.
Result<Proposal> read_proposal(const std::vector<std::string>& files) {
  Proposal proposal;
  proposal.words.kind = ConfigNode::Kind::kMap;
  for (const std::string& name : files) {
    std::ifstream file(name, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (!file) return fail(ErrorCode::kInvalid, name + ": can't be read");
    auto words = parse_yaml(text, name);
    if (!words) return fail(std::move(words).error());
    if (words->kind != ConfigNode::Kind::kMap) {
      return fail(ErrorCode::kInvalid, name + ": must be a map of sections, such as conflict_rules");
    }
    // Kept side by side and not merged: null takes away what is in force, and must reach it.
    for (auto& [section, node] : words->members) {
      if (ConfigNode* known = proposal.words.find(section)) {
        merge(*known, node);
      } else {
        proposal.words.members.emplace_back(section, std::move(node));
      }
    }
    proposal.file = name;
  }
  return proposal;
}

Result<CatalogPointer> make_proposed(const Settings& settings, const std::vector<std::string>& files) {
  const auto proposal = read_proposal(files);
  if (!proposal) return fail(proposal.error());
  std::vector<ConfigFault> faults;
  return make_proposed_catalog(settings, *proposal, faults);
}

/// Both sides of a test.
struct Catalogs {
  CatalogPointer now, proposed;
};

/// At the rates that the service goes by, where it goes by those of a source.
Result<Catalogs> at_last_good_rates(Catalogs catalogs, const Settings& settings,
                                    const std::optional<RateSourceOptions>& source) {
  if (!source) return catalogs;
  const RateFile file(RateFile::beside(settings.state_path()));
  const auto quotes = file.read();
  if (!quotes) {
    return fail(ErrorCode::kUnavailable, "the last good rates can't be had: " + file.path(), quotes.error().message);
  }
  if (quotes->rates.empty() || quotes->base != source->base) return catalogs;
  return Catalogs{pipeline::with_quotes(std::move(catalogs.now), *quotes),
                  pipeline::with_quotes(std::move(catalogs.proposed), *quotes)};
}

Result<Catalogs> make_catalogs(const Settings& settings, const cli::RulesTestOptions& options) {
  std::optional<RateSourceOptions> source;
  auto now = make_catalog(settings, &source);
  if (!now) return fail(std::move(now).error());
  if (options.proposed_config.empty()) {
    auto proposed = make_proposed(settings, options.rules_files);
    if (!proposed) return fail(std::move(proposed).error());
    return at_last_good_rates({std::move(*now), std::move(*proposed)}, settings, source);
  }
  const auto other = load_settings(system_sources(options.proposed_config));
  if (!other) return fail(other.error());
  auto proposed = make_catalog(*other);
  if (!proposed) return fail(std::move(proposed).error());
  return at_last_good_rates({std::move(*now), std::move(*proposed)}, settings, source);
}

/// A line on standard error now and then, where it takes so long that somebody may wonder.
class Progress {
 public:
  void operator()(std::int64_t events, double share) {
    const SteadyTime now = clock_.steady_now();
    if (now < next_) return;
    next_ = now + kProgressEvery;
    fmt::print(stderr, "{} events, {:.0f} %\n", events, 100 * share);
  }

 private:
  SystemClock clock_;
  SteadyTime next_ = clock_.steady_now() + kProgressEvery;
};

Result<pipeline::WhatIf> test(const Settings& settings, const Catalogs& catalogs,
                              const cli::RulesTestOptions& options) {
  auto view = storage::open_view(settings.database_location);
  if (!view) return fail(std::move(view).error());
  auto scratch = open_scratch_stores();
  if (!scratch) return fail(std::move(scratch).error());
  pipeline::WhatIfOptions what;
  what.since = options.since;
  what.until = view->last_sequence;
  for (const std::string& tenant : options.tenants) what.tenants.emplace_back(tenant);
  what.examples_max = options.examples_max;
  what.progress = [progress = Progress()](std::int64_t events, double share) mutable { progress(events, share); };
  return pipeline::what_if({*view->reader, view->identity_secret, *scratch->first, *scratch->second}, catalogs.now,
                           catalogs.proposed, what);
}

}  // namespace

int rules_test(const cli::RulesTestOptions& options) {
  log::set_level("error");  // what the service would warn of was, and is no news
  umask(S_IRWXG | S_IRWXO);
  const auto settings = load_settings(system_sources(options.config_file));
  if (!settings) return refuse(settings.error());
  const auto catalogs = make_catalogs(*settings, options);
  if (!catalogs) return refuse(catalogs.error());
  const auto found = test(*settings, *catalogs, options);
  if (!found) return refuse(found.error());
  fmt::print("{}", options.json ? report_json(*found, options) : report_text(*found, options));
  return found->differs() ? cli::kExitFailed : cli::kExitOk;
}

int rules_check(const cli::RulesCheckOptions& options) {
  const auto settings = load_settings(system_sources(options.config_file));
  if (!settings) return refuse(settings.error());
  const auto catalog = make_proposed(*settings, options.rules_files);
  if (!catalog) return refuse(catalog.error());
  fmt::print("what is proposed holds\n");
  return cli::kExitOk;
}

}  // namespace datasync::app
