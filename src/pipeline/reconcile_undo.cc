#include <algorithm>
#include <utility>

#include "pipeline/person_event.h"
#include "pipeline/reconcile.h"
#include "pipeline/reconcile_change.h"

// The second verb backwards: what takes an event's effect back.

namespace datasync::pipeline {
namespace {

tl::unexpected<Error> moved_on(std::string message) {
  return fail(ErrorCode::kConflict, std::move(message));
}

}  // namespace

Result<Compensation> Reconciler::prepare(const Window& window, const storage::StoredEvent& undone,
                                         const UndoRequest& undo) {
  const Event& event = *undone.event;
  if (event.source == kReviewer && (event.metadata.contains(kMerges) || event.metadata.contains(kParts))) {
    return moved_on("the event has merged two records, or parted them: split or merge them instead");
  }
  if (undone.state.record.value == 0) return moved_on("the event has changed no record");
  auto subject = subjects_.load(event.tenant, undone.state.record);
  if (!subject) return fail(std::move(subject).error());
  if (*subject == nullptr) return moved_on("the event's record is gone");
  const Record& record = (*subject)->record;
  if (record.is_deleted()) return moved_on("the record is deleted: create it again instead");
  auto history = overwritten_by_event(window, event.sequence);
  if (!history) return fail(std::move(history).error());

  Compensation compensation;
  compensation.subject = *subject;
  for (const FieldState& before : *history) {
    const FieldState* now = record.find(before.name);
    if (before.name == kDeletedField) return moved_on("the event made the record anew: delete it instead");
    if (now == nullptr || now->event != event.sequence) {
      return moved_on(before.name.str() + " has been changed again since");
    }
    if (record.find_hold(before.name) != nullptr) return moved_on(before.name.str() + " waits for a person");
    compensation.values.push_back({before.name.str(), before.value});
  }
  for (const FieldState& field : record.fields) {
    const bool is_first = field.event == event.sequence &&
                          std::none_of(history->begin(), history->end(),
                                       [&field](const FieldState& before) { return before.name == field.name; });
    if (!is_first) continue;
    if (field.version.value == 1) return moved_on("the event made the record: delete it instead");
    compensation.values.push_back({field.name.str(), Value()});
  }
  if (compensation.values.empty()) return moved_on("nothing that the event has changed is left");

  Fields said;
  for (const Field& field : compensation.values) said.set(field.name, field.value);
  compensation.event = event_of_person(*window.catalog, record, said, undo.by, undo.reason);
  compensation.event->metadata.set("undoes", Value::string(event.id.str()));
  return compensation;
}

Result<void> Reconciler::compensate(Window& window, Entry& entry, const Compensation& compensation) {
  Change doing(entry, *compensation.subject, window.catalog->mapper.plan(entry.event->source, entry.event->entity));
  entry.state.record = doing.record().key;
  for (const Field& field : compensation.values) {
    DATASYNC_TRY(set_by_person(window, doing, FieldName(field.name), field.value));
  }
  DATASYNC_TRY(record_outcome(window, doing));
  plan_deliveries(window, doing);
  return {};
}

/// What the event has overwritten, in this window too.
Result<std::vector<FieldState>> Reconciler::overwritten_by_event(const Window& window, Sequence event) const {
  std::vector<FieldState> overwritten;
  auto stored = tools_.store.load_history(event);
  if (!stored) return fail(std::move(stored).error());
  if (*stored) overwritten = std::move((*stored)->overwritten);
  for (const HistoryEntry& staged : window.batch.history) {
    if (staged.event == event) {
      overwritten.insert(overwritten.end(), staged.overwritten.begin(), staged.overwritten.end());
    }
  }
  return overwritten;
}

}  // namespace datasync::pipeline
