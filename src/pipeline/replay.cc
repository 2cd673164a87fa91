#include "pipeline/replay.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include <algorithm>
#include <charconv>
#include <queue>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/uuid.h"
#include "crypto/keyed_hash.h"
#include "domain/json.h"
#include "pipeline/deliver.h"
#include "pipeline/identity.h"
#include "pipeline/ledger.h"
#include "pipeline/person_event.h"
#include "pipeline/reconcile.h"
#include "pipeline/replay_store.h"
#include "pipeline/subjects.h"
#include "pipeline/verification.h"

namespace datasync::pipeline {
namespace {

using delivery::Change;

constexpr std::uint64_t kSeed = 1;  // the same for all, so that two replays of one history make the same up
constexpr milliseconds kRoundTrip{1};
constexpr std::size_t kRecordsCached = 5'000;  // a few MiB; the others are read again
constexpr std::size_t kLanesMax = 1'000'000;   // requests wait for nothing but their targets' answers

/// What passes between a replay and its connectors: the changes that were built last, and the answer that is read next.
struct Wire {
  std::vector<const Change*> built;
  delivery::Outcome answer;
};

/// A platform that is spoken to as ever, and hears nothing.
class ReplayConnector final : public delivery::Connector {
 public:
  ReplayConnector(const delivery::Connector& real, Wire& wire) : real_(real), wire_(wire) {}
  [[nodiscard]] const PlatformId& platform() const noexcept override { return real_.platform(); }
  [[nodiscard]] const net::Origin& origin() const noexcept override { return real_.origin(); }
  [[nodiscard]] std::uint64_t account() const noexcept override { return real_.account(); }
  [[nodiscard]] std::optional<delivery::TokenBucket::Options> rate_limit() const noexcept override {
    return std::nullopt;
  }
  [[nodiscard]] bool serves(std::string_view entity, Verb verb) const override { return real_.serves(entity, verb); }
  [[nodiscard]] std::size_t batch_max(std::string_view, Verb) const override { return 1; }
  [[nodiscard]] Result<net::ClientRequest> build(std::span<const Change* const> changes,
                                                 std::string_view batch_key) const override {
    auto request = real_.build(changes, batch_key);
    if (request) wire_.built.push_back(changes.front());
    return request;
  }
  [[nodiscard]] std::vector<delivery::Outcome> read(std::span<const Change* const>,
                                                    const Result<net::ClientResponse>&) const override {
    return {wire_.answer};
  }

 private:
  const delivery::Connector& real_;
  Wire& wire_;
};

std::shared_ptr<const Catalog> with_replay_connectors(const Catalog& real, Wire& wire) {
  std::vector<std::shared_ptr<const delivery::Connector>> connectors;
  for (const auto& connector : real.connectors) {
    connectors.push_back(std::make_shared<const ReplayConnector>(*connector, wire));
  }
  const transform::Mapper& mapper = real.mapper;
  return std::make_shared<const Catalog>(
      Catalog{transform::Mapper(mapper.mapping(), mapper.rates()), real.rules, std::move(connectors)});
}

EngineOptions replay_options() {
  EngineOptions options;
  options.records_cached = kRecordsCached;
  options.lane_concurrency_max = options.lane_concurrency_start = options.origin_concurrency_max = kLanesMax;
  return options;
}

/// The replay's own name of an event: a change tells only that of the newest that it speaks for.
EventId id_of(Sequence sequence) {
  return EventId(std::to_string(sequence.value));
}
Sequence sequence_of(const EventId& id) {
  Sequence sequence;
  std::from_chars(id.str().data(), id.str().data() + id.str().size(), sequence.value);
  return sequence;
}

std::string text_of(const Fields& fields, std::string_view name) {
  const Value* value = fields.find(name);
  return value == nullptr ? std::string() : value->as_string().value_or("");
}

/// What the history says of an event's deliveries.
struct Fate {
  RecordKey record{};
  std::vector<DeliveryResult> results;
};

/// A request that is not answered yet.
struct Answer {
  Timestamp due{};
  std::int64_t dispatch = 0;
  delivery::Outcome::Kind kind = delivery::Outcome::Kind::kDelivered;
  bool tells_ids = false;
  bool waits = false;  ///< what was accepted together with its event had not seen it yet
  TenantId tenant;
  PlatformId target;
  RecordKey record{};
  bool operator>(const Answer& other) const { return due != other.due ? due > other.due : dispatch > other.dispatch; }
};

}  // namespace

class Replay::Impl {
 public:
  Impl(Parts parts, std::shared_ptr<const Catalog> catalog, Sent sent)
      : reader_(parts.reader),
        past_(parts.past),
        real_(std::move(catalog)),
        sent_(std::move(sent)),
        store_(parts.reader, parts.past, parts.scratch, parts.identity_secret),
        natural_keys_(parts.identity_secret),
        subjects_(store_, options_.records_cached),
        deliverer_(tools(), ledger_, subjects_, options_),
        reconciler_(tools(), ledger_, subjects_, deliverer_) {
    window_.catalog = with_replay_connectors(*real_, wire_);
  }

  Result<Replay::Outcome> step(const Told& told) {
    const storage::StoredEvent& stored = told.stored;
    if (stored.state.status == EventStatus::kExpired) return Replay::Outcome{};
    if (is_verification_request(*stored.event)) return Replay::Outcome{};  // it speaks of no record
    DATASYNC_TRY(answer_until(stored.event->created_at));
    advance(stored.event->created_at);
    if (told.is_met) DATASYNC_TRY(meet(stored));
    note_fate(stored);
    auto outcome = stored.event->source == kReviewer ? decide(stored) : reconcile(told);
    if (!outcome) return outcome;
    DATASYNC_TRY(launch());
    if (key_.value > 0) {
      const auto subject = subjects_.load(stored.event->tenant, key_);
      if (!subject) return fail(subject.error());
      if (*subject != nullptr) outcome->record = &(*subject)->record;
    }
    return outcome;
  }

  Result<void> commit() {
    ledger_.stage(window_.batch);
    subjects_.stage(window_.batch);
    deliverer_.stage(window_.batch);
    DATASYNC_TRY(store_.keep(window_.batch));
    window_.batch.clear();
    window_.made_events.clear();  // a notifier is asked nothing
    ledger_.committed();
    deliverer_.committed();
    subjects_.trim();
    if (fates_.size() > 2 * fates_kept_ + 1'000) {
      boost::unordered::erase_if(fates_, [this](const auto& one) { return ledger_.find(one.first) == nullptr; });
      fates_kept_ = fates_.size();
    }
    return {};
  }

  Result<void> finish() {
    while (!waiting_.empty()) DATASYNC_TRY(answer_until(waiting_.top().due + microseconds{1}));
    return commit();
  }

  Result<const Record*> find(const TenantId& tenant, const std::string& entity, const EntityId& id) {
    const auto subject = subjects_.find(tenant, identity_of_canonical(tenant, entity, id.str()));
    if (!subject) return fail(subject.error());
    return *subject == nullptr ? nullptr : &(*subject)->record;
  }

 private:
  Tools tools() { return {store_, uuids_, *random_, clock_, nobody_}; }

  void advance(Timestamp to) {
    if (to > clock_.now()) clock_.advance(to - clock_.now());
    window_.now = clock_.now();
    window_.steady = clock_.steady_now();
  }

  /// Its present natural keys may be later ones: it is found by those that it had.
  Result<void> meet(const storage::StoredEvent& stored) {
    const TenantId& tenant = stored.event->tenant;
    const auto subject = subjects_.load(tenant, stored.state.record);
    if (!subject) return fail(subject.error());
    if (*subject == nullptr) return {};
    const Record& record = (*subject)->record;
    const transform::Mapper& mapper = window_.catalog->mapper;
    for (const std::string& key : mapper.natural_keys(record.entity)) {
      const FieldState* field = record.find(FieldName(key));
      const auto normalised = field == nullptr ? std::nullopt : mapper.normalised_key(record.entity, key, field->value);
      if (!normalised) continue;
      const Hash128 hash = natural_keys_.hash(natural_key_text(tenant, record.entity, key, *normalised));
      const auto holder = subjects_.find(tenant, hash);
      if (!holder) return fail(holder.error());
      if (*holder != nullptr) continue;
      subjects_.mark_dirty(**subject);
      subjects_.identify(**subject, hash, storage::IdentityKind::kNaturalKey);
    }
    return {};
  }

  void note_fate(const storage::StoredEvent& stored) {
    Fate& fate = fates_[stored.event->sequence];
    fate.record = stored.state.record;
    fate.results = stored.state.results;
  }

  Result<Replay::Outcome> reconcile(const Told& told) {
    auto event = std::make_shared<Event>(*told.stored.event);
    event->id = id_of(event->sequence);
    if (event->entity_id.empty()) event->entity_id = told.made;
    event->own_id = window_.catalog->mapper.own_id(event->source, event->entity, event->data);
    DATASYNC_TRY(name_record(told.stored, *event));
    Entry& entry = ledger_.add(std::move(event), EventState{});
    DATASYNC_TRY(reconciler_.reconcile(window_, entry));
    return outcome_of(entry);
  }

  /// By an id that its platform gave to a copy which is gone, so that no record tells of it any more, an event spoke of
  /// the record that the history says.
  Result<void> name_record(const storage::StoredEvent& stored, Event& event) {
    if (!event.entity_id.empty() || event.own_id.empty() || event.verb == Verb::kCreated) return {};
    const auto known =
        subjects_.find(event.tenant, identity_of_own_id(event.tenant, event.entity, event.source, event.own_id));
    if (!known) return fail(known.error());
    if (*known != nullptr || stored.state.record.value <= 0) return {};
    const auto record = reader_.load_record(event.tenant, stored.state.record);
    if (!record) return fail(record.error());
    if (*record) event.entity_id = (*record)->id;
    return {};
  }

  Replay::Outcome outcome_of(const Entry& entry) {
    key_ = entry.state.record;
    Replay::Outcome outcome;
    outcome.failed = entry.state.status == EventStatus::kFailed;
    outcome.waits_for_person =
        entry.state.status == EventStatus::kReview ||
        std::any_of(entry.state.results.begin(), entry.state.results.end(),
                    [](const DeliveryResult& result) { return result.status == ResultStatus::kReview; });
    if (!outcome.waits_for_person && key_.value > 0) {
      const auto subject = subjects_.load(entry.event->tenant, key_);
      if (subject && *subject != nullptr) {
        for (const Hold& hold : (*subject)->record.holds) {
          for (const Hold::Candidate& one : hold.candidates) {
            outcome.waits_for_person = outcome.waits_for_person || one.event == entry.state.sequence;
          }
        }
      }
    }
    return outcome;
  }

  // ---- what people said

  Result<Replay::Outcome> decide(const storage::StoredEvent& stored) {
    key_ = {};
    DATASYNC_TRY(commit());  // whoever decides looks into the store
    const Fields& metadata = stored.event->metadata;
    if (const std::string undone = text_of(metadata, "undoes"); !undone.empty()) return undo(stored, undone);
    const std::string id = text_of(metadata, "conflict_id");
    if (id.empty() && (metadata.contains(kMerges) || metadata.contains(kParts))) return join(stored);
    storage::Reader::ConflictFilter filter;
    filter.tenants = {stored.event->tenant};
    filter.id = id;
    filter.limit = 1;
    auto page = id.empty() ? Result<storage::Reader::ConflictPage>() : reader_.list_conflicts(filter);
    if (!page) return fail(std::move(page).error());
    if (page->conflicts.empty() || page->conflicts.front().fields.empty()) return set(stored);
    const Conflict& review = page->conflicts.front();
    const auto subject =
        subjects_.find(review.tenant, identity_of_canonical(review.tenant, review.entity, review.entity_id.str()));
    if (!subject) return fail(subject.error());
    const Hold* held =
        *subject == nullptr ? nullptr : (*subject)->record.find_hold(FieldName(review.fields.front().field));
    if (held != nullptr) return settle(stored, review, held->review);
    if (metadata.contains(kMerges)) return join(stored);
    if (is_copy_field(FieldName(review.fields.front().field))) return Replay::Outcome{};  // no platform asks it here
    if (review.event < past_.first()) return set(stored);  // it was asked before the replay began
    return not_asked();
  }

  static Replay::Outcome not_asked() {
    Replay::Outcome outcome;
    outcome.was_decided = false;
    return outcome;
  }
  /// What the reconciler can't do is its answer; what the store can't do ends the replay.
  static bool is_refusal(const Error& error) {
    return error.code == ErrorCode::kConflict || error.code == ErrorCode::kInvalid ||
           error.code == ErrorCode::kNotFound;
  }

  Entry& admit(std::shared_ptr<Event> event, const storage::StoredEvent& stored, std::int64_t behind = 0) {
    event->sequence = {stored.event->sequence.value + behind};
    event->created_at = stored.event->created_at;
    event->id = id_of(event->sequence);
    event->targets = stored.event->targets;
    return ledger_.add(std::move(event), EventState{});
  }

  /// The same decision about the review that the replay has opened.
  Result<Replay::Outcome> settle(const storage::StoredEvent& stored, const Conflict& review,
                                 const std::string& opened) {
    ReviewDecision decision;
    decision.tenants = {review.tenant};
    decision.conflict = opened;
    decision.by = review.resolved_by;
    decision.reason = review.resolved_why;
    for (const Conflict::Side& side : review.fields) {
      if (side.outcome == Conflict::Outcome::kMerged) {
        decision.choice = ReviewDecision::Choice::kMerged;
        decision.data = stored.event->data;
      } else if (side.outcome == Conflict::Outcome::kSource) {
        decision.choice = ReviewDecision::Choice::kSource;
        decision.platform = side.platform;
      }
    }
    if (review.fields.front().field == kIdentityField.str()) {
      auto which = which_of(stored, review);
      if (!which) return fail(std::move(which).error());
      decision.entity_id = std::move(*which);
    }
    decided_[review.id] = opened;
    auto settlement = reconciler_.prepare(window_, decision);
    if (!settlement) {
      if (is_refusal(settlement.error())) return not_asked();
      return fail(std::move(settlement).error());
    }
    Entry& entry = admit(settlement->event, stored);
    const auto settled = reconciler_.settle(window_, entry, std::move(*settlement));
    if (!settled) return fail(settled.error());
    return outcome_of(entry);
  }

  /// The one of the records in question that is, or is part of, the one that the person has named.
  Result<EntityId> which_of(const storage::StoredEvent& stored, const Conflict& review) {
    for (const Value& one : elements_of(review.fields.front().target_value)) {
      EntityId id(one.as_string().value_or(std::string()));
      const auto subject = subjects_.find(review.tenant, identity_of_canonical(review.tenant, review.entity, id.str()));
      if (!subject) return fail(subject.error());
      if (*subject != nullptr && (*subject)->record.id == stored.event->entity_id) return id;
    }
    return EntityId();
  }

  Result<Replay::Outcome> undo(const storage::StoredEvent& stored, const std::string& undone) {
    const TenantId& tenant = stored.event->tenant;
    auto events = reader_.find_event({tenant}, undone);
    if (!events) return fail(std::move(events).error());
    if (events->empty()) return not_asked();
    storage::StoredEvent target = std::move(events->front());
    const auto subject =
        subjects_.find(tenant, identity_of_canonical(tenant, stored.event->entity, stored.event->entity_id.str()));
    if (!subject) return fail(subject.error());
    // What was decided is found under the review that the replay has opened.
    const auto decided = decided_.find(text_of(target.event->metadata, "conflict_id"));
    if (decided != decided_.end()) {
      auto here = std::make_shared<Event>(*target.event);
      here->metadata.set("conflict_id", Value::string(decided->second));
      target.event = std::move(here);
    }
    target.state.record = *subject == nullptr ? RecordKey{} : (*subject)->record.key;
    auto compensation = reconciler_.prepare(
        window_, target,
        UndoRequest{{tenant}, undone, stored.event->user_id, text_of(stored.event->metadata, "reason")});
    if (!compensation) {
      if (is_refusal(compensation.error())) return not_asked();
      return fail(std::move(compensation).error());
    }
    Entry& entry = admit(compensation->event, stored);
    DATASYNC_TRY(reconciler_.compensate(window_, entry, *compensation));
    return outcome_of(entry);
  }

  /// Two records are merged, or parted again.
  Result<Replay::Outcome> join(const storage::StoredEvent& stored) {
    const Event& event = *stored.event;
    if (event.sequence == parted_) return Replay::Outcome{};  // it tells of the other one what is done already
    MergeRequest request;
    request.kind = event.metadata.contains(kMerges) ? MergeRequest::Kind::kMerge : MergeRequest::Kind::kSplit;
    const bool merges = request.kind == MergeRequest::Kind::kMerge;
    request.tenant = event.tenant;
    request.entity = event.entity;
    request.keep = event.entity_id;
    request.other = EntityId(text_of(event.metadata, merges ? kMerges : kParts));
    request.by = event.user_id;
    request.reason = text_of(event.metadata, "reason");
    if (merges) DATASYNC_TRY(choose(event, request));
    auto joint = reconciler_.prepare(window_, request);
    if (!joint) {
      if (!is_refusal(joint.error())) return fail(std::move(joint).error());
      // Two that were merged before the replay began and are parted later are two from its beginning.
      return merges ? not_asked() : set(stored);
    }
    Entry& entry = admit(joint->event, stored);
    if (merges) {
      DATASYNC_TRY(reconciler_.merge(window_, entry, *joint));
      return outcome_of(entry);
    }
    // The event of the other one was accepted with this one, hence right after it.
    parted_ = {event.sequence.value + 1};
    Entry& other = admit(joint->other_event, stored, 1);
    DATASYNC_TRY(reconciler_.split(window_, entry, other, *joint));
    return outcome_of(entry);
  }

  /// The fields whose value the person took from the record that went.
  Result<void> choose(const Event& event, MergeRequest& request) {
    const auto said = window_.catalog->mapper.to_canonical(event.source, event.entity, event.data);
    const auto other =
        subjects_.find_itself(event.tenant, identity_of_canonical(event.tenant, event.entity, request.other.str()));
    if (!other) return fail(other.error());
    if (*other == nullptr || !said) return {};
    for (const Field& field : said->fields) {
      if ((*other)->record.find(FieldName(field.name)) != nullptr) request.take.emplace_back(field.name);
    }
    return {};
  }

  /// The values themselves: what they answered was asked before the replay began.
  Result<Replay::Outcome> set(const storage::StoredEvent& stored) {
    const Event& event = *stored.event;
    const auto subject =
        subjects_.find(event.tenant, identity_of_canonical(event.tenant, event.entity, event.entity_id.str()));
    if (!subject) return fail(subject.error());
    const auto said = window_.catalog->mapper.to_canonical(event.source, event.entity, event.data);
    if (*subject == nullptr || !said) return not_asked();
    Compensation compensation;
    compensation.subject = *subject;
    compensation.event = std::make_shared<Event>(event);
    for (const Field& field : said->fields) {
      const FieldState* golden = (*subject)->record.find(FieldName(field.name));
      if (golden == nullptr || golden->value != field.value) compensation.values.push_back(field);
    }
    Entry& entry = admit(compensation.event, stored);
    DATASYNC_TRY(reconciler_.compensate(window_, entry, compensation));
    return outcome_of(entry);
  }

  // ---- what platforms answer

  Result<void> launch() {
    while (true) {
      wire_.built.clear();
      const std::vector<Dispatch> dispatches = deliverer_.launch(window_);
      if (dispatches.empty()) return {};
      std::vector<Answer> at_once;
      for (std::size_t i = 0; i < dispatches.size(); ++i) {
        Answer answer = answer_to(dispatches[i], *wire_.built[i]);
        if (answer.waits) {
          waiting_.push(std::move(answer));
        } else {
          at_once.push_back(std::move(answer));
        }
      }
      for (const Answer& answer : at_once) DATASYNC_TRY(deliver(answer));
    }
  }

  Answer answer_to(const Dispatch& dispatch, const Change& change) {
    const Sequence event = sequence_of(change.event);
    sent_(event, change);
    Answer answer;
    answer.due = window_.now;
    answer.dispatch = dispatch.id;
    answer.tells_ids = change.verb == Verb::kCreated;
    answer.tenant = change.tenant;
    answer.target = dispatch.target;
    const auto fate = fates_.find(event);
    if (fate == fates_.end()) return answer;
    answer.record = fate->second.record;
    for (const DeliveryResult& result : fate->second.results) {
      if (result.target != dispatch.target) continue;
      if (result.status == ResultStatus::kCompleted) {
        answer.due = result.processed_at.value_or(window_.now);
        answer.waits = true;
      } else if (result.status != ResultStatus::kSkipped && result.status != ResultStatus::kReview) {
        answer.kind = delivery::Outcome::Kind::kRejected;  // it never got it, or not yet
      }
    }
    return answer;
  }

  Result<void> answer_until(Timestamp time) {
    while (!waiting_.empty() && waiting_.top().due < time) {
      const Answer answer = waiting_.top();
      waiting_.pop();
      advance(answer.due);
      DATASYNC_TRY(deliver(answer));
      DATASYNC_TRY(launch());
    }
    return {};
  }

  Result<void> deliver(const Answer& answer) {
    wire_.answer = {};
    wire_.answer.kind = answer.kind;
    if (answer.kind == delivery::Outcome::Kind::kRejected) {
      wire_.answer.http_status = 400;
    } else if (answer.tells_ids && answer.record.value > 0) {
      // By the ids that the platform gave then it speaks of the record later on.
      const auto record = reader_.load_record(answer.tenant, answer.record);
      if (!record) return fail(record.error());
      const Knowledge* known = *record ? (*record)->known_by(answer.target) : nullptr;
      if (known != nullptr) wire_.answer.learned = known->present_ids();
    }
    const TargetAnswer heard{answer.dispatch, net::ClientResponse{}, kRoundTrip};
    return deliverer_.answered(window_, {&heard, 1});
  }

  storage::Reader& reader_;
  const Past& past_;
  const std::shared_ptr<const Catalog> real_;
  const Sent sent_;
  ReplayStore store_;
  crypto::KeyedHash natural_keys_;
  const EngineOptions options_ = replay_options();
  ManualClock clock_{Timestamp{}};
  const std::unique_ptr<Random> random_ = make_seeded_random(kSeed);
  UuidGenerator uuids_{clock_, *random_};
  const std::function<void(const PlatformId&)> nobody_;
  Wire wire_;
  Window window_;
  Ledger ledger_;
  Subjects subjects_;
  Deliverer deliverer_;
  Reconciler reconciler_;
  boost::unordered_flat_map<Sequence, Fate, std::hash<Sequence>> fates_;
  std::size_t fates_kept_ = 0;
  std::priority_queue<Answer, std::vector<Answer>, std::greater<>> waiting_;
  boost::unordered_flat_map<std::string, std::string> decided_;  // reviews of the history, and what they are here
  Sequence parted_{};                                            // an event that is done already
  RecordKey key_{};                                              // that the event of this step has touched
};

Replay::Replay(Parts parts, std::shared_ptr<const Catalog> catalog, Sent sent)
    : impl_(std::make_unique<Impl>(parts, std::move(catalog), std::move(sent))) {}
Replay::~Replay() = default;

Result<Replay::Outcome> Replay::step(const Told& told) {
  return impl_->step(told);
}
Result<void> Replay::commit() {
  return impl_->commit();
}
Result<void> Replay::finish() {
  return impl_->finish();
}
Result<const Record*> Replay::find(const TenantId& tenant, const std::string& entity, const EntityId& id) {
  return impl_->find(tenant, entity, id);
}

}  // namespace datasync::pipeline
