#include <algorithm>
#include <utility>

#include "pipeline/holdings.h"
#include "pipeline/person_event.h"
#include "pipeline/reconcile.h"
#include "pipeline/reconcile_change.h"

// The second verb backwards: what takes an event's effect back.

namespace datasync::pipeline {
namespace {

const Value kTrue = Value::boolean(true);
const Value kFalse = Value::boolean(false);

tl::unexpected<Error> moved_on(std::string message) {
  return fail(ErrorCode::kConflict, std::move(message));
}

std::string changed_again(const FieldName& field) {
  return (field == kDeletedField ? "whether the record is there" : field.str()) + " has been changed again since";
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
  if (record.key != undone.state.record) {
    return moved_on("the event's record has been merged into " + record.id.str() + ": split them first");
  }
  auto values = values_before(window, record, undone);
  if (!values) return fail(std::move(values).error());

  Compensation compensation;
  compensation.subject = *subject;
  compensation.values = std::move(*values);
  Fields said;
  for (const Field& field : compensation.values) said.set(field.name, field.value);
  compensation.event = event_of_person(*window.catalog, record, said, undo.by, undo.reason);
  compensation.event->metadata.set("undoes", Value::string(event.id.str()));
  if (const Value* deleted = said.find(kDeletedField.str())) {
    compensation.event->verb = *deleted == kTrue ? Verb::kDeleted : Verb::kCreated;
    compensation.event->type = event.entity + "_" + std::string(to_string(compensation.event->verb));
  }
  return compensation;
}

/// The fields that the event has changed and nobody since, as they were before it; `_deleted` where it made or unmade
/// the record itself.
Result<std::vector<Field>> Reconciler::values_before(const Window& window, const Record& record,
                                                     const storage::StoredEvent& undone) const {
  const Sequence event = undone.event->sequence;
  auto noted = overwritten_by_event(window, event);
  if (!noted) return fail(std::move(noted).error());
  const std::vector<FieldState> history = std::move(*noted).value_or(std::vector<FieldState>{});
  std::vector<Field> values;
  for (const FieldState& before : history) {
    const FieldState* now = record.find(before.name);
    if (now == nullptr || now->event != event) return moved_on(changed_again(before.name));
    values.push_back({before.name.str(), before.value});
  }
  RecordVersion version{};
  bool is_creation = false;
  for (const FieldState& field : record.fields) {
    if (field.event != event || field.version.value == 0) continue;
    version = field.version;
    const bool is_first = std::none_of(history.begin(), history.end(),
                                       [&field](const FieldState& before) { return before.name == field.name; });
    if (!is_first) continue;
    if (field.version.value == 1 && field.name == kDeletedField) {
      return moved_on("the event deleted what nobody knew: there is nothing to bring back");
    }
    is_creation = is_creation || field.version.value == 1;
    values.push_back({field.name.str(), field.name == kDeletedField ? kFalse : Value()});
  }
  if (is_creation) values = {{kDeletedField.str(), kTrue}};  // its values stay in the tombstone
  if (values.empty()) {
    auto declined = declined_value(window, record, *undone.event, version);
    if (!declined) return fail(std::move(declined).error());
    values.push_back(std::move(*declined));
  }
  DATASYNC_TRY(may_take_back(record, values, version));
  return values;
}

/// Who takes back that a proposal was declined has it taken after all. `version`: of the record, when it was decided.
Result<Field> Reconciler::declined_value(const Window& window, const Record& record, const Event& decision,
                                         RecordVersion& version) const {
  const Value* id = decision.source == kReviewer ? decision.metadata.find("conflict_id") : nullptr;
  if (id == nullptr) return moved_on("nothing that the event has changed is left");
  auto review = load_review(window, record.tenant, id->as_string().value_or(std::string()));
  if (!review && review.error().code == ErrorCode::kCorrupt) return moved_on("its review is not known any more");
  if (!review) return fail(std::move(review).error());
  if (review->fields.empty() || review->status == "open") return moved_on("its review is open: decide it instead");
  const Conflict::Side& side = review->fields.front();
  if (side.field == kIdentityField.str()) {
    return moved_on("it says that the record is one of its own: merge it with the other instead");
  }
  if (is_copy_field(FieldName(side.field))) {
    return moved_on("it says that the record and another are two: merge them instead");
  }
  if (side.outcome != Conflict::Outcome::kTarget) return moved_on("nothing that the event has changed is left");
  if (review->fields.size() > 1) return moved_on("several values were declined: send the one that is right");
  if (side.source_value.is_null()) return moved_on("no value was declined");
  version = review->version;
  const FieldState* now = record.find(FieldName(side.field));
  if (now == nullptr || now->version > version) return moved_on(changed_again(FieldName(side.field)));
  return Field{side.field, side.source_value};
}

/// Whether the values can be given back to a record whose version the event made.
Result<void> Reconciler::may_take_back(const Record& record, const std::vector<Field>& values, RecordVersion version) {
  const auto existence =
      std::find_if(values.begin(), values.end(), [](const Field& field) { return field.name == kDeletedField.str(); });
  if (is_disputed(record)) return moved_on("a person is asked whether the record is to go: decide that first");
  if (existence == values.end()) {
    if (record.is_deleted()) return moved_on("the record is deleted: take that back first, or create it again");
  } else if (existence->value == kTrue) {
    if (record.is_deleted()) return moved_on("the record is deleted already");
    for (const FieldState& field : record.fields) {
      if (field.version > version) return moved_on(changed_again(field.name) + " by " + field.writer.str());
    }
    if (!record.holds.empty()) return moved_on(record.holds.front().field.str() + " waits for a person");
    if (!record.absorbed.empty()) {
      return moved_on(record.absorbed.back().str() + " has been merged into the record since: split them first");
    }
  }
  for (const Field& field : values) {
    if (record.find_hold(FieldName(field.name)) != nullptr) return moved_on(field.name + " waits for a person");
  }
  return {};
}

Result<void> Reconciler::compensate(Window& window, Entry& entry, const Compensation& compensation) {
  Change doing(entry, *compensation.subject, window.catalog->mapper.plan(entry.event->source, entry.event->entity));
  entry.state.record = doing.record().key;
  for (const Field& field : compensation.values) {
    DATASYNC_TRY(set_by_person(window, doing, FieldName(field.name), field.value));
  }
  if (is_gone(doing.record())) DATASYNC_TRY(close_reviews_of_deleted(window, doing));
  DATASYNC_TRY(record_outcome(window, doing));
  plan_deliveries(window, doing);
  return {};
}

/// What the event has overwritten, in this window too. None if nothing was noted, or it is no longer kept.
Result<std::optional<std::vector<FieldState>>> Reconciler::overwritten_by_event(const Window& window,
                                                                                Sequence event) const {
  std::optional<std::vector<FieldState>> overwritten;
  auto stored = tools_.store.load_history(event);
  if (!stored) return fail(std::move(stored).error());
  if (*stored) overwritten = std::move((*stored)->overwritten);
  for (const HistoryEntry& staged : window.batch.history) {
    if (staged.event != event) continue;
    if (!overwritten) overwritten.emplace();
    overwritten->insert(overwritten->end(), staged.overwritten.begin(), staged.overwritten.end());
  }
  return overwritten;
}

}  // namespace datasync::pipeline
