#include "pipeline/holdings.h"

#include <algorithm>
#include <optional>

#include "conflict/detector.h"
#include "pipeline/frozen.h"

namespace datasync::pipeline {
namespace {

// The mark is ours alone, so no platform writes it in another way.
const std::uint64_t kTombstoneHash = Value::boolean(true).hash();
const std::uint64_t kLivingHash = Value::boolean(false).hash();

constexpr std::ptrdiff_t kBesideMax = 4;  // copies beside the present one, of which the oldest is let go first
constexpr std::ptrdiff_t kEndedMax = 4;   // ends of such copies, likewise

bool is_known_deleted(const Knowledge& known) {
  const KnownValue* deleted = known.find(kDeletedField);
  return deleted != nullptr && deleted->hash == kTombstoneHash;
}

bool is_among(const std::vector<OwnId>& ids, std::string_view id) {
  return std::any_of(ids.begin(), ids.end(), [id](const OwnId& own) { return own.role.empty() && own.id == id; });
}

/// Whether the event happened after all that we know of the platform's copy; of another copy its order tells nothing.
bool is_newer(const Event& event, const Knowledge& known) {
  if (!event.occurred_at) return !event.base_version;
  return std::all_of(known.values.begin(), known.values.end(), [&event](const KnownValue& value) {
    return *event.occurred_at > value.acknowledged + conflict::kClockTolerance;
  });
}

/// Whether the event is late news of a copy of whose end we have heard.
bool is_before_end(const Knowledge& known, const Event& event) {
  const std::uint64_t id = Value::string(event.own_id).hash();
  return event.occurred_at && std::any_of(known.earlier.begin(), known.earlier.end(), [&](const KnownValue& end) {
           return end.field == kEndedCopy && end.hash == id && event_time(event) <= end.acknowledged;
         });
}

/// Nothing is known of what is in the copy, but that its platform may know these versions; what is on its way stays
/// noted.
void forget_values(Knowledge& known) {
  for (const auto* values : {&known.values, &known.earlier}) {
    for (const KnownValue& value : *values) known.told = std::max(known.told, value.version);
  }
  std::erase_if(known.values, [](const KnownValue& value) { return value.field != kDeletedField; });
  std::erase_if(known.earlier, [](const KnownValue& value) { return value.field != kEndedCopy; });
}

/// The copy is another one now. What is on its way named the former one, and must do so again after a restart.
void forget_ids(Knowledge& known, const Attempt* under_way) {
  std::erase_if(known.ids, [](const OwnId& own) { return own.role != kBesideRole; });
  if (under_way == nullptr) return thaw(known);
  freeze_ids(known, *under_way);
}

/// Whether the copy is there, as we know it now; the version that the platform was told of it stays.
void hold_existence(Knowledge& known, std::uint64_t hash, Timestamp now) {
  const KnownValue* before = known.find(kDeletedField);
  known.hold({kDeletedField, before == nullptr ? RecordVersion{} : before->version, hash, now});
}

}  // namespace

bool holds_record(const Record& record, const PlatformId& platform) {
  const Knowledge* known = record.known_by(platform);
  if (known == nullptr || (known->ids.empty() && known->values.empty())) return false;
  return !is_known_deleted(*known);
}

bool proposes(const Record& record, const PlatformId& platform, const FieldName& field) {
  const Hold* hold = record.find_hold(field);
  return hold != nullptr &&
         std::any_of(hold->candidates.begin(), hold->candidates.end(),
                     [&platform](const Hold::Candidate& candidate) { return candidate.platform == platform; });
}

bool is_disputed(const Record& record) noexcept {
  return record.find_hold(kDeletedField) != nullptr;
}

bool is_gone(const Record& record) noexcept {
  return record.is_deleted() && !is_disputed(record);
}

bool waits_for_review(const Record& record, Sequence event) noexcept {
  return std::any_of(record.holds.begin(), record.holds.end(), [event](const Hold& hold) {
    return std::any_of(hold.candidates.begin(), hold.candidates.end(),
                       [event](const Hold::Candidate& candidate) { return candidate.event == event; });
  });
}

namespace {

/// Tells `each` of every field that the platform lacks, until it returns false.
template <typename Each>
void each_lacking(const Catalog& catalog, const Record& record, const PlatformId& target, Each each) {
  if (find_copy_hold(record, target) != nullptr) return;
  const bool holds = holds_record(record, target);
  if (is_disputed(record) && (record.is_deleted() || proposes(record, target, kDeletedField))) return;
  if (record.is_deleted()) {
    if (holds) each(*record.find(kDeletedField));
    return;
  }
  const Verb verb = holds ? Verb::kUpdated : Verb::kCreated;
  const transform::EntityPlan& plan = catalog.mapper.plan(target, record.entity);
  const Knowledge* known = record.known_by(target);
  KnowledgeCursor values(holds ? known : nullptr);
  const bool may_propose = holds && !record.holds.empty();
  for (const FieldState& field : record.fields) {
    if (field.name == kDeletedField) {
      const bool was_ended = !holds && known != nullptr && known->find(kDeletedField) != nullptr;
      if (was_ended && !each(field)) return;
      continue;
    }
    if (may_propose && proposes(record, target, field.name)) continue;
    const KnownValue* held = values.find(field.name);
    if (held != nullptr && held->version >= field.version) continue;
    if (!transform::Mapper::writable(plan, field.name, verb)) continue;
    // The same value again under a newer version. Not noted as held in that version: what version the target was told
    // is what its own events are judged by.
    if (held != nullptr && held->hash == catalog.mapper.held_hash(plan, field.name, field.value)) continue;
    if (!each(field)) return;
  }
}

}  // namespace

std::vector<const FieldState*> lacking_fields(const Catalog& catalog, const Record& record, const PlatformId& target) {
  std::vector<const FieldState*> lacking;
  each_lacking(catalog, record, target, [&](const FieldState& field) {
    if (lacking.empty()) lacking.reserve(record.fields.size());
    lacking.push_back(&field);
    return true;
  });
  return lacking;
}

bool lacks_something(const Catalog& catalog, const Record& record, const PlatformId& target) {
  bool lacks = false;
  each_lacking(catalog, record, target, [&lacks](const FieldState&) {
    lacks = true;
    return false;
  });
  return lacks;
}

Verb verb_for(const Record& record, const PlatformId& target) {
  if (record.is_deleted()) return Verb::kDeleted;
  return holds_record(record, target) ? Verb::kUpdated : Verb::kCreated;
}

CopyOfEvent copy_of_event(const Record& record, const Event& event, bool is_linked, const Attempt* under_way) {
  using Kind = CopyOfEvent::Kind;
  const Knowledge* known = record.known_by(event.source);
  if (known == nullptr || event.own_id.empty()) return {Kind::kPresent};
  const bool is_there = holds_record(record, event.source);
  const bool is_listed = is_among(known->ids, event.own_id);
  const bool is_known = is_listed || is_beside(*known, event.own_id);
  const bool may_be_it = known->own_id().empty() ? !is_known : known->own_id() == event.own_id;
  if (is_there && may_be_it) return {Kind::kPresent};
  if (event.verb == Verb::kDeleted) {
    // One that nobody has told us of: it may be the one that we made without being told its id.
    if (is_there && !is_linked && !is_listed) return {Kind::kFormer, true};
    return {is_there || (is_linked && !is_listed) ? Kind::kFormer : Kind::kPresent};
  }
  // Unless it says when, or what it had seen: late news of one that was deleted, or of another one that lives beside
  // the newest. A copy that comes back begins with a create.
  const bool says_when = event.occurred_at || event.base_version;
  if (event.verb == Verb::kUpdated && is_linked && !is_listed && !says_when) return {Kind::kFormer};
  if (is_there) {
    if (is_before_end(*known, event)) return {Kind::kFormer};
    if (is_newer(event, *known)) return {Kind::kNext, false, is_linked && event.occurred_at.has_value()};
    return {Kind::kFormer, true};
  }
  const KnownValue* existence = known->find(kDeletedField);
  // What we are making may be the one that was deleted meanwhile, or this one.
  const bool was_deleted_meanwhile = under_way != nullptr && under_way->change.verb == Verb::kCreated &&
                                     existence != nullptr && existence->acknowledged > under_way->started;
  if (was_deleted_meanwhile) return {Kind::kNext, true};
  if (!is_linked || existence == nullptr) return {Kind::kNext};
  if (under_way != nullptr && is_among(under_way->change.known_ids, event.own_id)) return {Kind::kNext, true};
  if (conflict::is_surely_after(record, event, *existence)) return {Kind::kNext};
  const bool is_before = event.verb == Verb::kUpdated && event.base_version && existence->version.value > 0 &&
                         *event.base_version < existence->version.value;
  if (is_before) return {Kind::kFormer};
  return {Kind::kNext, true};
}

bool is_replaced(const Knowledge& known, std::string_view id) {
  return known.own_id() != id && is_among(known.ids, id);
}

void forget_numbers(Record& record, const PlatformId& platform) {
  for (FieldState& field : record.fields) {
    if (field.writer == platform) field.source_version.reset();
  }
  for (Hold& hold : record.holds) {
    for (Hold::Candidate& candidate : hold.candidates) {
      if (candidate.platform == platform) candidate.source_version.reset();
    }
  }
  for (MissingField& missing : record.missing) {
    if (missing.platform == platform) missing.source_version.reset();
  }
}

void take_copy(Record& record, Knowledge& known, std::string_view id, const Attempt* under_way) {
  forget_values(known);
  forget_numbers(record, known.platform);
  forget_ids(known, under_way);
  known.learn_id({}, id);
}

void note_beside(Knowledge& known, std::string_view id) {
  forget_beside(known, id);
  auto& ids = known.ids;
  const auto is_beside = [](const OwnId& own) { return own.role == kBesideRole; };
  if (std::count_if(ids.begin(), ids.end(), is_beside) >= kBesideMax) {
    ids.erase(std::find_if(ids.begin(), ids.end(), is_beside));
  }
  ids.push_back({std::string(kBesideRole), std::string(id)});
}

bool is_beside(const Knowledge& known, std::string_view id) noexcept {
  return std::any_of(known.ids.begin(), known.ids.end(),
                     [id](const OwnId& own) { return own.role == kBesideRole && own.id == id; });
}

bool forget_beside(Knowledge& known, std::string_view id) {
  return std::erase_if(known.ids, [id](const OwnId& own) { return own.role == kBesideRole && own.id == id; }) > 0;
}

void note_end(Knowledge& known, std::string_view id, Timestamp when) {
  auto& ends = known.earlier;
  const std::uint64_t hash = Value::string(id).hash();
  const auto is_end = [](const KnownValue& value) { return value.field == kEndedCopy; };
  std::erase_if(ends, [&](const KnownValue& value) { return is_end(value) && value.hash == hash; });
  if (std::count_if(ends.begin(), ends.end(), is_end) >= kEndedMax) {
    ends.erase(std::find_if(ends.begin(), ends.end(), is_end));
  }
  ends.push_back({kEndedCopy, RecordVersion{}, hash, when});
}

bool take_copy_beside(Record& record, Knowledge& known, Timestamp now, const Attempt* under_way) {
  const std::string id(known.own_id(kBesideRole));
  if (id.empty()) return false;
  take_copy(record, known, id, under_way);
  doubt_copy(known, now);
  return true;
}

void note_seen(Knowledge& known, RecordVersion version, Timestamp when) {
  known.earlier.push_back({kDeletedField, version, kTombstoneHash, when});
}

bool had_seen(const Knowledge& known, RecordVersion version) noexcept {
  return is_copy_in_doubt(known) &&
         std::any_of(known.earlier.begin(), known.earlier.end(), [version](const KnownValue& held) {
           return held.field == kDeletedField && held.hash == kTombstoneHash && held.version >= version;
         });
}

void note_living(Knowledge& known, Timestamp now) {
  hold_existence(known, kLivingHash, now);
}

void end_copy(Record& record, Knowledge& known, RecordVersion version, Timestamp when, const Attempt* under_way) {
  // What we told it later than it says to have deleted it, we told a copy that has come back: news of that will follow.
  // Clocks differ: what was told shortly before may have been so, too, and is no longer the platform's own time then.
  const Timestamp said = when;
  for (const KnownValue& value : known.values) {
    const bool was_told = !conflict::is_own_write(record, known.platform, value);
    if (was_told && value.acknowledged + conflict::kClockTolerance > said)
      when = std::max(when, said + microseconds{1});
    when = std::max(when, value.acknowledged);
  }
  forget_values(known);
  forget_numbers(record, known.platform);
  forget_ids(known, under_way);
  known.hold({kDeletedField, version, kTombstoneHash, when});
}

void note_touch(Knowledge& known, Timestamp now) {
  const KnownValue* existence = known.find(kDeletedField);
  if (existence != nullptr) hold_existence(known, existence->hash, now);
}

void lose_copy(Record& record, Knowledge& known, Timestamp now) {
  forget_values(known);
  forget_numbers(record, known.platform);
  std::erase_if(known.ids, [](const OwnId& own) { return !own.role.empty(); });
  hold_existence(known, kTombstoneHash, now);
}

void forget_lost_copies(Knowledge& known) {
  auto copies = std::count_if(known.ids.begin(), known.ids.end(), [](const OwnId& own) { return own.role.empty(); });
  if (copies <= 2) return;
  std::erase_if(known.ids, [&copies](const OwnId& own) { return own.role.empty() && copies-- > 2; });
}

void doubt_copy(Knowledge& known, Timestamp now) {
  forget_values(known);
  hold_existence(known, 0, now);
}

void keep_in_doubt(Knowledge& known, Timestamp since) {
  hold_existence(known, 0, since);
}

bool is_copy_in_doubt(const Knowledge& known) noexcept {
  const KnownValue* existence = known.find(kDeletedField);
  return existence != nullptr && existence->hash == 0;
}

void doubt(Knowledge& known, const FieldName& field, Timestamp now) {
  known.hold({field, RecordVersion{0}, 0, now});
}

void note_crossing(Record& record, const Event& event, const conflict::Observation& seen, SentField& sent) {
  Knowledge* known = seen.of_former_copy ? nullptr : &record.knowledge_of(event.source);
  const KnownValue* held = known == nullptr ? nullptr : known->find(seen.field);
  if (sent.hash == seen.held_hash) {
    sent.echoed =
        sent.echoed || held == nullptr || held->hash != sent.hash;  // else it holds it, whatever becomes of ours
    return;
  }
  const std::optional<Timestamp> since =
      held == nullptr || held->hash != 0 ? std::nullopt : std::optional(held->acknowledged);
  if (known == nullptr || (since && !sent.doubted)) return;
  if (since) known->end_doubt(seen.field);
  sent.doubted = !conflict::may_be_overtaken(record, event, seen);
  if (since) doubt(*known, seen.field, *since);
}

void note_telling(const Record& record, Knowledge& known, RecordVersion version) {
  RecordVersion told = known.told;
  for (const KnownValue& value : known.values) {
    if (!conflict::is_own_write(record, known.platform, value)) told = std::max(told, value.version);
  }
  if (told >= version) known.told_again = std::max(known.told_again, version);
}

bool has_crossed(const Knowledge& known, const SentField& sent, Timestamp started) noexcept {
  const KnownValue* contact = known.find_last_contact(sent.name);
  if (contact == nullptr || contact->acknowledged <= started) return false;
  return contact->field == sent.name ? contact->hash != sent.hash : contact->hash == 0;
}

}  // namespace datasync::pipeline
