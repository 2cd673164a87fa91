#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace datasync::conflict {

/// Where the merged sequence has what only the older side has.
enum class Placement : std::uint8_t {
  kAtEnd,         ///< behind all others
  kInItsContext,  ///< where it stood; where the newer side has something new in the same place, before that
};

/// Three versions of a sequence of texts, in which one text may stand several times. An empty base is as good as none.
struct CountedSequences {
  std::vector<std::string_view> base;
  std::vector<std::string_view> newer;
  std::vector<std::string_view> older;
};

/// What both sides made of the base, by how often each text stands in it. Changed by one side only: that count. Made
/// fewer by both: the smaller. Else the larger, since nothing may be lost. The order is that of the newer side.
///
/// So merging the outcome, as the newer side, with one of the two gives the outcome again: no count moves, and nothing
/// is left to be placed. That is why the counts are not added up, and why there is no search for the shortest
/// difference here, whose outcome would depend on how the texts happen to repeat.
[[nodiscard]] std::vector<std::string_view> merge_sequences(const CountedSequences& sequences, Placement placement);

}  // namespace datasync::conflict
