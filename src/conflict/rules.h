#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "conflict/strategy.h"
#include "domain/money.h"

namespace datasync::conflict {

inline constexpr std::string_view kLatestWins = "latest_wins";
inline constexpr std::string_view kManualReview = "manual_review";

/// A change that is decided by who holds its new value, as the owner of an address does: a token is sent there.
struct Verification {
  PlatformId notifier;                   ///< the platform that sends it; where there is none, a person decides
  std::chrono::hours expires_after{72};  ///< of the token, and of the review
  bool to_source = false;                ///< what then: the proposal, else the golden value
};

/// A change that waits for a person, whoever made it and whatever the strategy says. A first value is none.
struct ReviewRule {
  std::optional<Money> above = {};  ///< only where the amount changes by more than this; none: every change
  std::optional<Verification> verification = {};  ///< none: a person decides
};

/// What becomes of a review that nobody decides.
struct ReviewExpiry {
  std::optional<std::chrono::hours> after;  ///< none: it waits for ever
  bool to_source = false;                   ///< the proposal of the one platform that made one, else the golden value
};

/// What becomes of a value of another kind than the golden one: a `schema_change`, be it known to be later or not.
enum class SchemaChange : std::uint8_t {
  kReview,    ///< a person decides
  kStrategy,  ///< the field's strategy does
  kAllowed,   ///< it is a change like any other: the field has values of several kinds
};

struct FieldRule {
  std::shared_ptr<const Strategy> strategy = find_strategy(kLatestWins);  ///< never null
  bool critical = false;  ///< a concurrent difference is a `data_mismatch`
  std::optional<ReviewRule> review;
  std::optional<SchemaChange> schema_change = {};  ///< none: as the entity's
};

struct EntityRulebook {
  /// By canonical name; `*` stands for all that are not named, but for `_deleted`, which a person settles if
  /// nothing is said of it.
  std::map<std::string, FieldRule, std::less<>> fields;
  std::vector<PlatformId> priority;  ///< the most trusted platform first
  ReviewExpiry expiry = {};
  SchemaChange schema_change = SchemaChange::kReview;
};

/// Which strategy settles which field, as configured. Immutable once made.
class RuleBook {
 public:
  RuleBook() = default;
  explicit RuleBook(std::map<std::string, EntityRulebook, std::less<>> entities) : entities_(std::move(entities)) {}

  [[nodiscard]] const auto& entities() const noexcept { return entities_; }
  [[nodiscard]] const FieldRule& rule(std::string_view entity, std::string_view field) const noexcept;
  [[nodiscard]] SchemaChange schema_change(std::string_view entity, std::string_view field) const noexcept;
  [[nodiscard]] const ReviewExpiry& expiry(std::string_view entity) const noexcept;
  /// Rank of a platform for an entity: 0 is the most trusted; a platform that is not listed comes after all that are.
  [[nodiscard]] std::size_t rank(std::string_view entity, const PlatformId& platform) const noexcept;

 private:
  std::map<std::string, EntityRulebook, std::less<>> entities_;
  FieldRule default_;
  /// Of `_deleted`: a record that one platform changes while another deletes it is nothing to lose by a rule of thumb.
  FieldRule deletes_{find_strategy(kManualReview), false, {}, {}};
  ReviewExpiry never_;
};

}  // namespace datasync::conflict
