#pragma once

#include <string>
#include <string_view>

namespace datasync::transform {

/// A name as platforms keep it that ask for two.
struct PersonName {
  std::string_view first;
  std::string_view last;  ///< empty for a name of one word
};

/// Splits at the last white space: `Anna Maria Schmidt` → `Anna Maria`, `Schmidt`. Most of our users write the family
/// name last and in one word; whatever the cut, joining the parts gives the name back. The views point into `name`.
[[nodiscard]] PersonName split_name(std::string_view name) noexcept;

/// The parts with one space between them, none where a part is empty.
[[nodiscard]] std::string join_name(const PersonName& name);

[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;
/// Of A to Z only: what other letters become depends on the language.
[[nodiscard]] std::string in_small_letters(std::string_view text);

}  // namespace datasync::transform
