#include <algorithm>
#include <utility>

#include "pipeline/holdings.h"
#include "pipeline/identity.h"
#include "pipeline/reconcile.h"
#include "pipeline/reconcile_change.h"

// The second verb where a platform keeps two records in one copy (`deliver_one_copy.cc`): it is told nothing more of
// the one that came later before a person has said whether they are one.

namespace datasync::pipeline {

/// The newest event that its platform is to hear of waits for the decision, and the review names it.
Result<void> Reconciler::wait_for_copy(Window& window, Change& change, Hold& hold) {
  const Event& event = change.event();
  if (hold.candidates.empty()) return {};
  Hold::Candidate& mine = hold.candidates.front();
  const bool is_told = std::find(event.targets.begin(), event.targets.end(), mine.platform) != event.targets.end();
  if (!is_told || event.source == mine.platform) return {};
  change.learned = true;
  const Sequence replaced = std::exchange(mine.event, event.sequence);
  auto review = load_review(window, event.tenant, hold.review);
  if (!review) return fail(std::move(review).error());
  review->event = event.sequence;
  review->event_id = review->fields.front().event = event.id;
  window.batch.conflicts.push_back(std::move(*review));
  return release(window, change.record(), replaced, "a newer change took its place");
}

/// Whether two records that their platform keeps in one copy are one: `source`, as it says, or `target`.
Result<Settlement> Reconciler::prepare_copy(const Window& window, const ReviewDecision& decision,
                                            Settlement settlement) {
  using Choice = ReviewDecision::Choice;
  if (decision.choice == Choice::kMerged) {
    return fail(ErrorCode::kInvalid, "/choice: must be source, if they are one, or target, if they are two");
  }
  if (decision.choice == Choice::kTarget) return prepare_sameness(window, decision, std::move(settlement), nullptr);
  MergeRequest merge;
  merge.keep = EntityId(settlement.review.fields.front().source_value.as_string().value_or(std::string()));
  return prepare_sameness(window, decision, std::move(settlement), &merge);
}

/// Tells a platform what it may have lost. Changes nothing.
Result<void> Reconciler::repair(Window& window, Entry& entry) {
  const Event& event = *entry.event;
  const auto subject =
      subjects_.find(event.tenant, identity_of_canonical(event.tenant, event.entity, event.entity_id.str()));
  if (!subject) return fail(subject.error());
  if (*subject == nullptr) {
    finish(window, entry, EventStatus::kFailed, "its record is gone");
    return {};
  }
  Change doing(entry, **subject, window.catalog->mapper.plan(event.source, event.entity));
  entry.state.record = doing.record().key;
  plan_deliveries(window, doing);
  return {};
}

}  // namespace datasync::pipeline
