#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "domain/value.h"
#include "transform/assembly.h"
#include "transform/mapping.h"
#include "transform/plan.h"

namespace datasync::transform {

/// The currency that `data` names, else the platform's. Null counts as not named.
/// Errors: `kInvalid` with the pointer of one that is no ISO 4217 code.
[[nodiscard]] Result<Currency> currency_of(const EntityPlan& plan, const Fields& data);

/// An amount as a platform sends it and its currency as one value. Null stays null: the platform has no amount.
/// Errors: `kInvalid` with the pointer.
[[nodiscard]] Result<Value> fold_amount(const Field& field, Currency currency);

/// Unfolds the amounts of one entity into numbers that share one `currency` field: the one that the target wants, else
/// that of its first amount.
class AmountWriter {
 public:
  AmountWriter(const RateTable& rates, std::optional<Currency> target) : rates_(rates), currency_(target) {}

  /// Errors: `kInvalid` where no rate is known between the amount's currency and the shared one.
  [[nodiscard]] Result<Value> write(const Value& folded);
  /// The shared currency; none if no amount was written.
  [[nodiscard]] std::optional<Currency> written() const noexcept { return any_ ? currency_ : std::nullopt; }

 private:
  const RateTable& rates_;  // borrowed for the length of one call
  std::optional<Currency> currency_;
  bool any_ = false;
};

/// `/data/<name>` as a JSON pointer (RFC 6901).
[[nodiscard]] std::string pointer_to(std::string_view name);

}  // namespace datasync::transform
