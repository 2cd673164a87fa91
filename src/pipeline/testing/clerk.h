#pragma once

#include <cstdint>
#include <string>

#include "base/random.h"
#include "pipeline/testing/world.h"

namespace datasync::pipeline {

/// The person who takes events back, and looks whether that is what became of it. What goes against the rules is said
/// to the world.
class Clerk {
 public:
  /// `commits_fail`: then anything that is asked for may be refused.
  Clerk(World& world, Random& dice, bool commits_fail) : world_(world), dice_(dice), commits_fail_(commits_fail) {}

  /// Takes back one of the events so far, if it can be. Twice, too: the second time is to be refused.
  void undo_any();
  /// Whether it was taken back.
  bool undo(const storage::StoredEvent& event);

  bool keeps_records = false;  ///< what made a record, or unmade it, is not taken back
  std::size_t undone = 0;

 private:
  [[nodiscard]] double unit() { return dice_.unit(); }
  [[nodiscard]] std::size_t below(std::size_t n) { return static_cast<std::size_t>(dice_.next() % n); }
  [[nodiscard]] bool may_be_refused(const Error& error) const;
  void expect_undone(const Record& before, const storage::StoredEvent& taken, const EventId& by);
  void expect_undone(const Record& before, const FieldState& field, const storage::StoredEvent& taken,
                     const storage::StoredEvent& by);

  World& world_;
  Random& dice_;
  const bool commits_fail_;
};

}  // namespace datasync::pipeline
