#pragma once

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "conflict/rules.h"
#include "delivery/connector.h"
#include "pipeline/verification.h"
#include "transform/mapper.h"

namespace datasync::pipeline {

/// What the configuration says of platforms, entities and rules, in its compiled form. Immutable: a reload makes a new
/// one, and a window works on the one that it began with.
struct Catalog {
  transform::Mapper mapper;
  conflict::RuleBook rules;
  std::vector<std::shared_ptr<const delivery::Connector>> connectors;

  [[nodiscard]] const delivery::Connector* connector(const PlatformId& platform) const noexcept {
    for (const auto& connector : connectors) {
      if (connector->platform() == platform) return connector.get();
    }
    return nullptr;
  }
  [[nodiscard]] bool knows_platform(const PlatformId& platform) const {
    return mapper.mapping().platforms.contains(platform);
  }
  /// Whether it is only told what to write to people: it holds no records, so nobody means it by "all platforms".
  [[nodiscard]] bool is_notifier(const PlatformId& platform) const {
    const delivery::Connector* to = connector(platform);
    if (to == nullptr || !to->serves(kVerificationEntity, Verb::kCreated)) return false;
    const auto& entities = mapper.mapping().entities;
    return std::none_of(entities.begin(), entities.end(), [to](const auto& entity) {
      return to->serves(entity.first, Verb::kCreated) || to->serves(entity.first, Verb::kUpdated) ||
             to->serves(entity.first, Verb::kDeleted);
    });
  }
  /// Null for an entity that is not configured.
  [[nodiscard]] const transform::EntityRules* entity(std::string_view name) const {
    const auto& entities = mapper.mapping().entities;
    const auto at = entities.find(std::string(name));
    return at == entities.end() ? nullptr : &at->second;
  }
};

/// The same catalog with other rates of exchange; what it was made of lives as long as it does.
[[nodiscard]] inline std::shared_ptr<const Catalog> with_quotes(std::shared_ptr<const Catalog> catalog,
                                                                transform::Quotes quotes) {
  using Kept = std::pair<std::shared_ptr<const Catalog>, Catalog>;
  Catalog other = *catalog;
  other.mapper = catalog->mapper.with_quotes(std::move(quotes));
  const auto kept = std::make_shared<const Kept>(std::move(catalog), std::move(other));
  return {kept, &kept->second};
}

}  // namespace datasync::pipeline
