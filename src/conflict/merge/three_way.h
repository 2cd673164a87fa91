#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "domain/value.h"

namespace datasync::conflict {

/// Bounds of what is merged; beyond them the newer value is taken as a whole. The engine has one thread, which
/// one conflict must not keep for long, and each level is read anew: the time grows with size times depth.
inline constexpr std::size_t kMergeBytesMax = 64UL * 1024;  ///< of each of the three
inline constexpr std::size_t kMergeItemsMax = 2'000;        ///< members, items or lines of each side
inline constexpr int kMergeDepthMax = 8;                    ///< values inside values

/// Two values that were made from a third, or two members of one name. It tells the newer from the older side and not
/// the incoming from the golden one, so no outcome can depend on which of them came first.
/// Whoever calls keeps what it points to.
struct ThreeWay {
  std::string_view name;        ///< of the field or member; empty for an item of an array
  const Value* base = nullptr;  ///< null: not known, or there was none
  const Value* newer = nullptr;
  const Value* older = nullptr;
  int depth = 0;  ///< 0 is the field's own value
};

/// What becomes of both; none where nothing is left, which a value of which there are two never meets.
///
/// Changed on one side only: that. Changed alike: that. Deleted here and changed there: the change, since nothing may
/// be lost. Changed differently: merged by kind, and where that can't be the newer value.
[[nodiscard]] std::optional<Value> merge(const ThreeWay& sides);

// By kind. Both sides are of that kind and differ from each other and from the base, which is null where it is of
// another one. None means that they can't live together: the newer is to be taken.

/// Member by member. A sum of money is one: an object with an amount and a currency is not merged, and neither are
/// prices in different currencies.
[[nodiscard]] std::optional<Value> merge_objects(const ThreeWay& sides);

/// Items that are objects and all carry one of `kIdNames`, each another value: by that id, item by item.
/// All others: as a set with counts, whose members are there or not. What both have stands in the order of the newer
/// side, and behind it what only the older one has.
[[nodiscard]] std::optional<Value> merge_arrays(const ThreeWay& sides);

/// A counter: the base and both changes, in exact decimals. Needs a base. Not merged are more digits than `Decimal`
/// holds, and numbers whose name says that they count nothing (`names.h`).
[[nodiscard]] std::optional<Value> merge_numbers(const ThreeWay& sides);

/// Line by line, if any of the three has several: what a side added is added, what a side removed is removed. So of a
/// line that both changed both outcomes are kept, the older first. Blank lines belong to the line behind them.
[[nodiscard]] std::optional<Value> merge_texts(const ThreeWay& sides);

}  // namespace datasync::conflict
