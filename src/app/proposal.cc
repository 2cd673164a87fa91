#include "app/proposal.h"

#include <algorithm>
#include <span>
#include <utility>

#include "app/catalog_factory.h"
#include "domain/json_pointer.h"

namespace datasync::app {
namespace {

constexpr std::string_view kName = "proposal";  // of the text, before a line number
constexpr std::size_t kFaultsTold = 100;

}  // namespace

std::string pointer_to(const ConfigNode& proposal, std::string_view path) {
  std::string pointer;
  const ConfigNode* node = &proposal;
  while (node != nullptr && !path.empty()) {
    // Names may hold dots, so the longest member that the path goes on with is the one.
    const std::pair<std::string, ConfigNode>* next = nullptr;
    for (const auto& member : node->members) {
      const std::string& name = member.first;
      const bool fits = path.starts_with(name) && (path.size() == name.size() || path[name.size()] == '.');
      if (fits && (next == nullptr || name.size() > next->first.size())) next = &member;
    }
    if (next == nullptr) break;
    pointer += pointer_step(next->first);
    path.remove_prefix(std::min(path.size(), next->first.size() + 1));
    node = &next->second;
  }
  return pointer;
}

tl::expected<std::shared_ptr<const pipeline::Catalog>, std::vector<api::FieldError>> propose(const Settings& settings,
                                                                                             const Value& proposal) {
  using Faults = std::vector<api::FieldError>;
  if (proposal.text().size() > kProposalBytesMax) {
    return tl::unexpected(Faults{{"", "must be at most " + std::to_string(kProposalBytesMax / 1024) + " KiB"}});
  }
  const auto text = proposal.as_string();
  if (!text && proposal.kind() != Value::Kind::kObject) {
    return tl::unexpected(Faults{{"", "must be the words of a configuration: a text in YAML, or an object"}});
  }
  Proposal read{{}, {}, kProposalScriptsMax};
  ConfigNode& tree = read.words;
  if (text) {
    auto parsed = parse_yaml(*text, std::string(kName));
    if (!parsed) return tl::unexpected(Faults{{"", parsed.error().message}});
    tree = std::move(*parsed);
  } else {
    tree = from_json_value(proposal);
  }
  std::vector<ConfigFault> faults;
  auto catalog = make_proposed_catalog(settings, read, faults);
  if (catalog) return std::move(*catalog);
  Faults told;
  const std::size_t count = std::min(faults.size(), kFaultsTold);
  for (const ConfigFault& fault : std::span(faults).first(count)) {
    told.push_back({text ? "" : pointer_to(tree, fault.path), fault.text()});
  }
  if (faults.size() > count) told.push_back({"", "and " + std::to_string(faults.size() - count) + " more"});
  if (told.empty()) told.push_back({"", catalog.error().message});
  return tl::unexpected(std::move(told));
}

}  // namespace datasync::app
