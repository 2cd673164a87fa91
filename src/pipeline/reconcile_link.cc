#include <algorithm>
#include <string>

#include "pipeline/frozen.h"
#include "pipeline/holdings.h"
#include "pipeline/identity.h"
#include "pipeline/person_event.h"
#include "pipeline/reconcile.h"
#include "pipeline/reconcile_change.h"

// The second verb where it is found out which of its platform's copies an event speaks of.

namespace datasync::pipeline {
namespace {

/// The change that may arrive at the platform, or has arrived unseen.
Attempt* attempt_under_way(Subject& subject, const PlatformId& platform) {
  Outbox* outbox = subject.find_outbox(platform);
  if (outbox == nullptr || !outbox->attempt) return nullptr;
  const bool is_exposed =
      outbox->phase == Outbox::Phase::kInFlight || outbox->attempt->unknown || outbox->attempt->covered == 0;
  return is_exposed ? outbox->attempt.get() : nullptr;
}

/// A request names ids: a copy of another one it can't touch. A create makes a copy whose id we do not know.
bool may_touch(const Attempt& attempt, const std::string& id) {
  const auto& ids = attempt.change.known_ids;
  return id.empty() || !names_record(ids) ||
         std::any_of(ids.begin(), ids.end(), [&id](const OwnId& own) { return own.id == id; });
}

}  // namespace

/// Whatever the record was found by, it is found by all the ids of this event from now on.
Result<void> Reconciler::link(Window& window, Change& change) {
  const Event& event = change.event();
  Record& record = change.record();
  const bool is_new = record.version.value == 0;
  if (is_new) {
    subjects_.identify(change.subject, identity_of_canonical(event.tenant, event.entity, record.id.str()),
                       storage::IdentityKind::kCanonical);
  } else if (!event.entity_id.empty() && event.entity_id != record.id) {
    const Hash128 alias = identity_of_canonical(event.tenant, event.entity, event.entity_id.str());
    const auto known = subjects_.find(event.tenant, alias);
    if (!known) return fail(known.error());
    if (*known == nullptr) subjects_.identify(change.subject, alias, storage::IdentityKind::kCanonical);
  }
  if (event.own_id.empty()) {
    place_copy(change, false);
    return {};
  }
  const Hash128 own = identity_of_own_id(event.tenant, event.entity, event.source, event.own_id);
  const auto holder = subjects_.find(event.tenant, own);
  if (!holder) return fail(holder.error());
  const bool is_linked = *holder == &change.subject;
  place_copy(change, is_linked);
  if (is_linked && !record.absorbed.empty() && change.copy.kind != CopyOfEvent::Kind::kPresent) {
    const auto itself = subjects_.find_itself(event.tenant, own);
    if (!itself) return fail(itself.error());
    if (*itself != &change.subject) change.unkept = (*itself)->record.known_by(event.source);
  }
  if (is_linked) return {};
  // `entity_id` decides against links: the link moves to the record that the client named.
  if (*holder != nullptr) {
    subjects_.forget_identity(**holder, own, storage::IdentityKind::kOwnId);
    lose_copy_to(window, change, **holder);
  }
  subjects_.identify(change.subject, own, storage::IdentityKind::kOwnId);
  return {};
}

/// The event's copy was the present one of another record, which would go on writing into it.
void Reconciler::lose_copy_to(Window& window, Change& change, Subject& former) {
  const Event& event = change.event();
  if (former.record.known_by(event.source) == nullptr) return;
  Knowledge& known = former.record.knowledge_of(event.source);
  if (forget_beside(known, event.own_id)) subjects_.mark_dirty(former);
  if (known.own_id() != event.own_id) return;
  const Attempt* under_way = attempt_under_way(former, event.source);
  change.copy.doubtful = change.copy.doubtful || under_way != nullptr;  // what is on its way to it may arrive yet
  subjects_.mark_dirty(former);
  if (!take_copy_beside(former.record, known, event_time(event), under_way)) {
    end_copy(former.record, known, RecordVersion{}, event_time(event), under_way);
    return;
  }
  window.made_events.push_back(
      repair_of(former.record, event.source, event.own_id + " of " + event.source.str() + " is another record's now"));
}

/// Finds out which of its platform's copies the event is about. That copy is the present one from now on, unless it
/// seems to be gone.
void Reconciler::place_copy(Change& change, bool is_linked) {
  using Kind = CopyOfEvent::Kind;
  const Event& event = change.event();
  Record& record = change.record();
  change.under_way = attempt_under_way(change.subject, event.source);
  change.copy = copy_of_event(record, event, is_linked, change.under_way);
  // What it speaks of may be what we are just making; or that will be another copy, which its platform must hear of.
  change.source_corrected = change.is_being_created() || change.copy.kind != Kind::kPresent;
  if (change.under_way != nullptr && may_touch(*change.under_way, event.own_id)) {
    change.exposed = change.under_way;
    if (is_copy_in_doubt(change.source())) change.in_doubt_since = change.source().find(kDeletedField)->acknowledged;
  }
  if (change.copy.kind == Kind::kNext) {
    // The former one may live on. Where an update is the first that we hear of the id, it may have been renamed.
    const bool is_another = event.verb == Verb::kCreated || is_linked;
    const std::string former(change.source().own_id());
    if (is_another && holds_record(record, event.source) && !former.empty()) note_beside(change.source(), former);
    take_copy(record, change.source(), event.own_id, change.under_way);
    change.learned = true;
  } else if (change.copy.doubtful && event.verb == Verb::kCreated) {
    note_beside(change.source(), event.own_id);
    change.learned = true;
  } else if (change.copy.kind == Kind::kPresent && event.verb != Verb::kDeleted) {
    learn_own_id(change);
  }
}

/// What was said to the platform without that id is repeated without it, also after a restart.
void Reconciler::learn_own_id(Change& change) {
  Knowledge& source = change.source();
  const Event& event = change.event();
  const Outbox* outbox = change.subject.find_outbox(event.source);
  const bool is_other = !event.own_id.empty() && source.own_id() != event.own_id;
  if (is_other && outbox != nullptr && outbox->attempt) freeze_ids(source, *outbox->attempt);
  change.learned = source.learn_id({}, event.own_id) || change.learned;
}

/// What the event says of the copy as a whole.
void Reconciler::settle_copy(Window& window, Change& change) {
  const bool is_next = change.copy.kind == CopyOfEvent::Kind::kNext;
  if (change.copy.doubtful) {
    doubt_copy(change.source(), window.now);
    change.source_corrected = true;
  } else if (change.in_doubt_since) {
    keep_in_doubt(change.source(), *change.in_doubt_since);
  } else if (is_next && !holds_record(change.record(), change.event().source)) {
    note_living(change.source(), Timestamp{});  // we never touched it
  }
  change.learned = change.learned || is_next || change.copy.doubtful;
}

}  // namespace datasync::pipeline
