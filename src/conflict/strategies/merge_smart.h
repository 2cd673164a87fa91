#pragma once

#include "conflict/strategy.h"

namespace datasync::conflict {

/// Both changes survive, as far as they can live together: three-way where the base is known, else as if both had been
/// made from nothing.
///
/// | both are | what survives |
/// | --- | --- |
/// | objects | member by member: what one side changed, added or deleted; a change beats a delete; what both changed is
/// merged in turn. An object with an amount and a currency is one value | | arrays of objects with an id | item by
/// item, by `id`, `sku`, `variant_id`, `product_id` or `url`, the first that all of them have, each another | | other
/// arrays | as sets with counts: the additions and removals of both | | numbers | with a base: the changes of both
/// added to it, exactly; not those that count nothing, by their name: `price`, `category_id`, `rating`
/// (`merge/names.h`) | | texts of several lines | line by line: the additions and removals of both; of a line that both
/// changed, both outcomes, the older first | | anything else | the newer value, as `latest_wins` decides |
///
/// Arrays and lines stand in the order of the newer side. Beyond the bounds in `merge/three_way.h` the newer value
/// survives as a whole.
///
/// Laws: the outcome does not depend on which side is incoming. A side that equals the base gives way to the other. The
/// outcome, as the newer side, merged with either side over the same base, is the outcome again, but for counters:
/// there base + both changes can't be told from a third change. Over the true base, which is the side itself, that
/// holds too.
class MergeSmart final : public Strategy {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "merge_smart"; }
  [[nodiscard]] Resolution resolve(const FieldConflict& conflict) const override;
};

}  // namespace datasync::conflict
