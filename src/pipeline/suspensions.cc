#include "pipeline/suspensions.h"

#include <array>
#include <utility>

#include "net/url.h"

namespace datasync::pipeline {
namespace {

constexpr std::string_view kPrefix = "gone/";
constexpr std::array kVerbs{Verb::kCreated, Verb::kUpdated, Verb::kDeleted};

/// `gone/bizosaas/lead/deleted`; whatever else stands in a name is escaped.
std::string name_of(const ChangeKind& kind) {
  std::string name(kPrefix);
  name += net::percent_encode(kind.platform.str()) + '/' + net::percent_encode(kind.entity) + '/';
  return name += to_string(kind.verb);
}

std::optional<ChangeKind> parse_name(const TenantId& tenant, std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  const auto first = name.find('/');
  const auto second = name.find('/', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return std::nullopt;
  const auto platform = net::percent_decode(name.substr(0, first));
  const auto entity = net::percent_decode(name.substr(first + 1, second - first - 1));
  if (!platform || !entity) return std::nullopt;
  for (const Verb verb : kVerbs) {
    if (name.substr(second + 1) == to_string(verb)) return ChangeKind{tenant, PlatformId(*platform), *entity, verb};
  }
  return std::nullopt;
}

}  // namespace

void Suspensions::suspend(ChangeKind kind, Timestamp since) {
  if (!since_.emplace(kind, since).second) return;
  changed_.insert_or_assign(std::move(kind), since);
}

std::optional<Timestamp> Suspensions::since(const ChangeKind& kind) const {
  const auto at = since_.find(kind);
  if (at == since_.end()) return std::nullopt;
  return at->second;
}

void Suspensions::lift(const TenantId& tenant, const PlatformId& platform, std::string_view entity) {
  if (since_.empty()) return;
  for (const Verb verb : kVerbs) {
    ChangeKind kind{tenant, platform, std::string(entity), verb};
    if (since_.erase(kind) > 0) changed_.insert_or_assign(std::move(kind), std::nullopt);
  }
}

void Suspensions::load(const std::vector<storage::LaneState>& stored) {
  since_.clear();
  for (const storage::LaneState& state : stored) {
    const auto kind = parse_name(state.tenant, state.name);
    const auto since = parse_rfc3339(state.value);
    if (kind && since) since_.emplace(*kind, *since);
  }
  for (const auto& [kind, since] : changed_) {  // what the store has not heard of yet
    since_.erase(kind);
    if (since) since_.emplace(kind, *since);
  }
}

void Suspensions::stage(storage::WriteBatch& batch) const {
  for (const auto& [kind, since] : changed_) {
    batch.lane_states.push_back({kind.tenant, name_of(kind), since ? format_rfc3339(*since) : std::string()});
  }
}

}  // namespace datasync::pipeline
