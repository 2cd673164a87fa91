#include <algorithm>
#include <utility>

#include "base/uuid.h"
#include "domain/money.h"
#include "pipeline/holdings.h"
#include "pipeline/person_event.h"
#include "pipeline/reconcile.h"
#include "pipeline/reconcile_change.h"

// The second verb's reviews: what waits for a person, and what becomes of it once the person has decided.

namespace datasync::pipeline {
namespace {

constexpr std::string_view kWithdrawn = "withdrawn: its platform holds the golden value again";
constexpr std::string_view kDeleted = "the record was deleted";

Hold& hold_or_new(Record& record, const FieldName& field, UuidGenerator& uuids) {
  for (Hold& hold : record.holds) {
    if (hold.field == field) return hold;
  }
  return record.holds.emplace_back(Hold{field, format_uuid(uuids.next()), {}});
}

Hold::Candidate* candidate_of(Hold& hold, const PlatformId& platform) {
  for (Hold::Candidate& candidate : hold.candidates) {
    if (candidate.platform == platform) return &candidate;
  }
  return nullptr;
}

Conflict::Side* side_of(Conflict& review, const PlatformId& platform) {
  for (Conflict::Side& side : review.fields) {
    if (side.platform == platform) return &side;
  }
  return nullptr;
}

/// The review is said to come from the first of those that propose something now.
void name_first(Conflict& review, const Hold& hold) {
  review.event = hold.candidates.front().event;
  review.event_id = review.fields.front().event;
  review.source = review.fields.front().platform;
}

/// What a decision about a record as a whole makes of it.
Verb verb_of_decision(const Record& record, const Value& deleted) {
  if (deleted == Value::boolean(true)) return Verb::kDeleted;
  return record.is_deleted() ? Verb::kCreated : Verb::kUpdated;
}

bool tells_of_missing(const Record& record, const std::string& conflict) {
  return std::any_of(record.missing.begin(), record.missing.end(),
                     [&conflict](const MissingField& missing) { return missing.conflict == conflict; });
}

std::string names_of(const Conflict& review) {
  std::string names;
  for (const Conflict::Side& side : review.fields) names += (names.empty() ? "" : ", ") + side.platform.str();
  return names;
}

}  // namespace

/// The review's row as it stands, in this window or in the store.
Result<Conflict> Reconciler::load_review(const Window& window, const TenantId& tenant, const std::string& id) const {
  const auto& staged = window.batch.conflicts;
  const auto here = std::find_if(staged.rbegin(), staged.rend(), [&id](const Conflict& one) { return one.id == id; });
  if (here != staged.rend()) return *here;
  storage::Reader::ConflictFilter filter;
  filter.tenants = {tenant};
  filter.id = id;
  filter.limit = 1;
  auto page = tools_.store.load_conflicts(filter);
  if (!page) return fail(std::move(page).error());
  if (page->conflicts.empty()) return fail(ErrorCode::kCorrupt, "a record waits for a review that is missing", id);
  return std::move(page->conflicts.front());
}

void Reconciler::stage_review(Window& window, const Change& change, Conflict review) {
  review.version = change.record().version;
  if (window.wants_notices) {
    const auto kind = review.status == "open" ? Notice::Kind::kConflict : Notice::Kind::kConflictResolved;
    window.notices.push_back({kind, change.entry.event, {}, std::make_shared<const Conflict>(review)});
  }
  window.batch.conflicts.push_back(std::move(review));
}

/// The event's value waits for a person. A newer one of the same platform takes the place of the former, another
/// platform's joins it: there is one open review for a field.
Result<void> Reconciler::propose(Window& window, Change& change, const FieldName& field, Conflict::Side side,
                                 std::string_view type, std::string reason, std::uint64_t held_hash) {
  const Event& event = change.event();
  const KnownValue* known = change.is_former() ? nullptr : change.source().find(field);
  const bool is_in_doubt = known != nullptr && known->hash == 0;
  hold(change, field, RecordVersion{0}, held_hash);
  change.learned = true;
  Record& record = change.record();
  const bool is_new = record.find_hold(field) == nullptr;
  Hold& held = hold_or_new(record, field, tools_.uuids);
  side.outcome = Conflict::Outcome::kOpen;
  Conflict review;
  if (is_new) {
    review = describe(window, change);
    review.id = held.review;
    review.type = type;
    review.target = record.find(field)->writer;
    review.status = "open";
    review.reason = std::move(reason);
    const conflict::ReviewExpiry& expiry = window.catalog->rules.expiry(record.entity);
    if (expiry.after) review.expires_at = window.now + *expiry.after;
    if (expiry.to_source) review.expires_to = Conflict::Outcome::kSource;
  } else {
    auto loaded = load_review(window, record.tenant, held.review);
    if (!loaded) return fail(std::move(loaded).error());
    review = std::move(*loaded);
    ++review.revision;
    if (!reason.empty() && rank_of_conflict_type(type) < rank_of_conflict_type(review.type)) {
      review.type = type;
      review.reason = std::move(reason);
    }
  }
  const Hold::Candidate mine{event.source, event.sequence, event_time(event),
                             change.is_former() ? std::nullopt : event.version};
  std::optional<Sequence> replaced;
  if (Hold::Candidate* former = candidate_of(held, event.source)) {
    replaced = former->event;
    *former = mine;
  } else {
    held.candidates.push_back(mine);
  }
  if (Conflict::Side* former = side_of(review, event.source)) {
    // What takes its place may be an older word of ours that has landed on top of it: what was lost is kept.
    if (is_in_doubt && former->source_value != side.source_value) {
      former->outcome = Conflict::Outcome::kTarget;
      note_conflict(change, std::move(*former), review.type, review.target);
    }
    *former = std::move(side);
  } else {
    review.fields.push_back(std::move(side));
  }
  change.review = held.review;
  name_first(review, held);
  ask_holder(window, review, *side_of(review, event.source), is_new);
  stage_review(window, change, std::move(review));
  if (!replaced || *replaced == event.sequence) return {};
  return release(window, record, *replaced, "a newer change of " + event.source.str() + " took its place");
}

/// Whether the event is older than what its platform proposes already.
bool Reconciler::is_older_proposal(const Change& change, const Hold& hold) {
  const Event& event = change.event();
  for (const Hold::Candidate& candidate : hold.candidates) {
    if (candidate.platform != event.source) continue;
    return conflict::is_older_word(event, candidate.source_time, candidate.source_version, candidate.event);
  }
  return false;
}

/// Whether the event says what its platform proposes already: the person who reads the review has nothing new to read.
/// Only its time counts from now on.
bool Reconciler::repeat_proposal(Change& change, const conflict::Observation& seen) {
  if (change.is_former()) return false;
  const KnownValue* held = change.source().find(seen.field);
  if (held == nullptr || held->hash != seen.held_hash) return false;
  const Event& event = change.event();
  for (Hold& open : change.record().holds) {
    Hold::Candidate* candidate = open.field == seen.field ? candidate_of(open, event.source) : nullptr;
    if (candidate == nullptr) continue;
    // It may hold the golden value by now: our delivery has landed on top of what it proposes.
    if (held->version.value > 0 || held->acknowledged != candidate->source_time) return false;
    candidate->source_time = event_time(event);
    candidate->source_version = event.version;
    hold(change, seen.field, RecordVersion{0}, seen.held_hash);
    return true;
  }
  return false;
}

/// The event's platform holds the golden value again: it proposes nothing any more.
Result<void> Reconciler::withdraw(Window& window, Change& change, const FieldName& field) {
  Record& record = change.record();
  const auto held = std::find_if(record.holds.begin(), record.holds.end(),
                                 [&field](const Hold& hold) { return hold.field == field; });
  if (held == record.holds.end()) return {};
  const PlatformId& source = change.event().source;
  const Hold::Candidate* candidate = candidate_of(*held, source);
  if (candidate == nullptr) return {};
  const Sequence event = candidate->event;
  change.learned = true;
  if (held->candidates.size() == 1) {
    DATASYNC_TRY(close_review(window, change, field, kWithdrawn));
    return is_gone(record) ? tell_of_tombstone(change) : Result<void>{};
  }
  auto review = load_review(window, record.tenant, held->review);
  if (!review) return fail(std::move(review).error());
  std::erase_if(held->candidates, [&source](const Hold::Candidate& one) { return one.platform == source; });
  std::erase_if(review->fields, [&source](const Conflict::Side& side) { return side.platform == source; });
  ++review->revision;
  name_first(*review, *held);
  stage_review(window, change, std::move(*review));
  return release(window, record, event, std::string(kWithdrawn));
}

/// What was to tell its targets of the tombstone has ended unsaid while a person was asked: they are told with this
/// event.
Result<void> Reconciler::tell_of_tombstone(Change& change) const {
  const Record& record = change.record();
  auto tombstone = tools_.store.load_event(record.find(kDeletedField)->event);
  if (!tombstone) return fail(std::move(tombstone).error());
  if (!*tombstone) return {};  // gone by its age
  const std::vector<PlatformId>& named = change.event().targets;
  for (const PlatformId& target : (*tombstone)->event->targets) {
    const bool is_named =
        target == change.event().source || std::find(named.begin(), named.end(), target) != named.end();
    if (!is_named && holds_record(record, target)) change.told_too.push_back(target);
  }
  return {};
}

/// Nobody has to decide any more: the golden value stays.
Result<void> Reconciler::close_review(Window& window, Change& change, const FieldName& field, std::string_view why) {
  Record& record = change.record();
  const auto held = std::find_if(record.holds.begin(), record.holds.end(),
                                 [&field](const Hold& hold) { return hold.field == field; });
  auto review = load_review(window, record.tenant, held->review);
  if (!review) return fail(std::move(review).error());
  const Hold closed = std::move(*held);
  record.holds.erase(held);
  change.learned = true;
  for (Conflict::Side& side : review->fields) side.outcome = Conflict::Outcome::kTarget;
  review->status = "resolved";
  review->resolved_at = window.now;
  review->resolved_why = why;
  ++review->revision;
  stage_review(window, change, std::move(*review));
  for (const Hold::Candidate& candidate : closed.candidates) {
    DATASYNC_TRY(release(window, record, candidate.event, std::string(why)));
  }
  return {};
}

Result<void> Reconciler::close_reviews_of_deleted(Window& window, Change& change) {
  while (!change.record().missing.empty()) DATASYNC_TRY(end_missing(window, change, 0, kDeleted));
  while (!change.record().holds.empty()) {
    const FieldName field = change.record().holds.front().field;
    DATASYNC_TRY(close_review(window, change, field, kDeleted));
  }
  return {};
}

/// The event waits no longer, unless another field of it does.
Result<void> Reconciler::release(Window& window, const Record& record, Sequence event, const std::string& message) {
  if (waits_for_review(record, event)) return {};
  Entry* entry = ledger_.find(event);
  if (entry == nullptr) {
    auto stored = tools_.store.load_event(event);
    if (!stored) return fail(std::move(stored).error());
    // It is gone by its age, or waits in the store for other reasons: then this is found out when it is taken up.
    if (!*stored || (*stored)->state.status != EventStatus::kReview) return {};
    entry = &ledger_.add(std::make_shared<Event>(*(*stored)->event), std::move((*stored)->state));
  }
  ledger_.mark_dirty(*entry);
  for (DeliveryResult& result : entry->state.results) {
    if (result.status != ResultStatus::kReview) continue;
    result.status = ResultStatus::kSkipped;
    result.error_message = message;
    result.processed_at = window.now;
  }
  entry->state.status = fold_status(entry->state.results);
  if (is_final(entry->state.status)) finish(window, *entry, entry->state.status, {});
  return {};
}

/// The open review of a decision, as the person saw it.
Result<Conflict> Reconciler::find_review(const Window& window, const ReviewDecision& decision) const {
  storage::Reader::ConflictFilter filter;
  filter.tenants = decision.tenants;
  filter.id = decision.conflict;
  filter.limit = 1;
  auto page = tools_.store.load_conflicts(filter);
  if (!page) return fail(std::move(page).error());
  if (page->conflicts.empty()) return fail(ErrorCode::kNotFound, "no such conflict");
  auto review = load_review(window, page->conflicts.front().tenant, decision.conflict);
  if (!review) return review;
  if (review->status != "open") return fail(ErrorCode::kConflict, "the conflict is resolved already");
  if (decision.revision && *decision.revision != review->revision) {
    return fail(ErrorCode::kConflict, "the conflict has moved on: it is at revision " +
                                          std::to_string(review->revision) + " now; read it again and decide anew");
  }
  return review;
}

Result<Conflict> Reconciler::assign(Window& window, const ReviewDecision& decision) {
  auto review = find_review(window, decision);
  if (!review) return review;
  review->assignee = decision.assignee;
  ++review->revision;
  window.batch.conflicts.push_back(*review);
  return review;
}

Result<std::vector<ReviewDecision>> Reconciler::expired_reviews(const Window& window) const {
  constexpr std::int64_t kAtOnce = 100;
  storage::Reader::ConflictFilter filter;
  filter.status = "open";
  filter.expires_until = window.now;
  filter.limit = kAtOnce;
  const auto page = tools_.store.load_conflicts(filter);
  if (!page) return fail(page.error());
  std::vector<ReviewDecision> decisions;
  for (const Conflict& review : page->conflicts) {
    const bool to_source = review.expires_to == Conflict::Outcome::kSource && review.fields.size() == 1;
    ReviewDecision& decision = decisions.emplace_back();
    decision.tenants = {review.tenant};
    decision.conflict = review.id;
    decision.choice = to_source ? ReviewDecision::Choice::kSource : ReviewDecision::Choice::kTarget;
    decision.by = kReviewer.str();
    decision.reason = "nobody decided until " + format_rfc3339(*review.expires_at);
  }
  return decisions;
}

Result<void> Reconciler::stop_expiry(Window& window, const ReviewDecision& decision, const Error& why) {
  auto review = load_review(window, decision.tenants.front(), decision.conflict);
  if (!review) return fail(std::move(review).error());
  if (review->status != "open") return {};  // somebody has decided in this very window
  const auto subject = subjects_.load(review->tenant, review->record);
  if (!subject) return fail(subject.error());
  const Record none;
  const Record& record = *subject == nullptr ? none : (*subject)->record;
  const bool waits = std::any_of(record.holds.begin(), record.holds.end(),
                                 [&review](const Hold& hold) { return hold.review == review->id; }) ||
                     tells_of_missing(record, review->id);
  ++review->revision;
  review->expires_at.reset();
  review->reason += "; it could not decide itself: " + why.message;
  if (!waits) {  // nobody could decide it
    for (Conflict::Side& side : review->fields) side.outcome = Conflict::Outcome::kTarget;
    review->status = "resolved";
    review->resolved_at = window.now;
    review->resolved_why = why.message;
    DATASYNC_TRY(release(window, record, review->event, why.message));
  }
  if (window.wants_notices && !waits) {
    window.notices.push_back({Notice::Kind::kConflictResolved, nullptr, {}, std::make_shared<const Conflict>(*review)});
  }
  window.batch.conflicts.push_back(std::move(*review));
  return {};
}

Result<Settlement> Reconciler::prepare(const Window& window, const ReviewDecision& decision) {
  auto open = find_review(window, decision);
  if (!open) return fail(std::move(open).error());
  Settlement settlement;
  Conflict& review = settlement.review = std::move(*open);
  auto subject = subjects_.load(review.tenant, review.record);
  if (!subject) return fail(std::move(subject).error());
  settlement.subject = *subject;
  settlement.choice = decision.choice;
  settlement.by = decision.by;
  settlement.reason = decision.reason;
  const FieldName field(review.fields.empty() ? std::string() : review.fields.front().field);
  const Hold* held = *subject == nullptr ? nullptr : (*subject)->record.find_hold(field);
  const bool is_notice = *subject != nullptr && tells_of_missing((*subject)->record, review.id);
  if (is_notice && decision.choice != ReviewDecision::Choice::kTarget) {
    return fail(ErrorCode::kInvalid,
                "/choice: must be target, as no value is proposed; to take the value away, send it as null");
  }
  if (!is_notice && (held == nullptr || held->review != review.id)) {
    return fail(ErrorCode::kConflict, "the record has moved on: its field no longer waits for this decision");
  }
  if (field == kIdentityField) return prepare_identity(window, decision, std::move(settlement));
  if (is_copy_field(field)) return prepare_copy(window, decision, std::move(settlement));
  const Record& record = (*subject)->record;
  const FieldState& golden = *record.find(field);
  settlement.value = golden.value;
  if (!decision.proposal.empty()) {
    const auto side = std::find_if(review.fields.begin(), review.fields.end(),
                                   [&](const Conflict::Side& one) { return one.event == decision.proposal; });
    if (side == review.fields.end()) return fail(ErrorCode::kConflict, "another change has taken its place");
    settlement.platform = side->platform;
  }
  if (decision.choice == ReviewDecision::Choice::kSource) {
    const bool is_one_value = std::all_of(review.fields.begin(), review.fields.end(), [&review](const auto& side) {
      return side.source_value == review.fields.front().source_value;
    });
    if (decision.platform.str().empty() && decision.proposal.empty() && !is_one_value) {
      return fail(ErrorCode::kInvalid, "/platform: names whose value is chosen, one of " + names_of(review));
    }
    if (!decision.platform.str().empty()) settlement.platform = decision.platform;
    if (settlement.platform.str().empty()) settlement.platform = review.fields.front().platform;
    const Conflict::Side* side = side_of(review, settlement.platform);
    if (side == nullptr) return fail(ErrorCode::kInvalid, "/platform: is none of " + names_of(review));
    settlement.value = side->source_value;
  } else if (decision.choice == ReviewDecision::Choice::kMerged && field == kDeletedField) {
    return fail(ErrorCode::kInvalid, "/choice: must be source or target: the record is there or it is not");
  } else if (decision.choice == ReviewDecision::Choice::kMerged) {
    auto merged = merged_value(window, review, golden, decision.data);
    if (!merged) return fail(std::move(merged).error());
    settlement.value = std::move(*merged);
  }

  Fields said;
  said.set(field.str(), settlement.value);
  settlement.event = event_of_person(*window.catalog, record, said, decision.by, decision.reason);
  settlement.event->metadata.set("conflict_id", Value::string(review.id));
  if (field == kDeletedField) {
    settlement.event->verb = verb_of_decision(record, settlement.value);
    settlement.event->type = review.entity + "_" + std::string(to_string(settlement.event->verb));
  }
  return settlement;
}

/// The value for the field that a person gives instead of both.
Result<Value> Reconciler::merged_value(const Window& window, const Conflict& review, const FieldState& golden,
                                       Fields data) const {
  const std::string& field = golden.name.str();
  const auto money = Money::from_value(golden.value);
  if (money && !data.contains("currency")) data.set("currency", Value::string(money->currency().code()));
  auto canonical = window.catalog->mapper.to_canonical(review.target, review.entity, data);
  if (!canonical) return fail(std::move(canonical).error());
  for (const Field& given : canonical->fields) {
    if (given.name != field)
      return fail(ErrorCode::kInvalid, "/data/" + given.name + ": this review is about " + field);
  }
  const Value* value = canonical->fields.find(field);
  if (value == nullptr) return fail(ErrorCode::kInvalid, "/data/" + field + ": is missing");
  return *value;
}

Result<Conflict> Reconciler::settle(Window& window, Entry& entry, Settlement settlement) {
  const FieldName about(settlement.review.fields.front().field);
  if (about == kIdentityField || is_copy_field(about)) {
    return settle_identity(window, entry, std::move(settlement));
  }
  const bool is_partial = settlement.choice == ReviewDecision::Choice::kTarget && !settlement.platform.str().empty();
  if (is_partial && settlement.review.fields.size() > 1) return decline_one(window, entry, std::move(settlement));
  Subject& subject = *settlement.subject;
  Record& record = subject.record;
  const Event& event = *entry.event;
  Conflict& review = settlement.review;
  const FieldName field(review.fields.front().field);
  Change doing(entry, subject, window.catalog->mapper.plan(event.source, event.entity));
  entry.state.record = record.key;
  const auto held = std::find_if(record.holds.begin(), record.holds.end(),
                                 [&field](const Hold& hold) { return hold.field == field; });
  Hold decided;  // stays empty where only a missing field was told of
  if (held != record.holds.end() && held->review == review.id) {
    decided = std::move(*held);
    record.holds.erase(held);
  }
  if (settlement.value != record.find(field)->value) {
    DATASYNC_TRY(set_by_person(window, doing, field, settlement.value));
    FieldState& state = record.at_or_new(field);
    for (const Hold::Candidate& candidate : decided.candidates) {
      if (settlement.choice != ReviewDecision::Choice::kSource || candidate.platform != settlement.platform) continue;
      state.writer = candidate.platform;  // what it says later is judged as after its own write
      state.source_time = candidate.source_time;
      state.source_version = candidate.source_version;
      note_writer(window, record, state);
    }
  }
  doing.learned = true;
  DATASYNC_TRY(record_outcome(window, doing));

  using Outcome = Conflict::Outcome;
  for (Conflict::Side& side : review.fields) {
    side.outcome = Outcome::kTarget;
    if (settlement.choice == ReviewDecision::Choice::kMerged) {
      side.outcome = Outcome::kMerged;
      side.merged = settlement.value;
    } else if (settlement.choice == ReviewDecision::Choice::kSource && side.platform == settlement.platform) {
      side.outcome = Outcome::kSource;
    }
  }
  close(review, settlement, event.id, window.now);
  review.version = record.version;
  stage_review(window, doing, review);
  for (const Hold::Candidate& candidate : decided.candidates) {
    DATASYNC_TRY(release(window, record, candidate.event, "decided in review " + review.id));
  }
  if (is_gone(record)) DATASYNC_TRY(close_reviews_of_deleted(window, doing));
  plan_deliveries(window, doing);
  return review;
}

/// A person has decided it.
void Reconciler::close(Conflict& review, const Settlement& settlement, const EventId& event, Timestamp now) {
  review.status = "resolved";
  review.resolved_at = now;
  review.resolved_by = settlement.by;
  review.resolved_why = settlement.reason;
  review.resolved_event = event;
  ++review.revision;
}

/// A person's word: the field's value from now on, whoever wrote it before.
Result<void> Reconciler::set_by_person(Window& window, Change& change, const FieldName& field, const Value& value) {
  Record& record = change.record();
  FieldState& state = record.at_or_new(field);
  const std::optional<Value> before = state.version.value > 0 ? std::optional(state.value) : std::nullopt;
  if (before) change.overwritten.push_back(state);
  state.value = value;
  state.time = HybridTime{std::max(window.now.time_since_epoch().count(), state.time.microseconds + 1)};
  state.version = change.next_version;
  state.event = change.event().sequence;
  state.writer = change.event().source;
  state.source_time = window.now;
  state.source_version.reset();
  change.changed = true;
  const auto& keys = window.catalog->mapper.natural_keys(record.entity);
  if (std::find(keys.begin(), keys.end(), field.str()) == keys.end()) return {};
  return move_natural_key(window, change.subject, field, before ? &*before : nullptr, value);
}

/// Who proposed the value that was chosen wrote it. Others who hold the same do not lack it, but were told nothing.
void Reconciler::note_writer(const Window& window, Record& record, const FieldState& state) {
  Knowledge& known = record.knowledge_of(state.writer);
  const KnownValue* held = known.find(state.name);
  if (held == nullptr || held->hash == 0) return;
  const std::uint64_t hash = window.catalog->mapper.held_hash(state.writer, record.entity, state.name, state.value);
  if (held->hash == hash) known.hold({state.name, state.version, hash, held->acknowledged});
}

}  // namespace datasync::pipeline
