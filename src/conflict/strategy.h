#pragma once

#include <string_view>

#include "base/ids.h"
#include "base/result.h"
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
};

struct Resolution {
  Value value;
  bool incoming_won = false;  ///< `value` is the incoming one
};

/// Decides which of two concurrent values survives. Pure: no I/O, no clock, no randomness, so every instance and every
/// replay decides alike.
class Strategy {
 public:
  virtual ~Strategy() = default;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  [[nodiscard]] virtual Result<Resolution> resolve(const FieldConflict& conflict) const = 0;
};

/// The shipped strategy of that name, null for another. A new one is one file here and one line in `strategies.cc`.
[[nodiscard]] const Strategy* find_strategy(std::string_view name) noexcept;

}  // namespace datasync::conflict
