#include "conflict/merge/counted_sequence.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <unordered_map>

namespace datasync::conflict {
namespace {

using Sequence = std::vector<std::string_view>;

/// Where one text stands in each version. Its nth place in one belongs to its nth place in another.
struct Places {
  std::vector<std::size_t> base;
  std::vector<std::size_t> newer;
  std::vector<std::size_t> older;

  /// How often it stands in the outcome: as often as in one of the sides.
  [[nodiscard]] std::size_t kept() const {
    if (newer.size() == base.size()) return older.size();
    if (older.size() == base.size()) return newer.size();
    const bool fewer_in_both = newer.size() < base.size() && older.size() < base.size();
    return fewer_in_both ? std::min(newer.size(), older.size()) : std::max(newer.size(), older.size());
  }
};

class Index {
 public:
  explicit Index(const CountedSequences& sequences) {
    add(sequences.base, &Places::base);
    add(sequences.newer, &Places::newer);
    add(sequences.older, &Places::older);
  }
  [[nodiscard]] const Places& of(std::string_view text) const { return places_.at(text); }

 private:
  void add(const Sequence& sequence, std::vector<std::size_t> Places::*version) {
    for (std::size_t i = 0; i < sequence.size(); ++i) (places_[sequence[i]].*version).push_back(i);
  }

  std::unordered_map<std::string_view, Places> places_;
};

/// The how-manieth of its text the one at `place` is.
std::size_t nth_of(const std::vector<std::size_t>& places, std::size_t place) {
  return static_cast<std::size_t>(std::lower_bound(places.begin(), places.end(), place) - places.begin());
}

/// Finds the place in the newer side for what the older one added, where what it stands behind is gone from the newer:
/// by the base or, where there is none, by what both have.
class Gaps {
 public:
  Gaps(const CountedSequences& sequences, const Index& index) {
    std::vector<bool> is_context(sequences.newer.size());
    const auto add = [&](const std::vector<std::size_t>& newer, std::size_t nth) {
      const bool is_there = nth < newer.size();
      places_.push_back(is_there ? std::optional(newer[nth]) : std::nullopt);
      if (is_there) is_context[newer[nth]] = true;
    };
    const bool by_base = !sequences.base.empty();
    const Sequence& context = by_base ? sequences.base : sequences.older;
    for (std::size_t i = 0; i < context.size(); ++i) {
      const Places& places = index.of(context[i]);
      const std::size_t nth = nth_of(by_base ? places.base : places.older, i);
      if (by_base || nth < places.newer.size()) add(places.newer, nth);
    }
    next_.resize(places_.size() + 1, places_.size());
    for (std::size_t i = places_.size(); i-- > 0;) next_[i] = places_[i] ? i : next_[i + 1];
    for (std::size_t i = 0; i <= sequences.newer.size(); ++i) {
      region_begin_.push_back(i > 0 && !is_context[i - 1] ? region_begin_[i - 1] : i);
    }
  }

  /// The place for what stands before the `i`th of the context and behind all before that. Where the newer side has
  /// this one still, right before it; where it wrote something else instead, before that, since the older comes first.
  [[nodiscard]] std::size_t before(std::size_t i) const {
    const std::size_t next = next_[i];
    const std::size_t end = next == places_.size() ? region_begin_.size() - 1 : *places_[next];
    return next == i && !places_.empty() ? end : region_begin_[end];
  }

 private:
  std::vector<std::optional<std::size_t>> places_;  // in the newer side, of each text of the context
  std::vector<std::size_t> next_;                   // the first from this on that the newer side has
  std::vector<std::size_t> region_begin_;           // by place in the newer side: where what is new there begins
};

/// A text that only the older side has, and before which place of the newer one it comes.
struct Addition {
  std::size_t place;
  std::string_view text;
};

std::vector<Addition> additions_of(const CountedSequences& sequences, const Index& index, Placement placement) {
  const Gaps gaps(sequences, index);
  std::vector<Addition> additions;
  std::size_t place = placement == Placement::kAtEnd ? sequences.newer.size() : gaps.before(0);
  for (std::size_t i = 0; i < sequences.older.size(); ++i) {
    const Places& of_text = index.of(sequences.older[i]);
    const std::size_t nth = nth_of(of_text.older, i);
    const bool in_newer = nth < of_text.newer.size();
    if (!in_newer && nth < of_text.kept()) additions.push_back({place, sequences.older[i]});
    if (placement == Placement::kAtEnd) continue;
    if (in_newer) {
      place = of_text.newer[nth] + 1;
    } else if (nth < of_text.base.size()) {
      place = gaps.before(of_text.base[nth] + 1);
    }
  }
  std::stable_sort(additions.begin(), additions.end(),
                   [](const Addition& one, const Addition& other) { return one.place < other.place; });
  return additions;
}

}  // namespace

std::vector<std::string_view> merge_sequences(const CountedSequences& sequences, Placement placement) {
  const Index index(sequences);
  const std::vector<Addition> additions = additions_of(sequences, index, placement);
  std::vector<std::string_view> merged;
  merged.reserve(sequences.newer.size() + additions.size());
  auto next = additions.begin();
  const auto take_additions_before = [&](std::size_t place) {
    for (; next != additions.end() && next->place == place; ++next) merged.push_back(next->text);
  };
  for (std::size_t i = 0; i < sequences.newer.size(); ++i) {
    take_additions_before(i);
    const Places& of_text = index.of(sequences.newer[i]);
    if (nth_of(of_text.newer, i) < of_text.kept()) merged.push_back(sequences.newer[i]);
  }
  take_additions_before(sequences.newer.size());
  return merged;
}

}  // namespace datasync::conflict
