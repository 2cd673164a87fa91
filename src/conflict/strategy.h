#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "domain/record.h"
#include "domain/value.h"

namespace datasync::conflict {

/// One side of a conflict: a value, who wrote it, when, and how far that platform is trusted with this entity.
struct Side {
  const Value* value = nullptr;
  PlatformId platform;
  HybridTime time;
  std::size_t rank = 0;  ///< 0 is the most trusted
};

/// Two concurrent values of one field.
struct FieldConflict {
  std::string_view entity;
  std::string_view field;
  Side incoming;
  Side golden;
  /// The value that both were made from, as far as the history tells; null where it is not known.
  const Value* base = nullptr;
};

struct Resolution {
  enum class Outcome : std::uint8_t {
    kIncoming,  ///< the incoming value survives
    kGolden,    ///< the golden value stays
    kMerged,    ///< both give way to `merged`
    kReview,    ///< a person must decide
  };
  Outcome outcome = Outcome::kGolden;
  Value merged;        ///< kMerged only; differs from both sides
  std::string reason;  ///< kReview only: why, fit for an operator; holds no value
};

/// That `value` survives, which may be one of the two.
[[nodiscard]] Resolution settle_on(const FieldConflict& conflict, Value value);

/// Decides which of two concurrent values survives. Pure: no I/O, no clock, no randomness, so every instance and every
/// replay decides alike.
/// Errors:  none; what it can't decide goes to a person, with the reason.
/// Threads: any.
class Strategy {
 public:
  virtual ~Strategy() = default;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  [[nodiscard]] virtual Resolution resolve(const FieldConflict& conflict) const = 0;
};

/// The shipped strategy of that name that needs no configuration of its own; null for another name. A new one is one
/// file here and one line in `strategies.cc`.
[[nodiscard]] std::shared_ptr<const Strategy> find_strategy(std::string_view name);

}  // namespace datasync::conflict
