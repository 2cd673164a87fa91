#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "base/random.h"
#include "pipeline/testing/world.h"

namespace datasync::pipeline {

/// The person who says that two records are one thing, or no longer says so, and looks whether that is what became of
/// them. Of two copies on one platform the one that is kept up no more is deleted there. What goes against the rules is
/// said to the world.
class Merger {
 public:
  /// `commits_fail`: then anything that is asked for may be refused.
  Merger(World& world, Random& dice, bool commits_fail) : world_(world), dice_(dice), commits_fail_(commits_fail) {}

  /// Merges two records of a tenant, or parts two, if they can be.
  void act();

  /// Merges two living records that have come to share an address: no platform takes both. False if there are none.
  bool merge_alike();

  /// Whether the record was merged or parted: then every platform has heard of all of it.
  [[nodiscard]] bool has_told_all_of(const Record& record) const { return touched_.contains(record.key); }

  std::size_t merged = 0;
  std::size_t parted = 0;

 private:
  [[nodiscard]] double unit() { return dice_.unit(); }
  [[nodiscard]] std::size_t below(std::size_t n) { return static_cast<std::size_t>(dice_.next() % n); }
  [[nodiscard]] const Record& some_record();
  void merge(const Record& keep, const Record& other);
  void part(RecordKey key);
  void part(const Record& keep, const Record& other);
  [[nodiscard]] bool ask(const MergeRequest& request, Merged& done);
  void remove_duplicates(const TenantId& tenant, const Merged& done);

  void expect_merged(const MergeRequest& request, const Record& keep, const Record& other, const Merged& done);
  void expect_loser(const Record& keep, const FieldState& mine, const FieldState& theirs, bool is_taken,
                    Sequence event);
  void expect_leads_to(const Record& record, RecordKey key);
  void expect_parted(const Record& keep, const Record& other, const Merged& done);

  World& world_;
  Random& dice_;
  const bool commits_fail_;
  std::set<RecordKey> touched_;
};

}  // namespace datasync::pipeline
