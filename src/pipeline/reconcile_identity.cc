#include <algorithm>
#include <utility>

#include "base/uuid.h"
#include "domain/json.h"
#include "pipeline/identity.h"
#include "pipeline/person_event.h"
#include "pipeline/reconcile.h"
#include "pipeline/reconcile_change.h"

// The second verb's doubt: an event whose natural keys are those of several records. It makes a record of its own, of
// which nobody is told before a person has said which one it is.

namespace datasync::pipeline {
namespace {

Value list_of(const std::vector<EntityId>& ids) {
  std::string text = "[";
  for (const EntityId& id : ids) {
    if (text.size() > 1) text += ',';
    append_json_string(text, id.str());
  }
  return Value::from_canonical(text + "]");
}

std::vector<EntityId> ids_of(const Value& list) {
  std::vector<EntityId> ids;
  for (const Value& id : elements_of(list)) ids.emplace_back(id.as_string().value_or(std::string()));
  return ids;
}

std::string names_of(const std::vector<EntityId>& ids) {
  std::string names;
  for (const EntityId& id : ids) names += (names.empty() ? "" : ", ") + id.str();
  return names;
}

}  // namespace

Result<void> Reconciler::ask_which(Window& window, Change& change, const std::vector<EntityId>& candidates) {
  Record& record = change.record();
  const Event& event = change.event();
  const Hold& hold = record.holds.emplace_back(Hold{kIdentityField, format_uuid(tools_.uuids.next()), {}});
  Conflict review = describe(window, change);
  review.id = hold.review;
  review.type = "data_mismatch";
  review.target = kReviewer;
  review.status = "open";
  review.reason = "its natural keys are those of " + std::to_string(candidates.size()) +
                  " records: a person must say which one it is, or that it is one of its own";
  Conflict::Side side;
  side.field = kIdentityField.str();
  side.source_value = Value::string(record.id.str());
  side.target_value = list_of(candidates);
  side.strategy = "manual_review";
  side.outcome = Conflict::Outcome::kOpen;
  side.platform = event.source;
  side.event = event.id;
  review.fields.push_back(std::move(side));
  stage_review(window, change, std::move(review));
  return {};
}

/// The newest event of each platform waits for the decision; what it says is in the record already.
Result<void> Reconciler::wait_for_identity(Window& window, Change& change, Hold& hold) {
  const Event& event = change.event();
  change.review = hold.review;
  change.learned = true;
  const Hold::Candidate mine{event.source, event.sequence, event_time(event), event.version};
  for (Hold::Candidate& candidate : hold.candidates) {
    if (candidate.platform != event.source) continue;
    const Sequence replaced = std::exchange(candidate, mine).event;
    return release(window, change.record(), replaced, "a newer change of " + event.source.str() + " took its place");
  }
  hold.candidates.push_back(mine);
  return {};
}

Result<Settlement> Reconciler::prepare_identity(const Window& window, const ReviewDecision& decision,
                                                Settlement settlement) {
  using Choice = ReviewDecision::Choice;
  if (decision.choice == Choice::kMerged) {
    return fail(ErrorCode::kInvalid, "/choice: must be target, for one of the records, or source, for one of its own");
  }
  if (decision.choice == Choice::kSource) return prepare_sameness(window, decision, std::move(settlement), nullptr);
  const std::vector<EntityId> candidates = ids_of(settlement.review.fields.front().target_value);
  const bool is_candidate = std::find(candidates.begin(), candidates.end(), decision.entity_id) != candidates.end();
  if (!is_candidate) {
    return fail(ErrorCode::kInvalid, "/entity_id: must name which record it is, one of " + names_of(candidates));
  }
  MergeRequest merge;
  merge.keep = decision.entity_id;
  merge.newest = true;
  return prepare_sameness(window, decision, std::move(settlement), &merge);
}

/// What a decision makes of the record: a part of the one that `merge` keeps, or, without, a record of its own, whose
/// values all platforms are told.
Result<Settlement> Reconciler::prepare_sameness(const Window& window, const ReviewDecision& decision,
                                                Settlement settlement, const MergeRequest* merge) {
  const Record& record = settlement.subject->record;
  if (merge == nullptr) {
    Fields all;
    for (const FieldState& field : record.fields) all.set(field.name, field.value);
    settlement.event = event_of_person(*window.catalog, record, all, decision.by, decision.reason);
  } else {
    MergeRequest request = *merge;
    const auto keep =
        subjects_.find(record.tenant, identity_of_canonical(record.tenant, record.entity, request.keep.str()));
    if (!keep) return fail(keep.error());
    if (*keep != nullptr) request.keep = (*keep)->record.id;  // it may be part of another by now
    request.tenant = record.tenant;
    request.entity = record.entity;
    request.other = record.id;
    request.review = settlement.review.id;
    request.by = decision.by;
    request.reason = decision.reason;
    auto joint = prepare(window, request);
    if (!joint) return fail(std::move(joint).error());
    settlement.event = joint->event;
    settlement.joint = std::move(*joint);
  }
  settlement.event->metadata.set("conflict_id", Value::string(settlement.review.id));
  return settlement;
}

Result<Conflict> Reconciler::settle_identity(Window& window, Entry& entry, Settlement settlement) {
  Subject& subject = *settlement.subject;
  Record& record = subject.record;
  Conflict& review = settlement.review;
  const auto held = std::find_if(record.holds.begin(), record.holds.end(),
                                 [&review](const Hold& hold) { return hold.review == review.id; });
  const Hold decided = std::move(*held);
  record.holds.erase(held);
  Change doing(entry, subject, window.catalog->mapper.plan(entry.event->source, entry.event->entity));
  if (settlement.joint) {
    DATASYNC_TRY(merge(window, entry, *settlement.joint));
  } else {
    entry.state.record = record.key;
    doing.changed = true;
    DATASYNC_TRY(record_outcome(window, doing));
  }
  const bool says_source = settlement.choice == ReviewDecision::Choice::kSource;
  review.fields.front().outcome = says_source ? Conflict::Outcome::kSource : Conflict::Outcome::kTarget;
  close(review, settlement, entry.event->id, window.now);
  stage_review(window, doing, review);
  for (const Hold::Candidate& candidate : decided.candidates) {
    DATASYNC_TRY(release(window, record, candidate.event, "decided in review " + review.id));
  }
  if (!settlement.joint) plan_deliveries(window, doing);
  return review;
}

}  // namespace datasync::pipeline
