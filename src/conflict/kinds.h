#pragma once

#include <string>
#include <string_view>

#include "domain/value.h"

namespace datasync::conflict {

/// What kind of value a field holds, in words that fit a sentence: `a boolean`, `a number`, `a string`, `an array`,
/// `an object`, `an amount of money`; empty for null, which is of no kind.
[[nodiscard]] std::string_view kind_of(const Value& value);

/// Why the value is a change of the schema; empty if it is none. Holds no value.
[[nodiscard]] std::string kind_changes(std::string_view field, const Value& golden, const Value& incoming);

}  // namespace datasync::conflict
