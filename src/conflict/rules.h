#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "conflict/strategy.h"

namespace datasync::conflict {

inline constexpr std::string_view kLatestWins = "latest_wins";

struct FieldRule {
  std::shared_ptr<const Strategy> strategy = find_strategy(kLatestWins);  ///< never null
  bool critical = false;  ///< a concurrent difference is a `data_mismatch`
};

struct EntityRulebook {
  /// By canonical name; `*` stands for all that are not named, but for our own (`_deleted`).
  std::map<std::string, FieldRule, std::less<>> fields;
  std::vector<PlatformId> priority;  ///< the most trusted platform first
};

/// Which strategy settles which field, as configured. Immutable once made.
class RuleBook {
 public:
  RuleBook() = default;
  explicit RuleBook(std::map<std::string, EntityRulebook, std::less<>> entities) : entities_(std::move(entities)) {}

  [[nodiscard]] const FieldRule& rule(std::string_view entity, std::string_view field) const noexcept;
  /// Rank of a platform for an entity: 0 is the most trusted; a platform that is not listed comes after all that are.
  [[nodiscard]] std::size_t rank(std::string_view entity, const PlatformId& platform) const noexcept;

 private:
  std::map<std::string, EntityRulebook, std::less<>> entities_;
  FieldRule default_;
};

}  // namespace datasync::conflict
