#include "pipeline/testing/clerk.h"

#include <algorithm>
#include <utility>

namespace datasync::pipeline {
namespace {

/// The record that the event's record is, or is part of.
const Record* record_of(const World& world, const storage::StoredEvent& event) {
  const auto& records = world.store.records();
  auto at = records.find(event.state.record);
  while (at != records.end() && at->second.merged_into) at = records.find(at->second.merged_into->record);
  return at == records.end() ? nullptr : &at->second;
}

const FieldState* overwritten(const HistoryEntry* history, const FieldName& field) {
  if (history == nullptr) return nullptr;
  const auto at = std::find_if(history->overwritten.begin(), history->overwritten.end(),
                               [&field](const FieldState& before) { return before.name == field; });
  return at == history->overwritten.end() ? nullptr : &*at;
}

}  // namespace

void Clerk::undo_any() {
  const auto& events = world_.store.events();
  if (events.empty()) return;
  // The newest ones more often: what was changed again since can't be taken back.
  const std::size_t back = std::min(below(events.size()), below(events.size()));
  const storage::StoredEvent event = std::prev(events.end(), static_cast<std::ptrdiff_t>(back) + 1)->second;
  if (keeps_records && event.event->verb != Verb::kUpdated) return;
  if (undo(event) && unit() < 0.2 && undo(event)) world_.complain(event.event->id.str() + " was taken back twice");
}

bool Clerk::undo(const storage::StoredEvent& event) {
  const Record* known = record_of(world_, event);
  const Record before = known == nullptr ? Record{} : *known;
  UndoRequest request;
  request.tenants = {event.event->tenant};
  request.event_id = event.event->id.str();
  request.by = "clerk";
  request.reason = "dice";
  world_.trace("a person takes back " + request.event_id);
  const Result<EventId> answer = world_.undo(std::move(request));
  if (!answer) {
    world_.trace("  refused: " + answer.error().message);
    if (!may_be_refused(answer.error())) {
      world_.complain(event.event->id.str() + " was not taken back: " + answer.error().message);
    }
    return false;
  }
  ++undone;
  expect_undone(before, event, *answer);
  return true;
}

bool Clerk::may_be_refused(const Error& error) const {
  return error.code == ErrorCode::kConflict || (error.code == ErrorCode::kUnavailable && commits_fail_);
}

/// Every field that is the event's own is as it was before the event, or the record is gone that the event made; no
/// other field has changed. Not looked at where another event of the same transaction had its say.
void Clerk::expect_undone(const Record& before, const storage::StoredEvent& taken, const EventId& by) {
  const std::string what = "taking back " + taken.event->id.str();
  const storage::StoredEvent* made = world_.store.find(by.str());
  if (made == nullptr) return world_.complain(what + " made no event");
  const Value* undoes = made->event->metadata.find("undoes");
  if (made->event->source != kReviewer || undoes == nullptr || *undoes != Value::string(taken.event->id.str())) {
    world_.complain(what + " made an event that does not say so");
  }
  const Record* record = record_of(world_, *made);
  if (record == nullptr || record->key != before.key) return world_.complain(what + " was done to another record");
  if (record->version.value != before.version.value + 1) return;
  const bool is_any = std::any_of(record->fields.begin(), record->fields.end(),
                                  [made](const FieldState& field) { return field.event == made->event->sequence; });
  if (!is_any) world_.complain(what + " changed nothing");
  for (const FieldState& field : before.fields) expect_undone(before, field, taken, *made);
}

void Clerk::expect_undone(const Record& before, const FieldState& field, const storage::StoredEvent& taken,
                          const storage::StoredEvent& by) {
  const Record& record = *record_of(world_, by);
  const FieldState* now = record.find(field.name);
  const std::string what = field.name.str() + " after " + taken.event->id.str() + " was taken back";
  if (now == nullptr) return world_.complain("there is no " + what);
  const bool is_own = field.event == taken.event->sequence && field.version.value > 0;
  const bool is_unmade = record.is_deleted() && !before.is_deleted();
  if (is_own && is_unmade && *now == field && field.name != kDeletedField) return;  // it stays in the tombstone
  if (!is_own) {
    // A value that was declined is taken after all.
    const bool is_taken = now->event == by.event->sequence && taken.event->source == kReviewer;
    if (*now != field && !is_taken && field.name != kDeletedField) world_.complain("another event's " + what);
    return;
  }
  const FieldState* was = overwritten(world_.store.history_of(taken.event->sequence), field.name);
  const Value expected = was != nullptr                ? was->value
                         : field.name == kDeletedField ? Value::boolean(field.value != Value::boolean(true))
                                                       : Value();
  if (now->event != by.event->sequence || now->value != expected) {
    world_.complain(what + " is " + now->value.text() + "; it was " + expected.text());
  }
}

}  // namespace datasync::pipeline
