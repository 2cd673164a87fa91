#include "script/patterns.h"

#include <limits>

namespace datasync::script {
namespace {

constexpr std::string_view kRepeating = "*+-?";

bool is_repeating(char c) noexcept {
  return kRepeating.find(c) != std::string_view::npos;
}

/// The place after the set that begins at `at`, as Lua's own matcher finds it: a `]` that comes first is part of it.
std::size_t end_of_set(std::string_view pattern, std::size_t at) noexcept {
  ++at;
  if (at < pattern.size() && pattern[at] == '^') ++at;
  do {
    if (at >= pattern.size()) return at;
    at += pattern[at] == '%' ? 2 : 1;
  } while (at < pattern.size() && pattern[at] != ']');
  return at + 1;
}

constexpr std::uint64_t kBeyond = std::numeric_limits<std::uint64_t>::max();

std::uint64_t times(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? kBeyond : product;
}

/// In how many ways `parts` lengths have a sum of at most `whole`: whole + parts over parts.
std::uint64_t ways_to_divide(std::uint64_t whole, unsigned parts) noexcept {
  std::uint64_t ways = 1;
  for (unsigned i = 1; i <= parts && ways != kBeyond; ++i) {
    ways = times(ways, whole + i);
    if (ways != kBeyond) ways /= i;
  }
  return ways;
}

}  // namespace

PatternParts parts_of(std::string_view pattern) noexcept {
  PatternParts parts;
  for (std::size_t at = 0; at < pattern.size();) {
    if (pattern[at] == '[') {
      at = end_of_set(pattern, at);
    } else if (pattern[at] == '%' && at + 1 < pattern.size()) {
      const char what = pattern[at + 1];
      at += 2;
      if (what >= '0' && what <= '9') ++parts.scans;
      if (what != 'b') continue;
      // The two characters after `%b` stand for themselves, whatever they are, and may seem to begin something else. So
      // from here on every character counts that could repeat.
      ++parts.scans;
      for (; at < pattern.size(); ++at) {
        const bool looks_back = pattern[at] == '%' && at + 1 < pattern.size() &&
                                (pattern[at + 1] == 'b' || (pattern[at + 1] >= '0' && pattern[at + 1] <= '9'));
        if (is_repeating(pattern[at])) ++parts.lengths;
        if (looks_back) ++parts.scans;
      }
    } else {
      if (is_repeating(pattern[at])) ++parts.lengths;
      ++at;
    }
  }
  return parts;
}

std::uint64_t pattern_work(std::size_t text_bytes, std::string_view pattern, Search search) noexcept {
  const bool anchored = search == Search::kPattern && pattern.starts_with('^');
  const PatternParts parts = search == Search::kText ? PatternParts{} : parts_of(pattern);
  std::uint64_t work = times(pattern.size() + 1, ways_to_divide(text_bytes, parts.lengths + (anchored ? 0 : 1)));
  for (unsigned i = 0; i < parts.scans && work != kBeyond; ++i) work = times(work, text_bytes + 1);
  return work;
}

}  // namespace datasync::script
