#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "pipeline/testing/world.h"

namespace datasync::pipeline {

/// The field that amounts are in.
inline constexpr const char* kPrice = "price";

/// Amounts in a history: what people write, rates of exchange that move, and what must hold of both. What a platform is
/// told is worth the golden amount at a rate that was in force since that was written, and nobody's converted amount
/// ever becomes the golden one.
class Prices {
 public:
  Prices(World& world, Random& dice, bool is_calm) : world_(world), dice_(dice), is_calm_(is_calm) { move_rates(); }

  /// Some currency of a platform; empty, if it may be: it keeps amounts in whatever they came in.
  [[nodiscard]] static std::string some_currency(Random& dice, bool may_be_none);
  /// Other rates from now on.
  void move_rates();

  /// What somebody writes as a price on a platform, whose copy may be null: canonical names.
  [[nodiscard]] Fields some_price(const TestPlatform& platform, const TestPlatform::Copy* copy);
  /// The same as the record holds it.
  [[nodiscard]] static Value canonical(const TestPlatform& platform, const Fields& price);

  /// The same of what a copy says; null if that is no amount. There are no parts of a yen, so 0.05 is what 0 was.
  [[nodiscard]] static Value amount_on(const TestPlatform& platform, const TestPlatform::Copy& copy);

  /// Whether the copy holds what `golden` is, or was worth at some time from `since` on.
  [[nodiscard]] bool is_held(const TestPlatform& platform, const TestPlatform::Copy& copy, const Value& golden,
                             Timestamp since) const;
  /// All prices that are golden, or were, have been said by somebody. Where events are late or clocks differ, a
  /// platform may also say once more what it was told: nobody can know then that it did not change the amount back by
  /// itself.
  void check_records() const;

 private:
  struct Rates {
    Timestamp since{};
    std::shared_ptr<const Catalog> catalog;
  };
  [[nodiscard]] bool was_told(const PlatformId& writer, const Value& amount) const;
  void check(const Record& record, const FieldState& field) const;
  [[nodiscard]] std::size_t below(std::size_t n) { return static_cast<std::size_t>(dice_.next() % n); }

  World& world_;
  Random& dice_;
  const bool is_calm_;
  std::vector<Rates> rates_;    // oldest first
  std::set<std::string> said_;  // canonical
};

}  // namespace datasync::pipeline
