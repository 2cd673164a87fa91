#include <algorithm>
#include <utility>

#include "base/log.h"
#include "pipeline/deliver.h"
#include "pipeline/frozen.h"
#include "pipeline/holdings.h"
#include "pipeline/identity.h"

// The second half of the third verb: what the answers of targets mean for their outboxes.

namespace datasync::pipeline {
namespace {

using delivery::Outcome;

constexpr int kRepeatsMax = 3;      // a target that keeps asking for another form is refused
constexpr int kMovedOnMax = 3;      // so often what the target lacks is composed anew for one event
constexpr seconds kMovedOnWait{1};  // and twice as long each time: its own news may be on the way
constexpr std::chrono::hours kRetryAfterMax{1};
constexpr double kHealthFade = 0.98;  // an attempt counts half after 34 others

/// Of a batch as a whole nothing is known about its single changes: they are asked about one by one.
bool must_be_split(const std::vector<Outcome>& outcomes) {
  return outcomes.size() > 1 && std::all_of(outcomes.begin(), outcomes.end(), [](const Outcome& outcome) {
           const bool of_its_kind = outcome.kind == Outcome::Kind::kMovedOn || outcome.kind == Outcome::Kind::kGone;
           return outcome.kind == Outcome::Kind::kRejected || (of_its_kind && outcome.whole_request);
         });
}

/// Whether the change went to the copy that counts now; a create made it.
bool is_about_present_copy(const Catalog& catalog, const Record& record, const Attempt& attempt) {
  const Knowledge* known = record.known_by(attempt.change.target);
  if (known == nullptr || known->own_id().empty()) {
    return attempt.change.verb != Verb::kUpdated || holds_record(catalog, record, attempt.change.target);
  }
  const auto& ids = attempt.change.known_ids;
  return ids.empty() ||
         std::any_of(ids.begin(), ids.end(), [&](const OwnId& own) { return own.id == known->own_id(); });
}

}  // namespace

Result<void> Deliverer::answered(Window& window, std::int64_t id, const net::ClientResult& answer) {
  const auto at = in_flight_.find(id);
  if (at == in_flight_.end()) return {};
  const InFlight done = std::move(at->second);
  in_flight_.erase(at);
  Lane& lane = *done.lane;
  const auto under_way = static_cast<std::uint32_t>(lane.in_flight);
  --lane.in_flight;
  --done.origin->in_flight;

  std::vector<const delivery::Change*> changes;
  for (const Outbox* outbox : done.outboxes) changes.push_back(&outbox->attempt->change);
  const delivery::Connector* connector = window.catalog->connector(lane.platform);
  std::vector<Outcome> outcomes;
  if (connector != nullptr) outcomes = connector->read(changes, answer);
  outcomes.resize(changes.size());

  const bool failed = is_origin_failure(outcomes.front());
  if (failed || asks_to_wait(outcomes.front())) {
    lane.concurrency.failed();
  } else {
    lane.concurrency.answered(window.steady - done.started, under_way);
  }
  lane.good = lane.good * kHealthFade + (failed ? 0 : 1);
  lane.bad = lane.bad * kHealthFade + (failed ? 1 : 0);
  const auto shift = done.origin->breaker.report(done.origin_permit, failed, lane.tenant_hash, window.now);
  lane.breaker.report(done.lane_permit, failed, lane.tenant_hash, window.now);
  if (shift != delivery::CircuitBreaker::Shift::kNone) tell_of_circuit(*done.origin);
  if (lane.origin == done.origin) {  // else it leads elsewhere by now
    judge_pace(lane, outcomes.front(), window.now);
    judge_credential(lane, outcomes.front(), window.now);
  }

  const bool split = must_be_split(outcomes);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    Outbox& outbox = *done.outboxes[i];
    if (split) {
      outbox.attempt->alone = true;
      queue(window, outbox, true);
    } else {
      DATASYNC_TRY(settle(window, outbox, outcomes[i]));
    }
  }
  return {};
}

Result<void> Deliverer::settle(Window& window, Outbox& outbox, const Outcome& outcome) {
  Attempt& attempt = *outbox.attempt;
  DATASYNC_TRY(learn(window, outbox, outcome));
  attempt.change.steps_done =
      outcome.steps_done;  // the connector's own place in its plan, whatever became of this step
  const bool is_seen = outcome.kind == Outcome::Kind::kDelivered || outcome.kind == Outcome::Kind::kRejected ||
                       outcome.kind == Outcome::Kind::kMovedOn || outcome.kind == Outcome::Kind::kGone ||
                       (outcome.kind == Outcome::Kind::kRefused && !attempt.unknown);
  if (attempt.former && is_seen) {
    drop_attempt(outbox);
    go_on(window, outbox);
    return {};
  }
  switch (outcome.kind) {
    case Outcome::Kind::kDelivered:
      delivered(window, outbox);
      return {};
    case Outcome::Kind::kStepDone:
      attempt.unknown = false;
      queue(window, outbox, true);
      return {};
    case Outcome::Kind::kRepeat:
      if (!outcome.learned.empty() && !outbox.subject->stateless && attempt.change.verb == Verb::kCreated) {
        // It has the record under an id that we know now: what it lacks is an update, and other words.
        Record& record = outbox.subject->record;
        note_living(*window.catalog, record, record.knowledge_of(outbox.target), window.now);
        drop_attempt(outbox);
        go_on(window, outbox);
        return {};
      }
      if (++attempt.repeats <= kRepeatsMax) {
        attempt.change.repeat_as_update = true;
        attempt.unknown = false;
        renew_key(outbox);
        queue(window, outbox, true);
        return {};
      }
      rejected(window, outbox, outcome.message + "; it was sent as an update and refused again");
      return {};
    case Outcome::Kind::kGone:
      suspend(window, outbox);
      rejected(window, outbox, outcome.message);
      return {};
    case Outcome::Kind::kRejected:
      if (outcome.record_lost && !outbox.subject->stateless) {
        forget_copy(outbox.subject->record, outbox.target);
        subjects_.mark_dirty(*outbox.subject);
      }
      rejected(window, outbox, outcome.message);
      return {};
    case Outcome::Kind::kMovedOn:
      moved_on(window, outbox, outcome);
      return {};
    case Outcome::Kind::kRefused:
    case Outcome::Kind::kUnknown:
    case Outcome::Kind::kUnauthorized:
      refused(window, outbox, outcome);
      return {};
  }
  return {};
}

void Deliverer::drop_attempt(Outbox& outbox) {
  if (!outbox.attempt) return;
  const std::unique_ptr<Attempt> attempt = std::move(outbox.attempt);
  if (outbox.subject->stateless) return;
  Knowledge& known = outbox.subject->record.knowledge_of(outbox.target);
  thaw(known);
  for (const SentField& sent : attempt->fields) {  // given up, but it may have arrived
    if (attempt->unknown && !attempt->former && sent.name != kDeletedField) doubt(known, sent.name, attempt->started);
  }
  subjects_.mark_dirty(*outbox.subject);
}

/// What the target answered to the old key must not be its answer to other words.
void Deliverer::renew_key(Outbox& outbox) {
  Entry* entry = ledger_.find(outbox.attempt->newest);
  DeliveryResult* result = entry == nullptr ? nullptr : entry->result_of(outbox.target);
  if (result == nullptr) return;
  take_new_key(*result);
  outbox.attempt->change.idempotency_key = idempotency_key(*entry, *result);
}

Result<void> Deliverer::learn(Window& window, Outbox& outbox, const Outcome& outcome) {
  Subject& subject = *outbox.subject;
  for (const OwnId& own : outcome.learned) {
    outbox.attempt->change.known_ids.push_back(own);
    if (subject.stateless) continue;
    Record& record = subject.record;
    Knowledge& known = record.knowledge_of(outbox.target);
    if (!own.role.empty()) {
      if (known.learn_id(own.role, own.id)) subjects_.mark_dirty(subject);
      continue;
    }
    const Hash128 identity = identity_of_own_id(record.tenant, record.entity, outbox.target, own.id);
    const auto holder = subjects_.find(record.tenant, identity);
    if (!holder) return fail(holder.error());
    if (*holder != nullptr && *holder != &subject) {
      log::warning("{} gave one id for two {} records; the first keeps it", outbox.target.str(), record.entity);
    }
    // A repeated create is answered as the first was, but what that made may be gone by now.
    const bool gone = *holder == &subject && outcome.kind != Outcome::Kind::kRepeat &&
                      is_former_id(*window.catalog, record, known, own.id);
    if (gone || !known.learn_id({}, own.id)) continue;
    subjects_.mark_dirty(subject);
    if (outbox.attempt->change.verb == Verb::kCreated) note_living(*window.catalog, record, known, window.now);
    if (*holder == nullptr) subjects_.identify(subject, identity, storage::IdentityKind::kOwnId);
  }
  return {};
}

void Deliverer::delivered(Window& window, Outbox& outbox) {
  const Attempt& attempt = *outbox.attempt;
  Subject& subject = *outbox.subject;
  if (!subject.stateless) {
    if (!is_about_present_copy(*window.catalog, subject.record, attempt)) {
      // What it said to a former copy says nothing about the one that is there.
    } else if (attempt.change.verb == Verb::kDeleted) {
      deleted(window, outbox);
    } else {
      hold_sent(window, outbox);
    }
    subjects_.mark_dirty(subject);
  }
  close_results(window, outbox, attempt.covered, ResultStatus::kCompleted, {});
  outbox.attempt->unknown = false;
  drop_attempt(outbox);
  go_on(window, outbox);
}

void Deliverer::hold_sent(Window& window, Outbox& outbox) {
  const Attempt& attempt = *outbox.attempt;
  Knowledge& known = outbox.subject->record.knowledge_of(outbox.target);
  for (const SentField& sent : attempt.fields) {
    const KnownValue* held = known.find(sent.name);
    // The platform wrote the field itself while our value was on its way: which of them came last is not known.
    const bool raced = held != nullptr && held->acknowledged > attempt.started && held->hash != sent.hash;
    if (raced && sent.name == kDeletedField) {
      doubt_existence(*window.catalog, outbox.subject->record, known, window.now);
    } else if (raced) {
      doubt(known, sent.name, window.now);
    } else {
      // The version that the target was told with it: it names that one as base, also of a value that is older.
      known.hold({sent.name, attempt.change.version, sent.hash, window.now});
    }
  }
}

void Deliverer::deleted(Window& window, Outbox& outbox) {
  const Attempt& attempt = *outbox.attempt;
  Record& record = outbox.subject->record;
  Knowledge& known = record.knowledge_of(outbox.target);
  const auto& asked = attempt.change.known_ids;
  const bool has_another = !known.ids.empty() && std::find(asked.begin(), asked.end(), known.ids.back()) == asked.end();
  if (has_another) return;  // the platform has created it anew under another id, which our request did not name
  const SentField& sent = attempt.fields.front();
  const KnownValue* held = known.find(sent.name);
  const bool raced = held != nullptr && held->acknowledged > attempt.started && held->hash != sent.hash;
  forget_copy(record, outbox.target);
  if (raced) {
    doubt_existence(*window.catalog, record, known, window.now);
  } else {
    known.hold({sent.name, sent.version, sent.hash, window.now});
  }
}

/// It seemed to tell us what we were just telling it; but that was refused, so it wrote the same by itself.
void Deliverer::doubt_echoed(Window& window, Outbox& outbox) {
  if (outbox.subject->stateless) return;
  Knowledge& known = outbox.subject->record.knowledge_of(outbox.target);
  for (SentField& sent : outbox.attempt->fields) {
    if (!std::exchange(sent.echoed, false)) continue;
    doubt(known, sent.name, window.now);
    subjects_.mark_dirty(*outbox.subject);
  }
}

void Deliverer::refused(Window& window, Outbox& outbox, const Outcome& outcome) {
  Attempt& attempt = *outbox.attempt;
  // Seen refused after an attempt of unknown outcome: the earlier one may still have been applied.
  attempt.unknown = attempt.unknown || outcome.kind == Outcome::Kind::kUnknown;
  if (outcome.kind == Outcome::Kind::kUnknown) attempt.change.repeat_as_update = true;
  if (!attempt.unknown) doubt_echoed(window, outbox);
  put_off(window, outbox, outcome.message, [&](const Entry& entry, const DeliveryResult& result) {
    delivery::RetryPlan::Past past;
    past.attempts = static_cast<std::uint32_t>(result.attempts);
    past.first_attempt_at = result.first_attempt_at.value_or(window.now);
    past.retry_after = outcome.retry_after;
    if (entry.event->max_retries) past.max_retries = static_cast<std::uint32_t>(*entry.event->max_retries);
    return retry_plan_.next(past, window.now, tools_.random);
  });
}

/// Its state is another than we thought. These words are given up; what it lacks by then is composed anew.
void Deliverer::moved_on(Window& window, Outbox& outbox, const Outcome& outcome) {
  Attempt& attempt = *outbox.attempt;
  if (!attempt.unknown) doubt_echoed(window, outbox);
  attempt.lasting = false;
  attempt.dropped = true;
  put_off(window, outbox, outcome.message, [&](const Entry& entry, DeliveryResult& result) -> std::optional<Timestamp> {
    ++result.moved_on;
    const auto& retries_max = entry.event->max_retries;
    if (result.moved_on > kMovedOnMax || (retries_max && result.attempts > *retries_max)) return std::nullopt;
    const milliseconds wait = kMovedOnWait * (1 << (result.moved_on - 1));
    return window.now + std::max(wait, std::min<milliseconds>(outcome.retry_after.value_or(wait), kRetryAfterMax));
  });
}

void Deliverer::put_off(Window& window, Outbox& outbox, const std::string& message, const NextAttempt& next_attempt) {
  Attempt& attempt = *outbox.attempt;
  std::optional<Timestamp> due;
  std::vector<Sequence> dead;
  for (std::size_t i = 0; i < attempt.covered; ++i) {
    const Sequence sequence = outbox.waiting[i];
    Entry* entry = ledger_.find(sequence);
    DeliveryResult* result = entry == nullptr ? nullptr : entry->result_of(outbox.target);
    if (result == nullptr) continue;
    const auto next = next_attempt(*entry, *result);
    if (!attempt.lasting) result->sent_version = RecordVersion{};
    if (!next) {
      dead.push_back(sequence);
      continue;
    }
    result->status = ResultStatus::kRetry;
    result->next_attempt_at = next;
    result->outcome_unknown = attempt.unknown && attempt.lasting && sequence == attempt.newest;
    result->error_message = message;
    update_status(window, *entry);
    due = due ? std::min(*due, *next) : *next;
  }
  for (const Sequence sequence : dead) {
    std::erase(outbox.waiting, sequence);
    --attempt.covered;
    Entry* entry = ledger_.find(sequence);
    DeliveryResult& result = *entry->result_of(outbox.target);
    result.status = ResultStatus::kFailed;
    result.processed_at = window.now;
    result.error_message = message;
    update_status(window, *entry);
  }
  if (due) {
    if (attempt.dropped) drop_attempt(outbox);
    park(outbox, *due);
  } else {
    drop_attempt(outbox);
    go_on(window, outbox);
  }
}

void Deliverer::rejected(Window& window, Outbox& outbox, const std::string& message) {
  close_results(window, outbox, outbox.attempt->covered, ResultStatus::kFailed, message);
  drop_attempt(outbox);
  go_on(window, outbox);
}

void Deliverer::park(Outbox& outbox, Timestamp due) {
  outbox.phase = Outbox::Phase::kParked;
  outbox.due = parked_.emplace(due, &outbox);
  ++outbox.lane->parked;
}

void Deliverer::go_on(Window& window, Outbox& outbox) {
  outbox.phase = Outbox::Phase::kIdle;
  if (!outbox.waiting.empty()) queue(window, outbox, false);
}

void Deliverer::close_results(Window& window, Outbox& outbox, std::size_t count, ResultStatus status,
                              const std::string& message) {
  const auto end = outbox.waiting.begin() + static_cast<std::ptrdiff_t>(count);
  for (auto at = outbox.waiting.begin(); at != end; ++at) {
    Entry* entry = ledger_.find(*at);
    DeliveryResult* result = entry == nullptr ? nullptr : entry->result_of(outbox.target);
    if (result == nullptr) continue;
    result->status = status;
    result->processed_at = window.now;
    result->next_attempt_at.reset();
    result->outcome_unknown = false;
    result->error_message = message;
    update_status(window, *entry);
  }
  outbox.waiting.erase(outbox.waiting.begin(), end);
}

void Deliverer::update_status(Window& window, Entry& entry) {
  ledger_.mark_dirty(entry);
  entry.state.status = fold_status(entry.state.results);
  if (!is_final(entry.state.status)) return;
  entry.state.processed_at = window.now;
  if (window.wants_notices) {
    window.notices.push_back({Notice::Kind::kSyncCompleted, entry.event, entry.state, nullptr});
  }
}

}  // namespace datasync::pipeline
