#include <algorithm>
#include <utility>

#include "base/log.h"
#include "conflict/detector.h"
#include "pipeline/deliver.h"
#include "pipeline/frozen.h"
#include "pipeline/holdings.h"
#include "pipeline/identity.h"
#include "pipeline/verification.h"

// The second half of the third verb: what the answers of targets mean for their outboxes.

namespace datasync::pipeline {
namespace {

using delivery::Outcome;

constexpr int kRepeatsMax = 3;         // a target that keeps asking for another form is refused
constexpr int kLossesMax = 4;          // times in a row that a target has no such record, though it said so
constexpr std::size_t kCopiesMax = 8;  // ids of copies that a target made and never found again
constexpr int kMovedOnMax = 3;         // so often what the target lacks is composed anew for one event
constexpr seconds kMovedOnWait{1};     // and twice as long each time: its own news may be on the way
constexpr std::chrono::hours kRetryAfterMax{1};
constexpr double kHealthFade = 0.98;  // an attempt counts half after 34 others

/// Of a batch as a whole nothing is known about its single changes: they are asked about one by one.
bool must_be_split(const std::vector<Outcome>& outcomes) {
  return outcomes.size() > 1 && std::all_of(outcomes.begin(), outcomes.end(), [](const Outcome& outcome) {
           const bool of_its_kind = outcome.kind == Outcome::Kind::kMovedOn || outcome.kind == Outcome::Kind::kGone;
           return outcome.kind == Outcome::Kind::kRejected || (of_its_kind && outcome.whole_request);
         });
}

bool is_among(const std::vector<OwnId>& ids, std::string_view id) {
  return std::any_of(ids.begin(), ids.end(), [id](const OwnId& own) { return own.role.empty() && own.id == id; });
}

/// Whether the change went to the copy that counts now; a create made it.
bool is_about_present_copy(const Record& record, const Attempt& attempt) {
  const auto& ids = attempt.change.known_ids;
  const Knowledge* known = record.known_by(attempt.change.target);
  if (names_record(ids)) return known != nullptr && is_among(ids, known->own_id());
  return attempt.change.verb != Verb::kUpdated || holds_record(record, attempt.change.target);
}

/// The notifier's own words may hold what it was told, and a token is for one reader only.
void hide_token(const delivery::Change& change, Outcome& outcome) {
  if (change.entity != kVerificationEntity || outcome.http_status == 0) return;
  outcome.message = change.target.str() + " answered " + std::to_string(outcome.http_status);
}

}  // namespace

Result<void> Deliverer::answered(Window& window, std::span<const TargetAnswer> answers) {
  std::vector<Outcomes> outcomes;
  outcomes.reserve(answers.size());
  for (const TargetAnswer& answer : answers) outcomes.push_back(read(window, answer));
  if (subjects_.fetches_ahead()) DATASYNC_TRY(fetch_learned(answers, outcomes));
  for (std::size_t i = 0; i < answers.size(); ++i) DATASYNC_TRY(hear(window, answers[i], std::move(outcomes[i])));
  return {};
}

Deliverer::Outcomes Deliverer::read(const Window& window, const TargetAnswer& answer) const {
  const auto at = in_flight_.find(answer.id);
  if (at == in_flight_.end()) return {};
  const delivery::Connector* connector = window.catalog->connector(at->second.lane->platform);
  if (connector == nullptr) return {};
  std::vector<const delivery::Change*> changes;
  for (const Outbox* outbox : at->second.outboxes) changes.push_back(&outbox->attempt->change);
  return connector->read(changes, answer.answer);
}

/// Whether the ids that targets tell are known already, for all of them at once.
Result<void> Deliverer::fetch_learned(std::span<const TargetAnswer> answers, std::span<const Outcomes> outcomes) {
  std::vector<storage::IdentityKey> wanted;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto at = in_flight_.find(answers[i].id);
    if (at == in_flight_.end()) continue;
    const auto& outboxes = at->second.outboxes;
    for (std::size_t change = 0; change < std::min(outboxes.size(), outcomes[i].size()); ++change) {
      const Subject& subject = *outboxes[change]->subject;
      if (subject.stateless) continue;
      const Record& record = subject.record;
      for (const OwnId& own : outcomes[i][change].learned) {
        if (!own.role.empty()) continue;
        wanted.push_back(
            {identity_of_own_id(record.tenant, record.entity, outboxes[change]->target, own.id), record.tenant});
      }
    }
  }
  return subjects_.fetch(std::move(wanted));
}

Result<void> Deliverer::hear(Window& window, const TargetAnswer& answer, Outcomes outcomes) {
  const auto at = in_flight_.find(answer.id);
  if (at == in_flight_.end()) return {};
  const InFlight done = std::move(at->second);
  in_flight_.erase(at);
  Lane& lane = *done.lane;
  const auto under_way = static_cast<std::uint32_t>(lane.in_flight);
  --lane.in_flight;
  --done.origin->in_flight;
  outcomes.resize(done.outboxes.size());

  const bool failed = is_origin_failure(outcomes.front());
  if (failed || asks_to_wait(outcomes.front())) {
    lane.concurrency.failed();
  } else {
    lane.concurrency.answered(answer.round_trip, under_way);
  }
  lane.good = lane.good * kHealthFade + (failed ? 0 : 1);
  lane.bad = lane.bad * kHealthFade + (failed ? 1 : 0);
  const auto shift = done.origin->breaker.report(done.origin_permit, failed, lane.tenant_hash, window.steady);
  lane.breaker.report(done.lane_permit, failed, lane.tenant_hash, window.steady);
  if (shift != delivery::CircuitBreaker::Shift::kNone) tell_of_circuit(*done.origin);
  if (lane.origin == done.origin) {  // else it leads elsewhere by now
    judge_pace(lane, outcomes.front(), window.steady);
    judge_credential(lane, outcomes.front(), window.steady);
  }

  for (std::size_t i = 0; i < outcomes.size(); ++i) hide_token(done.outboxes[i]->attempt->change, outcomes[i]);
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
  const auto another = whose_copy(outbox, outcome);
  if (!another) return fail(another.error());
  if (*another != nullptr) {
    answered_for_another(window, outbox, outcome, **another);
    return {};
  }
  DATASYNC_TRY(learn(window, outbox, outcome));
  attempt.change.steps_done =
      outcome.steps_done;  // the connector's own place in its plan, whatever became of this step
  switch (outcome.kind) {
    case Outcome::Kind::kDelivered:
      delivered(window, outbox);
      return {};
    case Outcome::Kind::kStepDone:
      attempt.unknown = false;
      attempt.goes_on = true;
      queue(window, outbox, true);
      return {};
    case Outcome::Kind::kRepeat:
      if (!outcome.learned.empty() && !outbox.subject->stateless && attempt.change.verb == Verb::kCreated) {
        // It has the record under an id that we know now: what it lacks is an update, and other words. Should the copy
        // go before an earlier request arrives, that would make another one.
        attempt.unknown = false;
        linger(window, outbox, attempt.arrives_until);
        return {};
      }
      if (++attempt.repeats <= kRepeatsMax) {
        attempt.change.repeat_as_update = true;
        attempt.unknown = false;
        attempt.goes_on = true;
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
      if (outcome.record_lost && !outbox.subject->stateless && lost(window, outbox)) return {};
      if (outcome.http_status == 404 && attempt.change.verb == Verb::kCreated) found_no_address(window, outbox);
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

/// The target has no such record. Whoever deleted it there has not told us yet, or never will: it is made anew, and
/// news of its end may still come. True if the events that the change spoke for go on waiting.
bool Deliverer::lost(Window& window, Outbox& outbox) {
  Attempt& attempt = *outbox.attempt;
  Record& record = outbox.subject->record;
  Knowledge& known = record.knowledge_of(outbox.target);
  if (attempt.change.verb == Verb::kDeleted) {
    delivered(window, outbox);
    return true;
  }
  const bool is_present = is_about_present_copy(record, attempt);
  // It spoke of the copy since it was first asked for: what came back may be later than this answer, and is asked for
  // again. What is later than now was before the wall clock was set back.
  const Timestamp latest = window.now + conflict::kClockTolerance;
  const bool is_back = std::any_of(known.values.begin(), known.values.end(), [&](const KnownValue& value) {
    return value.acknowledged > attempt.started && value.acknowledged <= latest;
  });
  const bool has_another = is_present && !is_back && take_copy_beside(record, known, window.now, &attempt);
  if (!has_another) {
    const auto is_copy = [](const OwnId& own) { return own.role.empty(); };
    const auto copies = static_cast<std::size_t>(std::count_if(known.ids.begin(), known.ids.end(), is_copy));
    // Whatever we make there is never found again, or it is said to be there and is not.
    if (copies > kCopiesMax || ++outbox.losses > kLossesMax) {
      outbox.losses = 0;
      return false;
    }
    if (is_present && !is_back) lose_copy(record, known, window.now);
  }
  attempt.unknown = false;
  forget_words(outbox);
  linger(window, outbox, attempt.arrives_until);  // an earlier request may come to one that is made meanwhile
  return true;
}

/// Neither the record is there nor a place to make it. That its copy is gone was no more than the answer of a wrong
/// address, perhaps: it is asked for again, and not made a second time.
void Deliverer::found_no_address(Window& window, Outbox& outbox) {
  Subject& subject = *outbox.subject;
  if (subject.stateless || holds_record(subject.record, outbox.target)) return;
  Knowledge& known = subject.record.knowledge_of(outbox.target);
  if (known.own_id().empty()) return;  // it never had one, or we know of its end
  doubt_copy(known, window.now);
  outbox.losses = 0;
  subjects_.mark_dirty(subject);
}

void Deliverer::drop_attempt(Window& window, Outbox& outbox) {
  if (!outbox.attempt) return;
  const std::unique_ptr<Attempt> attempt = std::move(outbox.attempt);
  if (outbox.subject->stateless) return;
  Knowledge& known = outbox.subject->record.knowledge_of(outbox.target);
  thaw(known);
  if (!holds_record(outbox.subject->record, outbox.target)) note_touch(known, window.now);
  if (attempt->unknown) doubt_sent(window, *outbox.subject, *attempt);
  subjects_.mark_dirty(*outbox.subject);
}

/// It is given up, but it may have arrived.
void Deliverer::doubt_sent(Window& window, Subject& subject, const Attempt& attempt) {
  const PlatformId& target = attempt.change.target;
  if (!holds_record(subject.record, target)) {
    // It may have made a copy of what was deleted meanwhile: that must go as well.
    const bool may_be_there = attempt.change.verb == Verb::kCreated && subject.record.is_deleted();
    if (may_be_there) doubt_copy(subject.record.knowledge_of(target), window.now);
    if (may_be_there) subjects_.mark_dirty(subject);
    return;
  }
  for (const SentField& sent : attempt.fields) {
    if (sent.name != kDeletedField) doubt(subject.record.knowledge_of(target), sent.name, window.now);
  }
  subjects_.mark_dirty(subject);
}

/// What the target answered to the old key must not be its answer to other words.
void Deliverer::renew_key(Outbox& outbox) {
  Entry* entry = ledger_.find(outbox.attempt->newest);
  DeliveryResult* result = entry == nullptr ? nullptr : entry->result_of(outbox.target);
  if (result == nullptr) return;
  take_new_key(*result);
  outbox.attempt->change.idempotency_key = idempotency_key(entry->event->id, *result);
}

Result<void> Deliverer::learn(Window& window, Outbox& outbox, const Outcome& outcome) {
  Subject& subject = *outbox.subject;
  for (const OwnId& own : outcome.learned) {
    if (subject.stateless) {
      outbox.attempt->change.known_ids.push_back(own);
      continue;
    }
    Record& record = subject.record;
    Knowledge& known = record.knowledge_of(outbox.target);
    if (!own.role.empty()) {
      outbox.attempt->change.known_ids.push_back(own);
      if (known.learn_id(own.role, own.id)) subjects_.mark_dirty(subject);
      continue;
    }
    const Hash128 identity = identity_of_own_id(record.tenant, record.entity, outbox.target, own.id);
    const auto holder = subjects_.find(record.tenant, identity);
    if (!holder) return fail(holder.error());
    // Where the copy of another record is gone, its platform has given the id away again.
    const bool is_free = *holder != nullptr && *holder != &subject;
    if (is_free) {
      subjects_.forget_identity(**holder, identity, storage::IdentityKind::kOwnId);
      const bool is_known = (*holder)->record.known_by(outbox.target) != nullptr;
      if (is_known && forget_beside((*holder)->record.knowledge_of(outbox.target), own.id))
        subjects_.mark_dirty(**holder);
    }
    if (*holder == nullptr || is_free) subjects_.identify(subject, identity, storage::IdentityKind::kOwnId);
    // A repeated create is answered as the first was, but of the end of what that made we may have heard already.
    const bool is_repeat = outcome.kind == Outcome::Kind::kRepeat;
    const bool is_ended = *holder == &subject && !is_among(known.ids, own.id) && !is_repeat;
    const bool is_there = holds_record(record, outbox.target);
    const bool is_another = is_there && !known.own_id().empty() && known.own_id() != own.id &&
                            !is_among(outbox.attempt->change.known_ids, known.own_id());
    outbox.attempt->change.known_ids.push_back(own);
    if (is_ended) continue;
    if (is_another) note_beside(known, std::string(known.own_id()));
    if (is_repeat) std::erase_if(known.ids, [](const OwnId& former) { return former.role.empty(); });
    known.learn_id({}, own.id);
    subjects_.mark_dirty(subject);
    if (is_another) {  // it spoke of that one meanwhile
      doubt_copy(known, window.now);
      forget_numbers(record, outbox.target);
    } else if (!is_there && known.find(kDeletedField) != nullptr) {
      note_living(known, window.now);
    }
  }
  return {};
}

void Deliverer::delivered(Window& window, Outbox& outbox) {
  const Attempt& attempt = *outbox.attempt;
  Subject& subject = *outbox.subject;
  bool is_left = false;  // another copy, which is to go as well
  if (!subject.stateless) {
    if (!is_about_present_copy(subject.record, attempt)) {
      // What it said to a former copy says nothing about the one that is there.
    } else if (attempt.change.verb == Verb::kDeleted) {
      is_left = deleted(window, outbox);
    } else {
      hold_sent(window, outbox);
    }
    subjects_.mark_dirty(subject);
  }
  outbox.losses = 0;
  outbox.attempt->unknown = false;
  if (is_left) {
    forget_words(outbox);
  } else {
    close_results(window, outbox, attempt.covered, ResultStatus::kCompleted, {});
  }
  linger(window, outbox, attempt.arrives_until);
}

/// What it told is told; what follows says something else, also after a restart.
void Deliverer::forget_words(const Outbox& outbox) {
  for (std::size_t i = 0; i < outbox.attempt->covered; ++i) {
    Entry* entry = ledger_.find(outbox.waiting[i]);
    DeliveryResult* result = entry == nullptr ? nullptr : entry->result_of(outbox.target);
    if (result == nullptr) continue;
    result->sent_version = RecordVersion{};
    result->outcome_unknown = false;
    ledger_.mark_dirty(*entry);
  }
}

/// The change has come to its end, but an unheard request of it may still arrive: nothing newer is said before that,
/// and what the target says by itself may be overwritten.
void Deliverer::linger(Window& window, Outbox& outbox, SteadyTime until) {
  Attempt& attempt = *outbox.attempt;
  attempt.covered = 0;
  if (until > window.steady && !outbox.subject->stateless) {
    attempt.arrives_until = until;
    if (attempt.unknown) doubt_sent(window, *outbox.subject, attempt);  // after a crash nobody knows that it was
    park(outbox, until);
    return;
  }
  drop_attempt(window, outbox);
  go_on(window, outbox);
}

void Deliverer::hold_sent(Window& window, Outbox& outbox) {
  const Attempt& attempt = *outbox.attempt;
  Knowledge& known = outbox.subject->record.knowledge_of(outbox.target);
  note_telling(outbox.subject->record, known, attempt.change.version);
  // What was made now has an id that we were not told: the one of the copy before would name nothing.
  const bool is_new = attempt.change.verb == Verb::kCreated && !holds_record(outbox.subject->record, outbox.target);
  if (is_new && !names_record(attempt.change.known_ids)) {
    known.forget_own_id();
    const KnownValue* existence = known.find(kDeletedField);
    if (existence != nullptr && existence->acknowledged <= attempt.started) note_living(known, window.now);
  }
  for (const SentField& sent : attempt.fields) {
    if (!has_crossed(known, sent, attempt.started)) {
      // The version that the target was told with it: it names that one as base, also of a value that is older.
      known.hold({sent.name, attempt.change.version, sent.hash, window.now});
    } else if (sent.name != kDeletedField) {
      // The platform wrote the field itself while our value was on its way: which of them came last is not known.
      doubt(known, sent.name, window.now);
    }
  }
  if (is_copy_in_doubt(known) && known.find(kDeletedField)->acknowledged <= attempt.started) {
    note_living(known, window.now);
  }
  if (attempt.change.verb == Verb::kUpdated) forget_lost_copies(known);
}

/// True if the target has another copy of the record.
bool Deliverer::deleted(Window& window, Outbox& outbox) {
  const Attempt& attempt = *outbox.attempt;
  Record& record = outbox.subject->record;
  Knowledge& known = record.knowledge_of(outbox.target);
  const SentField& sent = attempt.fields.front();
  const bool crossed = has_crossed(known, sent, attempt.started);
  if (crossed && holds_record(record, outbox.target)) {
    doubt_copy(known, window.now);
    return false;
  }
  // What it named stays noted: an unheard request of it may still arrive.
  if (take_copy_beside(record, known, window.now, &attempt)) return record.is_deleted();
  end_copy(record, known, sent.version, window.now, nullptr);
  return false;
}

/// It was refused, so what its target told us meanwhile is no echo of it, nor was it overwritten.
void Deliverer::never_arrived(Window& window, Outbox& outbox) {
  Attempt& attempt = *outbox.attempt;
  if (outbox.subject->stateless || attempt.unknown) return;
  Knowledge& known = outbox.subject->record.knowledge_of(outbox.target);
  for (SentField& sent : attempt.fields) {
    const bool was_echoed = std::exchange(sent.echoed, false), was_doubted = std::exchange(sent.doubted, false);
    if (sent.name == kDeletedField || !(was_echoed || was_doubted)) continue;
    if (was_echoed) {
      doubt(known, sent.name, window.now);
    } else if (attempt.change.steps_done == 0 && attempt.arrives_until <= window.steady) {
      known.end_doubt(sent.name);
    }
    subjects_.mark_dirty(*outbox.subject);
  }
}

void Deliverer::refused(Window& window, Outbox& outbox, const Outcome& outcome) {
  Attempt& attempt = *outbox.attempt;
  // Seen refused after an attempt of unknown outcome: the earlier one may still have been applied.
  attempt.unknown = attempt.unknown || outcome.kind == Outcome::Kind::kUnknown;
  if (outcome.kind == Outcome::Kind::kUnknown) attempt.change.repeat_as_update = true;
  never_arrived(window, outbox);
  put_off(window, outbox, outcome.message, false,
          [&](const Entry& entry, const DeliveryResult& result) { return next_retry(window, outcome, entry, result); });
}

std::optional<Timestamp> Deliverer::next_retry(const Window& window, const Outcome& outcome, const Entry& entry,
                                               const DeliveryResult& result) const {
  delivery::RetryPlan::Past past;
  past.attempts = static_cast<std::uint32_t>(result.attempts);
  past.first_attempt_at = result.first_attempt_at.value_or(window.now);
  past.retry_after = outcome.retry_after;
  if (entry.event->max_retries) past.max_retries = static_cast<std::uint32_t>(*entry.event->max_retries);
  return retry_plan_.next(past, window.now, tools_.random);
}

/// Its state is another than we thought. These words are given up; what it lacks by then is composed anew.
void Deliverer::moved_on(Window& window, Outbox& outbox, const Outcome& outcome) {
  never_arrived(window, outbox);
  put_off(window, outbox, outcome.message, true,
          [&](const Entry& entry, DeliveryResult& result) -> std::optional<Timestamp> {
            ++result.moved_on;
            const auto& retries_max = entry.event->max_retries;
            if (result.moved_on > kMovedOnMax || (retries_max && result.attempts > *retries_max)) return std::nullopt;
            const milliseconds wait = kMovedOnWait * (1 << (result.moved_on - 1));
            return window.now +
                   std::max(wait, std::min<milliseconds>(outcome.retry_after.value_or(wait), kRetryAfterMax));
          });
}

void Deliverer::put_off(Window& window, Outbox& outbox, const std::string& message, bool gives_up,
                        const NextAttempt& next_attempt) {
  Attempt& attempt = *outbox.attempt;
  std::optional<SteadyTime> due;
  std::vector<Sequence> dead;
  for (std::size_t i = 0; i < attempt.covered; ++i) {
    const Sequence sequence = outbox.waiting[i];
    Entry* entry = ledger_.find(sequence);
    DeliveryResult* result = entry == nullptr ? nullptr : entry->result_of(outbox.target);
    if (result == nullptr) continue;
    const auto next = next_attempt(*entry, *result);
    if (gives_up) result->sent_version = RecordVersion{};
    if (!next) {
      dead.push_back(sequence);
      continue;
    }
    result->status = ResultStatus::kRetry;
    result->next_attempt_at = next;
    result->outcome_unknown = attempt.unknown && !gives_up && sequence == attempt.newest;
    result->error_message = message;
    update_status(window, *entry);
    const SteadyTime at = window.steady + (*next - window.now);
    due = due ? std::min(*due, at) : at;
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
  if (!due) {
    linger(window, outbox, attempt.unknown ? window.steady + options_.request_timeout : attempt.arrives_until);
    return;
  }
  if (gives_up) {
    due = std::max(*due, attempt.arrives_until);
    drop_attempt(window, outbox);
  }
  park(outbox, *due);
}

void Deliverer::rejected(Window& window, Outbox& outbox, const std::string& message) {
  never_arrived(window, outbox);
  close_results(window, outbox, outbox.attempt->covered, ResultStatus::kFailed, message);
  linger(window, outbox, outbox.attempt->arrives_until);
}

void Deliverer::park(Outbox& outbox, SteadyTime due) {
  outbox.phase = Outbox::Phase::kParked;
  outbox.due = parked_.emplace(due, &outbox);
  ++outbox.lane->parked;
}

SteadyTime Deliverer::due_of(const Window& window, const Lane& lane, const DeliveryResult& result) const {
  const Timestamp due = result.next_attempt_at.value_or(window.now);
  if (due <= window.now || due <= lane.set_aside.ripe) return window.steady;
  microseconds longest = delivery::RetryPlan::longest_wait();
  if (result.attempts > 0 && result.first_attempt_at) {
    const microseconds planned = retry_plan_.longest_wait(static_cast<std::uint32_t>(result.attempts));
    // It may be a wish of the target, or wait behind another one's: but not for longer than since its own first
    // attempt.
    longest = std::min(longest, std::max(planned, due - *result.first_attempt_at));
  }
  return window.steady + std::min(due - window.now, longest);
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
    const bool is_well = status == ResultStatus::kCompleted || status == ResultStatus::kSkipped;
    if (is_well && waits_for_review(outbox.subject->record, *at)) {
      result->status = ResultStatus::kReview;  // it has told the rest
      result->error_message = "a field of it waits for a person";
    }
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
