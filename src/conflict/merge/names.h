#pragma once

#include <array>
#include <string_view>

namespace datasync::conflict {

/// By which of its members an item of an array is known again, the first that fits. The item's own id comes first; the
/// others tell two items apart where one thing stands in an array once, as most goods do in an order.
inline constexpr std::array<std::string_view, 5> kIdNames{"id", "sku", "variant_id", "product_id", "url"};

/// Whether a member of this name holds a sum of money, by its last word: `price`, `unit_price`, `orderTotal`.
[[nodiscard]] bool names_amount(std::string_view name);

/// Whether a number of this name counts something, so that two changes of it add up. It does unless its last word says
/// that it is an amount, a label (`category_id`, `zip`), a measure (`rating`, `weight`), or a point in time or space
/// (`birth_year`, `lat`): where two sides change a price, the price with both changes is nobody's.
[[nodiscard]] bool names_counter(std::string_view name);

}  // namespace datasync::conflict
