#include "pipeline/reconcile.h"

#include <algorithm>
#include <utility>

#include "base/uuid.h"
#include "conflict/detector.h"
#include "domain/money.h"
#include "pipeline/holdings.h"
#include "pipeline/identity.h"
#include "pipeline/person_event.h"
#include "pipeline/reconcile_change.h"
#include "pipeline/verification.h"

namespace datasync::pipeline {
namespace {

using conflict::Verdict;

const Value kFalse = Value::boolean(false);

DeliveryResult make_result(const PlatformId& target, ResultStatus status, std::string message, Timestamp now) {
  DeliveryResult result;
  result.target = target;
  result.status = status;
  result.error_message = std::move(message);
  if (status != ResultStatus::kPending) result.processed_at = now;
  return result;
}

/// What an attempt says of the field. Null if there is none, or it does not say it.
SentField* sent_of(Attempt* attempt, const FieldName& field) {
  if (attempt == nullptr) return nullptr;
  for (SentField& sent : attempt->fields) {
    if (sent.name == field) return &sent;
  }
  return nullptr;
}

/// The version in which the event's platform has seen the value that it and another have both written. Who names a base
/// version is judged by what it was told, and of the other's value it was told nothing.
RecordVersion seen_version(const Event& event, const FieldState& golden) {
  const bool was_told = !event.base_version || golden.writer == event.source || golden.name == kDeletedField;
  return was_told ? golden.version : std::min(golden.version, RecordVersion{*event.base_version});
}

}  // namespace

Reconciler::Reconciler(Tools tools, Ledger& ledger, Subjects& subjects, Deliverer& deliverer)
    : tools_(tools),
      ledger_(ledger),
      subjects_(subjects),
      deliverer_(deliverer),
      natural_keys_(tools.store.identity_secret()),
      verification_tokens_(tools.store.identity_secret()) {}

Result<void> Reconciler::reconcile(Window& window, Entry& entry) {
  Reading reading = read(window, entry);
  return reconcile(window, reading);
}

Result<void> Reconciler::reconcile(Window& window, Reading& reading) {
  Entry& entry = *reading.entry;
  const Event& event = *entry.event;
  if (event.expires_at && *event.expires_at <= window.now) {
    finish(window, entry, EventStatus::kExpired,
           "expired at " + format_rfc3339(*event.expires_at) + " before its turn came");
    return {};
  }
  if (event.source == kReviewer && event.metadata.contains(kRepairs)) return repair(window, entry);
  const transform::Mapper& mapper = window.catalog->mapper;
  auto& change = reading.change;
  if (!change) {
    finish(window, entry, EventStatus::kFailed, change.error().message);
    return {};
  }
  const transform::EntityRules* rules = window.catalog->entity(event.entity);
  if ((rules != nullptr && rules->stateless) || is_verification_request(event)) {
    plan_stateless(window, entry, *change);
    return {};
  }

  std::vector<EntityId> candidates;
  auto found = find(window, reading, candidates);
  if (!found) return fail(std::move(found).error());
  if (candidates.size() > 1 && event.verb == Verb::kDeleted) {
    finish(window, entry, EventStatus::kFailed,
           "its natural keys are those of " + std::to_string(candidates.size()) +
               " records: `entity_id` would say which one is deleted");
    return {};
  }
  const Record* known = *found == nullptr ? nullptr : &(*found)->record;
  if (event.base_version && *event.base_version > (known == nullptr ? 0 : known->version.value)) {
    finish(window, entry, EventStatus::kFailed,
           "base_version " + std::to_string(*event.base_version) + " is above the record's version " +
               std::to_string(known == nullptr ? 0 : known->version.value));
    return {};
  }
  if (auto completed = mapper.complete(event.source, event.entity, known, *change); !completed) {
    finish(window, entry, EventStatus::kFailed, completed.error().message);
    return {};
  }

  const bool is_new = *found == nullptr;
  if (is_new) {
    EntityId id = event.entity_id.empty() ? EntityId(format_uuid(tools_.uuids.next())) : event.entity_id;
    *found = &subjects_.create(event.tenant, event.entity, std::move(id));
    if (event.verb == Verb::kCreated) mapper.add_create_defaults(event.entity, change->fields);
  }
  Change doing(entry, **found, mapper.plan(event.source, event.entity));
  entry.state.record = doing.record().key;
  DATASYNC_TRY(deliverer_.recall(window, doing.subject, event.source));
  DATASYNC_TRY(link(window, doing));

  bool is_revived = false;  // or may be, once a person has decided so
  if (doing.record().is_deleted() && event.verb != Verb::kDeleted && !is_copy_new(doing)) {
    const auto contested = contest_tombstone(window, doing, change->fields);
    if (!contested) return fail(contested.error());
    is_revived = *contested;
  }
  if (doing.record().is_deleted() && event.verb == Verb::kUpdated && !is_revived) {
    note_late_values(window, doing, change->fields);
    settle_copy(window, doing);
    DATASYNC_TRY(record_outcome(window, doing));
    plan_after_tombstone(window, doing);
    return {};
  }
  if (event.verb == Verb::kDeleted) {
    DATASYNC_TRY(judge_delete(window, doing));
    if (is_gone(doing.record())) DATASYNC_TRY(close_reviews_of_deleted(window, doing));
  } else {
    if (doing.record().find(kDeletedField) != nullptr && !doing.is_former() && !is_revived) {
      const bool was_deleted = doing.record().is_deleted();
      DATASYNC_TRY(judge(window, doing, kDeletedField, kFalse));
      doing.is_remade = was_deleted && !doing.record().is_deleted() && event.verb == Verb::kCreated;
      // Where its platform had the record before, it has only what was said of it now.
      doing.source_corrected = doing.source_corrected || event.verb == Verb::kCreated;
    }
    for (const std::string& key : mapper.natural_keys(event.entity)) {
      const Value* after = change->fields.find(key);
      if (after == nullptr) continue;
      const FieldState* state = doing.record().find(key);
      const std::optional<Value> before = state == nullptr ? std::nullopt : std::optional(state->value);
      DATASYNC_TRY(judge(window, doing, key, *after));
      state = doing.record().find(key);
      if (state == nullptr) continue;
      DATASYNC_TRY(move_natural_key(window, doing.subject, key, before ? &*before : nullptr, state->value));
    }
    for (const Field& field : change->fields) {
      const auto& keys = mapper.natural_keys(event.entity);
      if (std::find(keys.begin(), keys.end(), field.name) != keys.end()) continue;
      DATASYNC_TRY(judge(window, doing, field.name, field.value));
    }
    DATASYNC_TRY(note_missing(window, doing, change->fields));
    settle_copy(window, doing);
  }
  if (is_new) doing.changed = true;
  if (is_new && candidates.size() > 1) DATASYNC_TRY(ask_which(window, doing, candidates));
  DATASYNC_TRY(record_outcome(window, doing));
  plan_deliveries(window, doing);
  return {};
}

/// Whether the event is the first that is heard of a copy that was created: that it is there is news then.
bool Reconciler::is_copy_new(const Change& change) {
  if (change.event().verb != Verb::kCreated) return false;
  return change.copy.kind != CopyOfEvent::Kind::kPresent || !holds_record(change.record(), change.event().source) ||
         change.record().known_by(change.event().source)->values.empty();
}

Result<Subject*> Reconciler::find(Window& window, const Reading& reading, std::vector<EntityId>& candidates) {
  const Event& event = *reading.entry->event;
  const transform::CanonicalChange& change = *reading.change;
  if (!event.entity_id.empty()) {
    auto found = subjects_.find(event.tenant, identity_of_canonical(event.tenant, event.entity, event.entity_id.str()));
    if (!found || *found != nullptr) return found;
  }
  if (!change.own_id.empty()) {
    auto found =
        subjects_.find(event.tenant, identity_of_own_id(event.tenant, event.entity, event.source, change.own_id));
    if (!found || *found != nullptr) return found;
  }
  Subject* first = nullptr;
  for (const std::string& key : window.catalog->mapper.natural_keys(event.entity)) {
    const auto identity = natural_identity(window, reading, key);
    if (!identity) continue;
    auto found = subjects_.find(event.tenant, *identity);
    if (!found) return found;
    if (*found == nullptr) continue;
    if (first == nullptr || first->record.is_deleted()) first = *found;
    const EntityId& id = (*found)->record.id;
    const bool is_known = std::find(candidates.begin(), candidates.end(), id) != candidates.end();
    if (!is_known && !(*found)->record.is_deleted()) candidates.push_back(id);
  }
  return candidates.size() > 1 ? nullptr : first;
}

Result<void> Reconciler::move_natural_key(Window& window, Subject& subject, const FieldName& field, const Value* before,
                                          const Value& after) {
  if (before != nullptr && *before == after) return {};
  const Record& record = subject.record;
  const transform::Mapper& mapper = window.catalog->mapper;
  const auto hash_of = [&](const Value& value) -> std::optional<Hash128> {
    const auto normalised = mapper.normalised_key(record.entity, field, value);
    if (!normalised) return std::nullopt;
    return natural_keys_.hash(natural_key_text(record.tenant, record.entity, field, *normalised));
  };
  const std::optional<Hash128> old_hash = before == nullptr ? std::nullopt : hash_of(*before);
  const std::optional<Hash128> new_hash = hash_of(after);
  if (old_hash == new_hash) return {};
  if (old_hash) {
    const auto holder = subjects_.find(record.tenant, *old_hash);
    if (!holder) return fail(holder.error());
    if (*holder == &subject) subjects_.forget_identity(subject, *old_hash, storage::IdentityKind::kNaturalKey);
  }
  if (!new_hash) return {};
  const auto holder = subjects_.find(record.tenant, *new_hash);
  if (!holder) return fail(holder.error());
  // Two records may come to share an address; the first keeps being found by it.
  if (*holder == nullptr) subjects_.identify(subject, *new_hash, storage::IdentityKind::kNaturalKey);
  return {};
}

/// The record is deleted, so what its platform says changes nothing; but should it come back before the platform has
/// heard of the deletion, the platform holds these values.
void Reconciler::note_late_values(Window& window, Change& change, const Fields& fields) {
  const Event& event = change.event();
  const bool is_next = change.copy.kind == CopyOfEvent::Kind::kNext;  // it is there, though it is not noted yet
  if (change.is_former() || !(is_next || holds_record(change.record(), event.source))) return;
  for (const Field& field : fields) {
    const conflict::Observation seen = observe(window, change, field.name, field.value);
    const KnownValue* held = change.source().find(field.name);
    if (is_overtaken(change, seen)) {
      doubt(change.source(), field.name, window.now);
    } else if (held == nullptr || held->hash != seen.held_hash) {
      hold(change, field.name, RecordVersion{0}, seen.held_hash);
    }
    change.learned = true;
  }
}

/// Whether what we told the copy may have come after what the event says of it. Another copy than before was told
/// nothing, unless it was the present one once.
bool Reconciler::is_overtaken(const Change& change, const conflict::Observation& seen) {
  if (change.copy.may_be_told && seen.field != kDeletedField) return true;
  const bool is_untold = change.copy.kind == CopyOfEvent::Kind::kNext && !seen.delivery_unknown;
  return !is_untold && conflict::may_be_overtaken(change.record(), change.event(), seen);
}

conflict::Observation Reconciler::observe(const Window& window, const Change& change, const FieldName& field,
                                          const Value& value) {
  const transform::Mapper& mapper = window.catalog->mapper;
  const Record& record = change.record();
  conflict::Observation seen;
  seen.field = field;
  seen.held_hash = mapper.held_hash(change.plan, field, value);
  if (const FieldState* golden = record.find(field)) {
    seen.golden_hash = golden->value == value ? seen.held_hash : mapper.held_hash(change.plan, field, golden->value);
  }
  seen.of_former_copy = change.is_former();
  if (SentField* sent = sent_of(change.exposed, field)) {
    note_crossing(change.record(), change.event(), seen, *sent);
    seen.delivery_unknown = true;
    seen.sent_hash = sent->hash;
    seen.delivery_lingers = change.exposed->covered == 0;
  }
  return seen;
}

/// Whether an amount that is worth as much as the golden one on its platform is an original all the same. Of a living
/// record it may be what we told it, come back, and each rounding would move the golden one.
bool Reconciler::is_original(const Change& change, const conflict::Observation& seen, const FieldState& golden,
                             const Value& value) {
  return change.is_remade && !seen.delivery_unknown && golden.value != value && Money::from_value(value) &&
         Money::from_value(golden.value);
}

Result<conflict::Verdict> Reconciler::judge(Window& window, Change& change, const FieldName& field,
                                            const Value& value) {
  const Event& event = change.event();
  Record& record = change.record();
  const FieldState* golden = record.find(field);
  const conflict::Observation seen = observe(window, change, field, value);
  const Hold* held = record.find_hold(field);
  const Verdict judged = conflict::judge(record, event, seen);
  const bool is_old = held != nullptr && judged != Verdict::kEcho && is_older_proposal(change, *held);
  const KnownValue* unkept = change.unkept == nullptr ? nullptr : change.unkept->find(field);
  // It has always been there: that the record has another value since the merge is no change of its platform's.
  const bool is_untouched = unkept != nullptr && unkept->hash == seen.held_hash && judged != Verdict::kSame;
  const bool is_repeated = held != nullptr && !is_old && judged != Verdict::kSame && repeat_proposal(change, seen);
  Verdict verdict = is_old ? Verdict::kStale : is_repeated || is_untouched ? Verdict::kEcho : judged;
  if (verdict == Verdict::kSame && is_original(change, seen, *golden, value)) verdict = Verdict::kOrdinary;
  const bool is_next = change.copy.kind == CopyOfEvent::Kind::kNext;
  const bool is_asked = field == kDeletedField && change.in_doubt_since && !seen.delivery_unknown;
  const bool overtaken = !change.is_former() && !is_asked && event.verb != Verb::kDeleted &&
                         verdict != Verdict::kStale && is_overtaken(change, seen);
  switch (verdict) {
    case Verdict::kStale:
    case Verdict::kEcho:
      break;
    case Verdict::kSame: {
      const KnownValue* before = change.is_former() ? nullptr : change.source().find(field);
      // Who deleted its copy takes that back by another one; that the one is there which we made says nothing.
      const bool takes_back = field == kDeletedField
                                  ? value != kFalse || is_next || event.own_id.empty()
                                  : before != nullptr && conflict::is_own_write(record, event.source, *before);
      hold(change, field, seen_version(event, *golden), seen.held_hash);
      // Else our own value may have landed on top of what it proposes: a person decides all the same.
      if (held != nullptr && takes_back) DATASYNC_TRY(withdraw(window, change, field));
      break;
    }
    case Verdict::kOrdinary:
    case Verdict::kConcurrent:
      if (field == kDeletedField) {
        DATASYNC_TRY(settle_existence(window, change, value, verdict, seen.held_hash));
        break;
      }
      if (verdict == Verdict::kOrdinary) {
        DATASYNC_TRY(take_over(window, change, field, value, seen.held_hash));
        break;
      }
      DATASYNC_TRY(settle_conflict(window, change, field, value, seen.held_hash, verdict));
      break;
  }
  if (!overtaken) return verdict;
  // What we sent may have landed on top of what the platform wrote: it must hear the outcome again.
  if (field == kDeletedField) {
    change.copy.doubtful = true;
  } else {
    doubt(change.source(), field, window.now);
    change.learned = true;
  }
  change.source_corrected = true;
  return verdict;
}

/// Its platform holds the value; what it says of a former copy is not what is in the present one.
void Reconciler::hold(Change& change, const FieldName& field, RecordVersion version, std::uint64_t held_hash) {
  if (change.is_former()) return;
  change.source().hold({field, version, held_hash, event_time(change.event())});
  change.learned = true;
}

void Reconciler::overwrite(Change& change, const FieldName& field, const Value& value) {
  const Event& event = change.event();
  FieldState& state = change.record().at_or_new(field);
  const bool existed = state.version.value > 0;
  const std::int64_t event_micros = event_time(event).time_since_epoch().count();
  const HybridTime time{existed ? std::max(event_micros, state.time.microseconds + 1) : event_micros};
  if (existed) change.overwritten.push_back(state);
  state.value = value;
  state.writer = event.source;
  state.time = time;
  state.version = change.next_version;
  state.event = event.sequence;
  state.source_time = event_time(event);
  state.source_version = change.is_former() ? std::nullopt : event.version;
  change.changed = true;
}

/// Puts the record, its history and its conflict into the window's transaction.
Result<void> Reconciler::record_outcome(Window& window, Change& change) {
  Record& record = change.record();
  const Event& event = change.event();
  if (Hold* hold = record.find_hold(kIdentityField)) DATASYNC_TRY(wait_for_identity(window, change, *hold));
  for (Hold& hold : record.holds) {
    if (is_copy_field(hold.field)) DATASYNC_TRY(wait_for_copy(window, change, hold));
  }
  if (change.changed) {
    record.version = change.next_version;
    record.updated_at = window.now;
    if (record.version.value == 1) record.created_at = window.now;
  }
  if (change.changed || change.learned) subjects_.mark_dirty(change.subject);
  if (!change.overwritten.empty()) {
    window.batch.history.push_back(
        {event.sequence, record.key, record.tenant, record.version, std::move(change.overwritten)});
  }
  if (change.changed) DATASYNC_TRY(note_changed_again(window, change));
  if (change.conflict.fields.empty()) return {};
  Conflict conflict = describe(window, change);
  conflict.id = format_uuid(tools_.uuids.next());
  conflict.type = std::move(change.conflict.type);
  conflict.target = change.conflict.target;
  conflict.fields = std::move(change.conflict.fields);
  conflict.status = "resolved";
  conflict.version = record.version;
  conflict.resolved_at = window.now;
  if (window.wants_notices) {
    window.notices.push_back(
        {Notice::Kind::kConflict, change.entry.event, {}, std::make_shared<const Conflict>(conflict)});
  }
  window.batch.conflicts.push_back(std::move(conflict));
  return {};
}

void Reconciler::plan_stateless(Window& window, Entry& entry, const transform::CanonicalChange& change) {
  Subject& subject = subjects_.create_stateless(*entry.event, change);
  Change doing(entry, subject, window.catalog->mapper.plan(entry.event->source, entry.event->entity));
  plan_deliveries(window, doing);
}

/// Nobody is told; but should the event's platform still have the record, it is to delete it.
void Reconciler::plan_after_tombstone(Window& window, Change& change) {
  Entry& entry = change.entry;
  const Event& event = change.event();
  ledger_.mark_dirty(entry);
  const bool still_there = holds_record(change.record(), event.source);
  for (const PlatformId& target : event.targets) {
    if (target == event.source && still_there) continue;
    entry.state.results.push_back(make_result(target, ResultStatus::kSkipped, "deleted", window.now));
  }
  if (still_there) plan(window, change, event.source);
  entry.state.status = fold_status(entry.state.results);
  if (is_final(entry.state.status)) finish(window, entry, entry.state.status, {});
}

void Reconciler::plan_deliveries(Window& window, Change& change) {
  Entry& entry = change.entry;
  const Event& event = change.event();
  ledger_.mark_dirty(entry);
  auto& results = entry.state.results;
  results.reserve(event.targets.size() + 1);
  bool source_named = false;
  for (const PlatformId& target : event.targets) {
    if (target == event.source) {
      source_named = true;
    } else {
      plan(window, change, target);
    }
  }
  for (const PlatformId& target : change.told_too) plan(window, change, target);
  if (change.source_corrected) {
    plan(window, change, event.source);
  } else if (source_named) {
    results.push_back(
        make_result(event.source, ResultStatus::kSkipped, event.source.str() + " is the source", window.now));
  }
  entry.state.status = fold_status(results);
  if (is_final(entry.state.status)) finish(window, entry, entry.state.status, {});
}

void Reconciler::plan(Window& window, Change& change, const PlatformId& target) {
  const Catalog& catalog = *window.catalog;
  const std::string& entity = change.event().entity;
  auto& results = change.entry.state.results;
  const delivery::Connector* connector = catalog.connector(target);
  const bool served =
      connector != nullptr && (connector->serves(entity, Verb::kCreated) || connector->serves(entity, Verb::kUpdated) ||
                               connector->serves(entity, Verb::kDeleted));
  if (!served) {
    results.push_back(make_result(target, ResultStatus::kSkipped,
                                  target.str() + " has no endpoint for " + entity + " events", window.now));
    return;
  }
  if (change.record().find_hold(kIdentityField) != nullptr) {
    results.push_back(make_result(target, ResultStatus::kReview, "waits for review " + change.review, window.now));
    return;
  }
  if (const Hold* hold = find_copy_hold(change.record(), target)) {
    const bool waits = waits_for_review(change.record(), change.event().sequence);
    results.push_back(make_result(target, waits ? ResultStatus::kReview : ResultStatus::kSkipped,
                                  "waits for review " + hold->review, window.now));
    return;
  }
  Outbox& outbox = change.subject.outbox(target);
  const bool idle = outbox.phase == Outbox::Phase::kIdle;
  if (idle && !change.subject.stateless && !lacks_something(catalog, change.record(), target)) {
    if (change.review.empty()) {
      results.push_back(
          make_result(target, ResultStatus::kSkipped, target.str() + " already has the data", window.now));
    } else {
      results.push_back(make_result(target, ResultStatus::kReview, "waits for review " + change.review, window.now));
    }
    return;
  }
  results.push_back(make_result(target, ResultStatus::kPending, {}, window.now));
  deliverer_.enqueue(window, outbox, change.entry);
}

void Reconciler::finish(Window& window, Entry& entry, EventStatus status, std::string message) {
  entry.state.status = status;
  entry.state.message = std::move(message);
  entry.state.processed_at = window.now;
  ledger_.mark_dirty(entry);
  if (window.wants_notices) {
    window.notices.push_back({Notice::Kind::kSyncCompleted, entry.event, entry.state, nullptr});
  }
}

}  // namespace datasync::pipeline
