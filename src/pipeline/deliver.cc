#include "pipeline/deliver.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/uuid.h"
#include "pipeline/identity.h"

namespace datasync::pipeline {
namespace {

using delivery::Outcome;
using Permit = delivery::CircuitBreaker::Permit;

constexpr int kRepeatsMax = 3;            // a target that keeps asking for another form is refused
constexpr int kUnauthorizedMax = 3;       // refused credentials in a row before the lane rests
constexpr std::chrono::minutes kSuspension{5};
constexpr double kHealthFade = 0.98;      // an attempt counts half after 34 others

const Value kTombstone = Value::boolean(true);

/// Whether the platform has a living copy of the record.
bool holds_record(const Catalog& catalog, const Record& record, const PlatformId& platform) {
  const Knowledge* known = record.known_by(platform);
  if (known == nullptr || (known->ids.empty() && known->values.empty())) return false;
  const KnownValue* deleted = known->find(kDeletedField);
  return deleted == nullptr ||
         deleted->hash != catalog.mapper.held_hash(platform, record.entity, kDeletedField, kTombstone);
}

std::vector<const FieldState*> lacking_fields(const Catalog& catalog, const Record& record, const PlatformId& target) {
  std::vector<const FieldState*> lacking;
  const bool holds = holds_record(catalog, record, target);
  if (record.is_deleted()) {
    if (holds) lacking.push_back(record.find(kDeletedField));
    return lacking;
  }
  const Knowledge* known = record.known_by(target);
  for (const FieldState& field : record.fields) {
    if (field.name == kDeletedField) {
      if (!holds && known != nullptr && known->find(kDeletedField) != nullptr) lacking.push_back(&field);
      continue;
    }
    if (!catalog.mapper.writable(target, record.entity, field.name)) continue;
    const KnownValue* held = known == nullptr || !holds ? nullptr : known->find(field.name);
    if (held == nullptr || held->version < field.version) lacking.push_back(&field);
  }
  return lacking;
}

Verb verb_for(const Catalog& catalog, const Record& record, const PlatformId& target) {
  if (record.is_deleted()) return Verb::kDeleted;
  return holds_record(catalog, record, target) ? Verb::kUpdated : Verb::kCreated;
}

std::string idempotency_key(const Entry& entry, const DeliveryResult& result) {
  if (result.redrive == 0) return entry.event->id.str();
  return entry.event->id.str() + ":" + std::to_string(result.redrive);
}

bool may_share_request(const Attempt& one, const Attempt& other) {
  return !one.alone && !other.alone && one.change.entity == other.change.entity &&
         one.change.verb == other.change.verb && one.change.steps_done == other.change.steps_done &&
         one.change.repeat_as_update == other.change.repeat_as_update;
}

}  // namespace

Deliverer::Deliverer(Tools tools, Ledger& ledger, Subjects& subjects, const EngineOptions& options)
    : tools_(tools),
      ledger_(ledger),
      subjects_(subjects),
      options_(options),
      retry_plan_({static_cast<std::uint32_t>(options.retry_attempts), options.backoff_factor}),
      lanes_({static_cast<std::uint32_t>(options.lane_concurrency_max)}) {}

std::vector<const FieldState*> Deliverer::lacks(const Catalog& catalog, Subject& subject, const PlatformId& target) {
  Record& record = subject.record;
  std::vector<const FieldState*> lacking = lacking_fields(catalog, record, target);
  if (!holds_record(catalog, record, target)) return lacking;
  Knowledge& known = record.knowledge_of(target);
  std::erase_if(lacking, [&](const FieldState* field) {
    const KnownValue* held = known.find(field->name);
    if (held == nullptr) return false;
    const std::uint64_t hash = catalog.mapper.held_hash(target, record.entity, field->name, field->value);
    if (held->hash != hash) return false;
    known.hold({field->name, field->version, hash, held->acknowledged});
    subjects_.mark_dirty(subject);
    return true;
  });
  return lacking;
}

void Deliverer::enqueue(Window& window, Outbox& outbox, Entry& entry) {
  const Sequence sequence = entry.event->sequence;
  outbox.waiting.insert(std::upper_bound(outbox.waiting.begin(), outbox.waiting.end(), sequence), sequence);
  if (outbox.phase == Outbox::Phase::kIdle) queue(window, outbox, false);
}

void Deliverer::queue(Window& window, Outbox& outbox, bool first) {
  const Subject& subject = *outbox.subject;
  const delivery::Connector* connector = window.catalog->connector(outbox.target);
  if (connector == nullptr) {  // a reload took the platform away
    close_results(window, outbox, outbox.waiting.back(), ResultStatus::kSkipped,
                  outbox.target.str() + " is no longer configured");
    outbox.attempt.reset();
    outbox.phase = Outbox::Phase::kIdle;
    return;
  }
  if (outbox.lane == nullptr) outbox.lane = &lanes_.get(subject.record.tenant, *connector);
  const Entry* entry = ledger_.find(outbox.waiting.back());
  lanes_.push(*outbox.lane, outbox, entry == nullptr ? Priority::kNormal : entry->event->priority(), first);
}

void Deliverer::wake(Window& window) {
  while (!parked_.empty() && parked_.begin()->first <= window.now) {
    Outbox& outbox = *parked_.begin()->second;
    parked_.erase(parked_.begin());
    --outbox.lane->parked;
    queue(window, outbox, false);
  }
}

std::vector<Dispatch> Deliverer::launch(Window& window) {
  std::vector<Dispatch> dispatches;
  gathering_until_.reset();
  blocked_until_.reset();
  auto& active = lanes_.active();
  std::size_t blocked = 0;  // lanes in a row that had no room
  while (blocked < active.size()) {
    Lane& lane = *active.front();
    active.pop_front();
    if (lane.queued == 0) {
      lane.is_listed = false;
      continue;
    }
    active.push_back(&lane);
    const auto permits = ask(lane, window);
    auto dispatch = permits ? launch_from(window, lane, *permits) : std::nullopt;
    if (dispatch) {
      dispatches.push_back(std::move(*dispatch));
      blocked = 0;
    } else {
      ++blocked;
    }
  }
  return dispatches;
}

std::optional<Deliverer::Permits> Deliverer::ask(Lane& lane, const Window& window) {
  const auto blocked = [this](Timestamp until) {
    blocked_until_ = blocked_until_ ? std::min(*blocked_until_, until) : until;
    return std::nullopt;
  };
  if (lane.suspended_until > window.now) return blocked(lane.suspended_until);
  if (lane.in_flight >= lane.concurrency.limit()) return std::nullopt;
  if (lane.origin->in_flight >= options_.origin_concurrency_max) return std::nullopt;
  const Permit origin = lane.origin->breaker.ask(window.now);
  if (origin == Permit::kNo) return blocked(lane.origin->breaker.open_until());
  const Permit own = lane.breaker.ask(window.now);
  if (own == Permit::kNo) {
    if (origin == Permit::kTrial) lane.origin->breaker.abandon_trial();
    return blocked(lane.breaker.open_until());
  }
  return Permits{own, origin};
}

void Deliverer::give_back(Lane& lane, const Permits& permits) {
  if (permits.lane == Permit::kTrial) lane.breaker.abandon_trial();
  if (permits.origin == Permit::kTrial) lane.origin->breaker.abandon_trial();
}

std::optional<Dispatch> Deliverer::launch_from(Window& window, Lane& lane, const Permits& permits) {
  const delivery::Connector* connector = window.catalog->connector(lane.platform);
  std::vector<Outbox*> outboxes;
  if (connector != nullptr && !must_gather(window, lane, *connector)) outboxes = gather(window, lane, *connector);
  if (outboxes.empty()) {
    give_back(lane, permits);
    return std::nullopt;
  }

  std::vector<const delivery::Change*> changes;
  std::string keys;
  for (const Outbox* outbox : outboxes) {
    changes.push_back(&outbox->attempt->change);
    if (outboxes.size() > 1) keys += outbox->attempt->change.idempotency_key + "\n";
  }
  const std::string batch_key = keys.empty() ? changes.front()->idempotency_key : format_uuid(uuid_of_name(keys));
  auto request = connector->build(changes, batch_key);
  if (!request) {
    give_back(lane, permits);
    for (Outbox* outbox : outboxes) rejected(window, *outbox, request.error().message);
    gathering_until_ = window.steady;  // the lane may have more to say: the next window comes at once
    return std::nullopt;
  }
  for (Outbox* outbox : outboxes) {
    outbox->phase = Outbox::Phase::kInFlight;
    mark_attempted(*outbox, window.now);
  }
  ++lane.in_flight;
  ++lane.origin->in_flight;
  const std::int64_t id = ++last_request_;
  in_flight_.emplace(id, InFlight{&lane, std::move(outboxes), window.steady, permits.lane, permits.origin});
  return Dispatch{id, std::move(*request)};
}

/// A batch waits for company only while another request of its lane is under way, so a quiet lane never waits.
bool Deliverer::must_gather(Window& window, Lane& lane, const delivery::Connector& connector) const {
  const Outbox* front = lane.front();
  const std::size_t batch_max = connector.batch_max(front->subject->record.entity, Verb::kUpdated);
  if (batch_max <= 1 || lane.in_flight == 0 || lane.queued >= batch_max) {
    lane.gathering_since.reset();
    return false;
  }
  if (!lane.gathering_since) lane.gathering_since = window.steady;
  const SteadyTime until = *lane.gathering_since + options_.batch_wait;
  if (until <= window.steady) {
    lane.gathering_since.reset();
    return false;
  }
  auto& first = const_cast<Deliverer*>(this)->gathering_until_;
  first = first ? std::min(*first, until) : until;
  return true;
}

std::vector<Outbox*> Deliverer::gather(Window& window, Lane& lane, const delivery::Connector& connector) {
  std::vector<Outbox*> outboxes;
  std::size_t batch_max = 1;
  while (outboxes.size() < batch_max) {
    Outbox* outbox = lane.pop_front();
    if (outbox == nullptr) break;
    if (!prepare(window, *outbox)) continue;
    if (outboxes.empty()) {
      batch_max = outbox->attempt->alone
                      ? 1
                      : connector.batch_max(outbox->attempt->change.entity, outbox->attempt->change.verb);
    } else if (!may_share_request(*outboxes.front()->attempt, *outbox->attempt)) {
      queue(window, *outbox, true);
      break;
    }
    outboxes.push_back(outbox);
  }
  return outboxes;
}

bool Deliverer::prepare(Window& window, Outbox& outbox) {
  Subject& subject = *outbox.subject;
  const Sequence newest = outbox.waiting.back();
  if (outbox.attempt) {
    // An unknown outcome, or a plan that has begun, is repeated as it was. What was seen refused gives way to newer state.
    const bool frozen = outbox.attempt->unknown || outbox.attempt->change.steps_done != 0 ||
                        outbox.attempt->change.repeat_as_update || outbox.attempt->newest == newest;
    if (frozen) return true;
    outbox.attempt.reset();
  }
  Entry* entry = ledger_.find(newest);
  std::vector<const FieldState*> lacking;
  if (subject.stateless) {
    for (const FieldState& field : subject.record.fields) lacking.push_back(&field);
  } else {
    lacking = lacks(*window.catalog, subject, outbox.target);
  }
  if (entry == nullptr || (lacking.empty() && !subject.stateless)) {
    close_results(window, outbox, newest, ResultStatus::kSkipped, outbox.target.str() + " already has the data");
    outbox.phase = Outbox::Phase::kIdle;
    return false;
  }
  auto attempt = compose(*window.catalog, outbox, *entry, subject.record, subject.stateless, lacking);
  if (!attempt) {
    close_results(window, outbox, newest, ResultStatus::kFailed, attempt.error().message);
    outbox.phase = Outbox::Phase::kIdle;
    return false;
  }
  const delivery::Connector* connector = window.catalog->connector(outbox.target);
  const Verb verb = (*attempt)->change.verb;
  if (!connector->serves(subject.record.entity, verb)) {
    close_results(window, outbox, newest, ResultStatus::kSkipped,
                  outbox.target.str() + " has no endpoint for a " + subject.record.entity + " to be " +
                      std::string(to_string(verb)));
    outbox.phase = Outbox::Phase::kIdle;
    return false;
  }
  outbox.attempt = std::move(*attempt);
  return true;
}

Result<std::unique_ptr<Attempt>> Deliverer::compose(const Catalog& catalog, const Outbox& outbox, const Entry& newest,
                                                    const Record& record, bool stateless,
                                                    const std::vector<const FieldState*>& lacking) {
  const Event& event = *newest.event;
  const transform::Mapper& mapper = catalog.mapper;
  auto attempt = std::make_unique<Attempt>();
  attempt->newest = event.sequence;
  delivery::Change& change = attempt->change;
  change.verb = stateless ? event.verb : verb_for(catalog, record, outbox.target);

  Fields fields;
  fields.reserve(lacking.size() + 1);
  for (const std::string& key : mapper.natural_keys(record.entity)) {
    if (const FieldState* state = record.find(key)) fields.set(key, state->value);
  }
  attempt->fields.reserve(lacking.size());
  for (const FieldState* field : lacking) {
    if (field->name != kDeletedField) fields.set(field->name, field->value);
    attempt->fields.push_back(
        {field->name, field->version, mapper.held_hash(outbox.target, record.entity, field->name, field->value)});
  }
  auto data = mapper.to_platform(outbox.target, record.entity, fields);
  if (!data) return fail(std::move(data).error());
  change.data = std::move(*data);

  const Knowledge* known = record.known_by(outbox.target);
  if (known != nullptr) change.known_ids = known->ids;
  const std::string_view own_id = known == nullptr ? std::string_view{} : known->own_id();
  const std::string_view id = own_id.empty() ? std::string_view(record.id.str()) : own_id;
  mapper.add_context(outbox.target, record.entity, id, {record.id, record.version, event.source, event.created_at},
                     change.data);

  const auto result = std::find_if(newest.state.results.begin(), newest.state.results.end(),
                                   [&](const DeliveryResult& r) { return r.target == outbox.target; });
  change.idempotency_key = idempotency_key(newest, *result);
  change.event = event.id;
  change.event_type = event.type;
  change.tenant = event.tenant;
  change.source = event.source;
  change.target = outbox.target;
  change.user_id = event.user_id;
  change.entity = event.entity;
  change.entity_id = record.id;
  change.version = record.version;
  change.traceparent = event.traceparent;
  return attempt;
}

void Deliverer::mark_attempted(Outbox& outbox, Timestamp now) {
  const Attempt& attempt = *outbox.attempt;
  const bool goes_on = attempt.change.steps_done != 0 || attempt.repeats > 0;
  for (const Sequence sequence : outbox.waiting) {
    if (sequence > attempt.newest) break;
    Entry* entry = ledger_.find(sequence);
    DeliveryResult* result = entry == nullptr ? nullptr : entry->result_of(outbox.target);
    if (result == nullptr) continue;
    if (!goes_on) ++result->attempts;
    if (!result->first_attempt_at) result->first_attempt_at = now;
    result->next_attempt_at.reset();
    // Only the event whose id is the key carries the mark; a crash from here on finds by it what may have been applied.
    result->outcome_unknown = sequence == attempt.newest;
    result->sent_version = sequence == attempt.newest ? attempt.change.version : RecordVersion{};
    ledger_.mark_dirty(*entry);
  }
}

Result<void> Deliverer::answered(Window& window, std::int64_t id, const net::ClientResult& answer) {
  const auto at = in_flight_.find(id);
  if (at == in_flight_.end()) return {};
  const InFlight done = std::move(at->second);
  in_flight_.erase(at);
  Lane& lane = *done.lane;
  const auto under_way = static_cast<std::uint32_t>(lane.in_flight);
  --lane.in_flight;
  --lane.origin->in_flight;

  std::vector<const delivery::Change*> changes;
  for (const Outbox* outbox : done.outboxes) changes.push_back(&outbox->attempt->change);
  const delivery::Connector* connector = window.catalog->connector(lane.platform);
  std::vector<Outcome> outcomes;
  if (connector != nullptr) outcomes = connector->read(changes, answer);
  outcomes.resize(changes.size());

  const bool failed = is_origin_failure(outcomes.front());
  if (failed) {
    lane.concurrency.failed();
  } else {
    lane.concurrency.answered(window.steady - done.started, under_way);
  }
  lane.good = lane.good * kHealthFade + (failed ? 0 : 1);
  lane.bad = lane.bad * kHealthFade + (failed ? 1 : 0);
  const auto shift = lane.origin->breaker.report(done.origin_permit, failed, lane.tenant_hash, window.now);
  lane.breaker.report(done.lane_permit, failed, lane.tenant_hash, window.now);
  if (shift == delivery::CircuitBreaker::Shift::kOpened) log::warning("circuit to {} opened", lane.origin->name);
  if (shift == delivery::CircuitBreaker::Shift::kClosed) log::info("circuit to {} closed", lane.origin->name);
  judge_credential(lane, outcomes.front(), window.now);

  const bool whole_batch_rejected =
      outcomes.size() > 1 && std::all_of(outcomes.begin(), outcomes.end(), [](const Outcome& outcome) {
        return outcome.kind == Outcome::Kind::kRejected;
      });
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    Outbox& outbox = *done.outboxes[i];
    if (whole_batch_rejected) {
      outbox.attempt->alone = true;
      queue(window, outbox, true);
    } else {
      DATASYNC_TRY(settle(window, outbox, outcomes[i]));
    }
  }
  return {};
}

void Deliverer::judge_credential(Lane& lane, const Outcome& outcome, Timestamp now) {
  if (outcome.kind != Outcome::Kind::kUnauthorized) {
    if (outcome.http_status != 0) lane.unauthorized = 0;
    return;
  }
  if (++lane.unauthorized < kUnauthorizedMax) return;
  lane.unauthorized = 0;
  lane.suspended_until = now + kSuspension;
  log::warning("{} refuses our credential: its lane of one tenant rests for 5 minutes", lane.platform.str());
}

Result<void> Deliverer::settle(Window& window, Outbox& outbox, const Outcome& outcome) {
  Attempt& attempt = *outbox.attempt;
  DATASYNC_TRY(learn(outbox, outcome.learned));
  switch (outcome.kind) {
    case Outcome::Kind::kDelivered: delivered(window, outbox); return {};
    case Outcome::Kind::kStepDone:
      attempt.change.steps_done |= outcome.steps_done;
      attempt.unknown = false;
      queue(window, outbox, true);
      return {};
    case Outcome::Kind::kRepeat:
      if (++attempt.repeats <= kRepeatsMax) {
        attempt.change.repeat_as_update = true;
        attempt.unknown = false;
        queue(window, outbox, true);
        return {};
      }
      rejected(window, outbox, outcome.message + "; it was sent as an update and refused again");
      return {};
    case Outcome::Kind::kRejected:
    case Outcome::Kind::kGone: rejected(window, outbox, outcome.message); return {};
    case Outcome::Kind::kRefused:
    case Outcome::Kind::kUnknown:
    case Outcome::Kind::kMovedOn:
    case Outcome::Kind::kUnauthorized: refused(window, outbox, outcome); return {};
  }
  return {};
}

Result<void> Deliverer::learn(Outbox& outbox, const std::vector<OwnId>& ids) {
  Subject& subject = *outbox.subject;
  for (const OwnId& own : ids) {
    outbox.attempt->change.known_ids.push_back(own);
    if (subject.stateless) continue;
    Record& record = subject.record;
    if (!record.knowledge_of(outbox.target).learn_id(own.role, own.id)) continue;
    subjects_.mark_dirty(subject);
    if (!own.role.empty()) continue;
    const Hash128 identity = identity_of_own_id(record.tenant, record.entity, outbox.target, own.id);
    const auto holder = subjects_.find(record.tenant, identity);
    if (!holder) return fail(holder.error());
    if (*holder == nullptr) {
      subjects_.identify(subject, identity, storage::IdentityKind::kOwnId);
    } else if (*holder != &subject) {
      log::warning("{} gave one id for two {} records; the first keeps it", outbox.target.str(), record.entity);
    }
  }
  return {};
}

void Deliverer::delivered(Window& window, Outbox& outbox) {
  const Attempt& attempt = *outbox.attempt;
  Subject& subject = *outbox.subject;
  if (!subject.stateless) {
    Knowledge& known = subject.record.knowledge_of(outbox.target);
    for (const SentField& sent : attempt.fields) {
      const KnownValue* held = known.find(sent.name);
      // The platform wrote the field itself while our value was on its way: which of them came last is not known, so it counts
      // as holding nothing golden and is told again.
      const bool raced = held != nullptr && held->version > sent.version;
      known.hold({sent.name, raced ? RecordVersion{0} : sent.version, sent.hash, window.now});
    }
    subjects_.mark_dirty(subject);
  }
  close_results(window, outbox, attempt.newest, ResultStatus::kCompleted, {});
  outbox.attempt.reset();
  go_on(window, outbox);
}

void Deliverer::refused(Window& window, Outbox& outbox, const Outcome& outcome) {
  Attempt& attempt = *outbox.attempt;
  // Seen refused after an attempt of unknown outcome: the earlier one may still have been applied.
  attempt.unknown = attempt.unknown || outcome.kind == Outcome::Kind::kUnknown;
  std::optional<Timestamp> due;
  std::vector<Sequence> dead;
  for (const Sequence sequence : outbox.waiting) {
    if (sequence > attempt.newest) break;
    Entry* entry = ledger_.find(sequence);
    DeliveryResult* result = entry == nullptr ? nullptr : entry->result_of(outbox.target);
    if (result == nullptr) continue;
    delivery::RetryPlan::Past past;
    past.attempts = static_cast<std::uint32_t>(result->attempts);
    past.first_attempt_at = result->first_attempt_at.value_or(window.now);
    past.retry_after = outcome.retry_after;
    if (entry->event->max_retries) past.max_retries = static_cast<std::uint32_t>(*entry->event->max_retries);
    const auto next = retry_plan_.next(past, window.now, tools_.random);
    if (!next) {
      dead.push_back(sequence);
      continue;
    }
    result->status = ResultStatus::kRetry;
    result->next_attempt_at = next;
    result->outcome_unknown = attempt.unknown && sequence == attempt.newest;
    result->error_message = outcome.message;
    update_status(window, *entry);
    due = due ? std::min(*due, *next) : *next;
  }
  for (const Sequence sequence : dead) {
    std::erase(outbox.waiting, sequence);
    Entry* entry = ledger_.find(sequence);
    DeliveryResult& result = *entry->result_of(outbox.target);
    result.status = ResultStatus::kFailed;
    result.processed_at = window.now;
    result.error_message = outcome.message;
    update_status(window, *entry);
  }
  if (due) {
    park(outbox, *due);
  } else {
    outbox.attempt.reset();
    go_on(window, outbox);
  }
}

void Deliverer::rejected(Window& window, Outbox& outbox, const std::string& message) {
  close_results(window, outbox, outbox.attempt->newest, ResultStatus::kFailed, message);
  outbox.attempt.reset();
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

void Deliverer::close_results(Window& window, Outbox& outbox, Sequence newest, ResultStatus status,
                              const std::string& message) {
  const auto end = std::upper_bound(outbox.waiting.begin(), outbox.waiting.end(), newest);
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

Result<void> Deliverer::resume(Window& window, Entry& entry, Subject& subject, DeliveryResult& result) {
  Outbox& outbox = subject.outbox(result.target);
  const Sequence sequence = entry.event->sequence;
  outbox.waiting.insert(std::upper_bound(outbox.waiting.begin(), outbox.waiting.end(), sequence), sequence);
  if (result.outcome_unknown && result.sent_version.value > 0) {
    Record then = subject.record;
    if (!subject.stateless && then.version != result.sent_version) {
      auto earlier = record_at(subject.record, result.sent_version);
      if (!earlier) return fail(std::move(earlier).error());
      then = std::move(*earlier);
    }
    std::vector<const FieldState*> lacking = lacking_fields(*window.catalog, then, result.target);
    auto attempt = compose(*window.catalog, outbox, entry, then, subject.stateless, lacking);
    if (attempt) {
      (*attempt)->unknown = true;
      outbox.attempt = std::move(*attempt);
    }
  }
  if (outbox.phase == Outbox::Phase::kParked || outbox.phase == Outbox::Phase::kQueued) return {};
  const bool later = result.next_attempt_at && *result.next_attempt_at > window.now;
  queue(window, outbox, false);
  if (!later || outbox.phase != Outbox::Phase::kQueued) return {};
  for (auto& queued : outbox.lane->queue) outbox.lane->queued -= std::erase(queued, &outbox);
  park(outbox, *result.next_attempt_at);
  return {};
}

Result<Record> Deliverer::record_at(const Record& record, RecordVersion version) {
  Record then = record;
  then.version = version;
  for (FieldState& field : then.fields) {
    while (field.version > version) {
      auto history = tools_.store.load_history(field.event);
      if (!history) return fail(std::move(history).error());
      const FieldState* previous = nullptr;
      if (*history) {
        for (const FieldState& old : (*history)->overwritten) {
          if (old.name == field.name) previous = &old;
        }
      }
      if (previous == nullptr) {
        field.version = RecordVersion{0};
        break;
      }
      field = FieldState(*previous);
    }
  }
  std::erase_if(then.fields, [](const FieldState& field) { return field.version.value == 0; });
  return then;
}

void Deliverer::hasten(Window& window, Outbox& outbox) {
  if (outbox.phase != Outbox::Phase::kParked) return;
  parked_.erase(outbox.due);
  --outbox.lane->parked;
  queue(window, outbox, false);
}

SteadyTime Deliverer::next_due(Timestamp now, SteadyTime steady) const {
  SteadyTime due = steady + std::chrono::hours{1};
  if (!parked_.empty()) due = std::min(due, steady + (parked_.begin()->first - now));
  if (blocked_until_) due = std::min(due, steady + (*blocked_until_ - now));
  if (gathering_until_) due = std::min(due, *gathering_until_);
  return std::max(due, steady);
}

void Deliverer::describe(EngineSnapshot& snapshot, const Catalog& catalog, Timestamp now) const {
  snapshot.in_flight = in_flight_.size();
  for (const auto& connector : catalog.connectors) {
    EngineSnapshot::PlatformState state;
    state.platform = connector->platform();
    state.circuit = "closed";
    double good = 0;
    double bad = 0;
    for (const auto& [key, lane] : lanes_.all()) {
      if (key.second != state.platform) continue;
      state.queued += lane->queued;
      state.in_flight += lane->in_flight;
      state.parked += lane->parked;
      good += lane->good;
      bad += lane->bad;
      const auto& breaker = lane->origin->breaker;
      if (breaker.is_open()) state.circuit = breaker.open_until() <= now ? "half_open" : "open";
    }
    if (good + bad > 0) state.health = good / (good + bad);
    snapshot.pending += state.queued + state.in_flight;
    snapshot.retry += state.parked;
    snapshot.platforms.push_back(std::move(state));
  }
}

void Deliverer::clear() {
  lanes_.clear();
  parked_.clear();
  in_flight_.clear();
  gathering_until_.reset();
  blocked_until_.reset();
}

}  // namespace datasync::pipeline
