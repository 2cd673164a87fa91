#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace datasync::script {

/// What may make a Lua pattern slow. Never too few.
struct PatternParts {
  unsigned lengths = 0;  ///< `*` `+` `-` `?`: a matcher may try every length of each
  unsigned scans = 0;    ///< `%b` and `%1`: go through the text for each try
  bool operator==(const PatternParts&) const = default;
};
[[nodiscard]] PatternParts parts_of(std::string_view pattern) noexcept;

enum class Search : std::uint8_t {
  kText,        ///< for what the pattern is as a text
  kPattern,     ///< `^` holds it at the beginning
  kEverywhere,  ///< `^` is a character like others
};

/// The most characters that Lua's backtracking matcher can look at to find a pattern in a text of so many bytes: for
/// each place where it may begin and each length of each repetition, which together never exceed the text, once along
/// the pattern. Stays at the largest number where it would be more.
[[nodiscard]] std::uint64_t pattern_work(std::size_t text_bytes, std::string_view pattern, Search search) noexcept;

}  // namespace datasync::script
