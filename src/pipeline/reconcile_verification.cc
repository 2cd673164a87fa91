#include <algorithm>
#include <utility>

#include "pipeline/reconcile.h"
#include "pipeline/reconcile_change.h"
#include "pipeline/verification.h"

// The second verb where not a person of ours decides a review but the one who holds the proposed value.

namespace datasync::pipeline {

/// Asks the holder of the value whether it is theirs, where the field's rule says so and a notifier can be reached.
/// Else the review waits for a person as any other.
void Reconciler::ask_holder(Window& window, Conflict& review, const Conflict::Side& side, bool is_new) {
  const Catalog& catalog = *window.catalog;
  const auto& rule = catalog.rules.rule(review.entity, side.field).review;
  if (!rule || !rule->verification) return;
  const conflict::Verification& how = *rule->verification;
  const delivery::Connector* notifier = catalog.connector(how.notifier);
  if (notifier == nullptr || !notifier->serves(std::string(kVerificationEntity), Verb::kCreated)) return;
  // What is no address at all has no holder: that it was taken away, or came as something else.
  const auto address = side.source_value.as_string();
  if (!address || address->empty()) return;
  const auto expires_at = std::chrono::floor<seconds>(window.now) + how.expires_after;
  review.expires_at = expires_at;
  review.expires_to = how.to_source ? Conflict::Outcome::kSource : Conflict::Outcome::kTarget;
  if (is_new) review.reason = "a change of " + side.field + " waits to be verified by who holds it";
  window.made_events.push_back(make_verification_request(review, side, how.notifier, expires_at));
}

/// One of several proposals is none: its platform hears the golden value, the others wait on.
Result<Conflict> Reconciler::decline_one(Window& window, Entry& entry, Settlement settlement) {
  Subject& subject = *settlement.subject;
  Record& record = subject.record;
  Conflict& review = settlement.review;
  const PlatformId& platform = settlement.platform;
  Change doing(entry, subject, window.catalog->mapper.plan(entry.event->source, entry.event->entity));
  entry.state.record = record.key;
  const auto held = std::find_if(record.holds.begin(), record.holds.end(),
                                 [&review](const Hold& hold) { return hold.review == review.id; });
  const auto candidate = std::find_if(held->candidates.begin(), held->candidates.end(),
                                      [&platform](const Hold::Candidate& one) { return one.platform == platform; });
  const Sequence released = candidate->event;
  held->candidates.erase(candidate);

  Conflict declined = review;
  std::erase_if(declined.fields, [&platform](const Conflict::Side& side) { return side.platform != platform; });
  std::erase_if(review.fields, [&platform](const Conflict::Side& side) { return side.platform == platform; });
  declined.id = id_of_declined(review.id, verification_tokens_.proposal_of(declined.fields.front().event.str()));
  declined.fields.front().outcome = Conflict::Outcome::kTarget;
  declined.event = released;
  declined.event_id = declined.fields.front().event;
  declined.source = platform;
  declined.status = "resolved";
  declined.expires_at.reset();
  declined.resolved_at = window.now;
  declined.resolved_by = settlement.by;
  declined.resolved_why = settlement.reason;
  declined.resolved_event = entry.event->id;

  review.event = held->candidates.front().event;
  review.event_id = review.fields.front().event;
  review.source = review.fields.front().platform;
  ++review.revision;
  doing.learned = true;
  DATASYNC_TRY(record_outcome(window, doing));
  stage_review(window, doing, review);
  stage_review(window, doing, declined);
  DATASYNC_TRY(release(window, record, released, "declined in review " + review.id));
  plan_deliveries(window, doing);
  return declined;
}

}  // namespace datasync::pipeline
