#pragma once

#include <optional>
#include <string_view>

#include "domain/value.h"

namespace datasync::script {

/// Decimal arithmetic on numbers as their canonical texts: 20.1 and 10.1 are 10 apart, which floats are not.
/// None where an exponent is beyond ±1000, or the outcome takes more digits than a value may have.

/// Below zero, zero, or above, as `a` is less than `b`, equal, or greater.
[[nodiscard]] std::optional<int> compare(std::string_view a, std::string_view b);

/// |a - b|
[[nodiscard]] std::optional<Value> distance(std::string_view a, std::string_view b);

}  // namespace datasync::script
