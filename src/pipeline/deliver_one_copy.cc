#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/uuid.h"
#include "pipeline/deliver.h"
#include "pipeline/engine.h"
#include "pipeline/holdings.h"
#include "pipeline/identity.h"
#include "pipeline/person_event.h"

// The second half of the third verb where a target answers for one record with its copy of another: it takes both for
// one thing, and what we say of the one overwrites the other there.

namespace datasync::pipeline {
namespace {

bool keeps_copy(const Record& record, const PlatformId& target, const std::string& id) {
  const Knowledge* known = record.known_by(target);
  if (known == nullptr || record.is_deleted() || !holds_record(record, target)) return false;
  return known->own_id() == id || is_beside(*known, id);
}

Conflict review_of(const Record& record, const Record& other, const PlatformId& target, const Hold& hold) {
  Conflict review;
  review.id = hold.review;
  review.type = "data_mismatch";
  review.tenant = record.tenant;
  review.record = record.key;
  review.entity = record.entity;
  review.entity_id = record.id;
  review.event = hold.candidates.front().event;
  review.source = target;
  review.target = kReviewer;
  review.status = "open";
  review.reason = target.str() + " keeps it in one copy with " + other.id.str() +
                  ": a person must say whether they are one thing, or two that it must tell apart";
  review.version = record.version;
  Conflict::Side& side = review.fields.emplace_back();
  side.field = hold.field.str();
  side.source_value = Value::string(other.id.str());
  side.target_value = Value::string(record.id.str());
  side.strategy = "manual_review";
  side.outcome = Conflict::Outcome::kOpen;
  side.platform = target;
  return review;
}

}  // namespace

/// The record whose living copy the target answered with, though it was asked about another; null if there is none.
Result<Subject*> Deliverer::whose_copy(const Outbox& outbox, const delivery::Outcome& outcome) const {
  const Subject& subject = *outbox.subject;
  if (subject.stateless) return nullptr;
  const Record& record = subject.record;
  for (const OwnId& own : outcome.learned) {
    if (!own.role.empty()) continue;
    const auto holder =
        subjects_.find(record.tenant, identity_of_own_id(record.tenant, record.entity, outbox.target, own.id));
    if (!holder) return fail(holder.error());
    if (*holder == nullptr || *holder == &subject) continue;
    if (keeps_copy((*holder)->record, outbox.target, own.id)) return *holder;
  }
  return nullptr;
}

/// As long as it has not been told all (it refused a create so, or was asked who has the natural key), the two may be
/// alike there only because the other one's change is on its way: it is asked again as after any refusal, at least for
/// the quick retries. A person is asked once nothing more is to be expected, or if it took the one for the other.
void Deliverer::answered_for_another(Window& window, Outbox& outbox, const delivery::Outcome& outcome, Subject& other) {
  const Outbox* others = other.find_outbox(outbox.target);
  const bool is_on_its_way = others != nullptr && others->phase != Outbox::Phase::kIdle;
  const auto is_tried_again = [&](Sequence sequence) {
    Entry* entry = ledger_.find(sequence);
    const DeliveryResult* result = entry == nullptr ? nullptr : entry->result_of(outbox.target);
    if (result == nullptr) return false;
    const bool may_change = is_on_its_way || retry_plan_.is_quick(static_cast<std::uint32_t>(result->attempts));
    return may_change && next_retry(window, outcome, *entry, *result).has_value();
  };
  const auto covered = outbox.waiting.begin() + static_cast<std::ptrdiff_t>(outbox.attempt->covered);
  const bool is_done = outcome.kind == delivery::Outcome::Kind::kDelivered;
  if (!is_done && std::any_of(outbox.waiting.begin(), covered, is_tried_again)) {
    delivery::Outcome refusal = outcome;
    if (refusal.message.empty()) refusal.message = outbox.target.str() + " has that of " + other.record.id.str();
    renew_key(outbox);
    refused(window, outbox, refusal);
    return;
  }
  ask_whether_one(window, outbox, other);
}

void Deliverer::ask_whether_one(Window& window, Outbox& outbox, Subject& other) {
  Record& record = outbox.subject->record;
  const PlatformId target = outbox.target;
  outbox.attempt->unknown = false;
  drop_attempt(window, outbox);
  Knowledge& known = record.knowledge_of(target);
  if (holds_record(record, target) && !take_copy_beside(record, known, window.now, nullptr)) {
    end_copy(record, known, RecordVersion{}, window.now, nullptr);
  }
  doubt_copy(other.record.knowledge_of(target), window.now);
  subjects_.mark_dirty(*outbox.subject);
  subjects_.mark_dirty(other);

  window.made_events.push_back(
      repair_of(other.record, target, target.str() + " was told " + record.id.str() + " in the same copy"));
  if (is_gone(record) && holds_record(record, target)) return go_on(window, outbox);  // it has another copy to delete
  if (is_gone(record)) {  // there is nothing left to tell apart
    close_results(window, outbox, outbox.waiting.size(), ResultStatus::kSkipped, "deleted");
    outbox.phase = Outbox::Phase::kIdle;
    return;
  }
  log::warning("{} keeps two {} records in one copy; a person is asked", target.str(), record.entity);
  Hold& hold = record.holds.emplace_back(Hold{copy_field_of(target), format_uuid(tools_.uuids.next()), {}});
  hold.candidates.push_back({target, outbox.waiting.back(), window.now, std::nullopt});
  Conflict review = review_of(record, other.record, target, hold);
  review.created_at = window.now;
  const Entry* newest = ledger_.find(outbox.waiting.back());
  if (newest != nullptr) review.event_id = review.fields.front().event = newest->event->id;
  if (window.wants_notices) {
    window.notices.push_back({Notice::Kind::kConflict,
                              newest == nullptr ? nullptr : newest->event,
                              {},
                              std::make_shared<const Conflict>(review)});
  }
  window.batch.conflicts.push_back(std::move(review));
  // The newest one that waits is in review from now on, by the hold; the others have nothing to wait for.
  close_results(window, outbox, outbox.waiting.size(), ResultStatus::kSkipped,
                "a person is asked in review " + hold.review);
  outbox.phase = Outbox::Phase::kIdle;
}

}  // namespace datasync::pipeline
