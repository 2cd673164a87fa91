#include "pipeline/redrive.h"

#include <algorithm>

#include "pipeline/holdings.h"

namespace datasync::pipeline {
namespace {

bool is_open(const DeliveryResult& result) {
  return result.status == ResultStatus::kPending || result.status == ResultStatus::kRetry;
}

/// The content that a redrive sends is the newest, so it goes under a key of its own.
void reopen(DeliveryResult& result, Timestamp now) {
  result.status = ResultStatus::kRetry;
  ++result.redrive;
  result.attempts = 0;
  result.moved_on = 0;
  result.outcome_unknown = false;
  result.sent_version = RecordVersion{};
  result.first_attempt_at.reset();
  result.processed_at.reset();
  result.next_attempt_at = now;
}

}  // namespace

Result<void> Redriver::fetch(std::span<const storage::StoredEvent> events) {
  if (!subjects_.fetches_ahead()) return {};
  std::vector<storage::RecordAddress> records;
  for (const storage::StoredEvent& stored : events) records.push_back({stored.state.record, stored.event->tenant});
  return subjects_.fetch(std::move(records));
}

Result<void> Redriver::resume(Window& window, storage::StoredEvent stored) {
  auto event = std::make_shared<Event>(*stored.event);
  Entry& entry = ledger_.add(std::move(event), std::move(stored.state));
  if (entry.state.results.empty()) {
    push(window, *entry.event);
    return {};
  }
  auto subject = subject_of(window, entry);
  if (!subject) return fail(std::move(subject).error());
  close_decided(window, entry, (*subject)->record);
  for (DeliveryResult& result : entry.state.results) {
    if (is_open(result)) DATASYNC_TRY(deliverer_.resume(window, entry, **subject, result));
  }
  return {};
}

/// What it waited for may have been decided while it was in the store for other reasons.
void Redriver::close_decided(const Window& window, Entry& entry, const Record& record) {
  if (waits_for_review(record, entry.state.sequence)) return;
  for (DeliveryResult& result : entry.state.results) {
    if (result.status != ResultStatus::kReview) continue;
    result.status = ResultStatus::kSkipped;
    result.error_message = "decided";
    result.processed_at = window.now;
    ledger_.mark_dirty(entry);
  }
}

Result<bool> Redriver::redrive(Window& window, const storage::StoredEvent& stored) {
  Entry* entry = ledger_.find(stored.event->sequence);
  const EventStatus status = entry == nullptr ? stored.state.status : entry->state.status;
  if (status == EventStatus::kPending || status == EventStatus::kProcessing || status == EventStatus::kCompleted) {
    return false;
  }
  if (entry == nullptr && status == EventStatus::kRetry && !stored.state.results.empty()) {  // it was set aside
    DATASYNC_TRY(resume(window, stored));
    entry = ledger_.find(stored.event->sequence);
  }
  if (entry == nullptr) entry = &ledger_.add(std::make_shared<Event>(*stored.event), stored.state);
  ledger_.mark_dirty(*entry);
  entry->state.processed_at.reset();
  entry->state.message.clear();
  if (entry->state.results.empty()) {  // it never came to be reconciled
    if (status == EventStatus::kRetry) return false;
    entry->state.status = EventStatus::kRetry;
    entry->event->expires_at.reset();
    push(window, *entry->event);
    return true;
  }
  auto subject = subject_of(window, *entry);
  if (!subject) return fail(std::move(subject).error());
  bool any = false;
  for (DeliveryResult& result : entry->state.results) {
    Outbox& outbox = (*subject)->outbox(result.target);
    const bool again = result.status == ResultStatus::kRetry || result.status == ResultStatus::kFailed;
    if (again) deliverer_.lift(entry->event->tenant, result.target, entry->event->entity);
    if (result.status == ResultStatus::kRetry) {
      deliverer_.hasten(window, outbox);
      any = true;
    } else if (result.status == ResultStatus::kFailed) {
      reopen(result, window.now);
      deliverer_.enqueue(window, outbox, *entry);
      any = true;
    }
  }
  entry->state.status = fold_status(entry->state.results);
  return any;
}

Result<Subject*> Redriver::subject_of(Window& window, const Entry& entry) {
  const Event& event = *entry.event;
  if (entry.state.record.value > 0) {
    auto subject = subjects_.load(event.tenant, entry.state.record);
    if (subject && *subject == nullptr) {
      return fail(ErrorCode::kCorrupt, "an event's record is missing",
                  "event " + std::to_string(event.sequence.value) + " names record " +
                      std::to_string(entry.state.record.value));
    }
    return subject;
  }
  auto subject = subjects_.load(event.tenant, RecordKey{-event.sequence.value});
  if (subject && *subject != nullptr) return subject;
  const auto change = window.catalog->mapper.to_canonical(event.source, event.entity, event.data);
  if (!change) return fail(change.error());
  return &subjects_.create_stateless(event, *change);
}

void Redriver::push(Window& window, const Event& event) {
  bus_.push({event.sequence, event.order_key, event.priority(), event.tenant, window.steady});
}

}  // namespace datasync::pipeline
