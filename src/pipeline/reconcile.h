#pragma once

#include <string>

#include "conflict/detector.h"
#include "crypto/keyed_hash.h"
#include "pipeline/deliver.h"
#include "pipeline/ledger.h"
#include "pipeline/subjects.h"
#include "pipeline/window.h"

namespace datasync::pipeline {

/// The second verb. Turns an event into a change of its golden record and decides who lacks what of it.
///
/// Errors:  of the store's reads; the window must be given up then. What is wrong with the event itself ends the event.
/// Threads: the engine's.
class Reconciler {
 public:
  Reconciler(Tools tools, Ledger& ledger, Subjects& subjects, Deliverer& deliverer);

  [[nodiscard]] Result<void> reconcile(Window& window, Entry& entry);

 private:
  struct Change;  // what one event does to one record

  [[nodiscard]] Result<Subject*> find(Window& window, const Event& event, const transform::CanonicalChange& change);
  [[nodiscard]] Result<void> link(Change& change);
  void place_copy(Change& change, bool is_linked);
  static void learn_own_id(Change& change);
  void settle_copy(Window& window, Change& change);
  [[nodiscard]] Result<void> move_natural_key(Window& window, Subject& subject, const FieldName& field,
                                              const Value* before, const Value& after);

  void note_late_values(Window& window, Change& change, const Fields& fields);
  [[nodiscard]] static conflict::Observation observe(const Window& window, const Change& change, const FieldName& field,
                                                     const Value& value);
  [[nodiscard]] Result<conflict::Verdict> judge(Window& window, Change& change, const FieldName& field,
                                                const Value& value);
  [[nodiscard]] Result<void> judge_delete(Window& window, Change& change);
  static void hold(Change& change, const FieldName& field, RecordVersion version, std::uint64_t held_hash);
  void overwrite(Change& change, const FieldName& field, const Value& value);
  [[nodiscard]] Result<void> settle_conflict(Window& window, Change& change, const FieldName& field, const Value& value,
                                             std::uint64_t held_hash);
  [[nodiscard]] Result<std::optional<Value>> base_of(const Window& window, const Change& change,
                                                     const FieldState& golden) const;
  void record_outcome(Window& window, Change& change);

  void plan_stateless(Window& window, Entry& entry, const transform::CanonicalChange& change);
  void plan_deliveries(Window& window, Change& change);
  void plan_after_tombstone(Window& window, Change& change);
  void plan(Window& window, Change& change, const PlatformId& target);
  void finish(Window& window, Entry& entry, EventStatus status, std::string message);

  Tools tools_;
  Ledger& ledger_;
  Subjects& subjects_;
  Deliverer& deliverer_;
  crypto::KeyedHash natural_keys_;
};

}  // namespace datasync::pipeline
