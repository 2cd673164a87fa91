#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/history_rows.h"
#include "pipeline/holdings.h"
#include "pipeline/ledger.h"
#include "pipeline/reconcile.h"
#include "pipeline/subject.h"
#include "transform/mapper.h"

namespace datasync::pipeline {

inline constexpr std::string_view kSchemaChange = "schema_change";

/// Of several types that fit a conflict the one of the lowest rank is told.
[[nodiscard]] std::size_t rank_of_conflict_type(std::string_view type) noexcept;

/// The event's value against the golden one, open so far.
[[nodiscard]] Conflict::Side make_side(const FieldState& golden, const Value& value, const conflict::FieldRule& rule,
                                       const Event& event);

/// What one event does to one record, while it is being found out.
struct Reconciler::Change {
  Change(Entry& of, Subject& to, const transform::EntityPlan& source_plan)
      : entry(of), subject(to), plan(source_plan), next_version{to.record.version.value + 1} {}

  Entry& entry;
  Subject& subject;
  const transform::EntityPlan& plan;  ///< of its platform
  RecordVersion next_version;
  CopyOfEvent copy{};  ///< which of its platform's copies it is about
  /// The copy is that of a record that was merged into this one, and was not kept up since: what it held then.
  const Knowledge* unkept = nullptr;
  Attempt* under_way = nullptr;  ///< what is on its way to its platform
  Attempt* exposed = nullptr;    ///< the same, if it may touch that copy
  /// Its platform is just being asked which copy it has: the answer will tell.
  std::optional<Timestamp> in_doubt_since;
  /// Its platform makes a record anew that was deleted, so all that it says of it is its own.
  bool is_remade = false;
  bool changed = false;           ///< at least one field has a new golden value
  bool learned = false;           ///< what its platform holds is known better
  bool source_corrected = false;  ///< its platform lost a field, or may be overwritten right now: it must hear again
  std::string review;             ///< one that the event made, or joined: what it waits for
  /// Beside the event's targets: who was to hear of the tombstone, and was told nothing while a person was asked.
  std::vector<PlatformId> told_too;
  std::vector<FieldState> overwritten;
  std::optional<HistoryRows> history;  ///< what was read of it to find the base of a conflict
  Conflict conflict;

  [[nodiscard]] bool is_being_created() const noexcept {
    return under_way != nullptr && under_way->change.verb == Verb::kCreated;
  }
  [[nodiscard]] bool is_former() const noexcept { return copy.kind == CopyOfEvent::Kind::kFormer; }
  [[nodiscard]] const Event& event() const noexcept { return *entry.event; }
  [[nodiscard]] Record& record() const noexcept { return subject.record; }
  [[nodiscard]] Knowledge& source() const { return subject.record.knowledge_of(entry.event->source); }
};

}  // namespace datasync::pipeline
