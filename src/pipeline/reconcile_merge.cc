#include <algorithm>
#include <utility>

#include "pipeline/identity.h"
#include "pipeline/person_event.h"
#include "pipeline/reconcile.h"
#include "pipeline/reconcile_change.h"

// The second verb's records themselves: two that turn out to be one thing, and what makes two of one again.

namespace datasync::pipeline {
namespace {

constexpr std::size_t kAbsorbedMax = 100;  // of one record

tl::unexpected<Error> refuse(std::string message) {
  return fail(ErrorCode::kConflict, std::move(message));
}

bool is_blank(const FieldState* field) {
  return field == nullptr || field->value.is_null() || field->value.text() == R"("")";
}

bool is_among(const std::vector<FieldName>& names, const FieldName& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Fields fields_of(const std::vector<Field>& values) {
  Fields fields;
  for (const Field& field : values) fields.set(field.name, field.value);
  return fields;
}

/// Platforms may have been told the versions of either, and name them as those that they had seen.
RecordVersion version_above(const Record& one, const Record& other) {
  return {std::max(one.version.value, other.version.value) + 1};
}

/// The platform's copy of a record that goes becomes the copy of the one that stays.
void inherit_copy(const transform::Mapper& mapper, Record& record, const Knowledge& theirs, Timestamp now) {
  Knowledge& mine = record.knowledge_of(theirs.platform);
  const bool was_there = mine.find(kDeletedField) != nullptr;
  take_copy(record, mine, theirs.own_id(), nullptr);
  mine.ids = theirs.ids;
  for (const KnownValue& held : theirs.values) {
    if (held.field == kDeletedField) continue;
    const FieldState* golden = record.find(held.field);
    const bool is_golden =
        golden != nullptr && held.hash == mapper.held_hash(theirs.platform, record.entity, golden->name, golden->value);
    mine.hold({held.field, is_golden ? golden->version : RecordVersion{}, held.hash, held.acknowledged});
  }
  if (was_there) note_living(mine, now);
}

/// The copy is the record's own again. `shared`: what is known of it as that of the record that it was part of: this it
/// holds, and says again until it is told its own. Where nothing is known, nothing is taken for sure.
void take_back_copy(Knowledge& theirs, const Knowledge* shared, Timestamp now) {
  for (const KnownValue& held : std::vector<KnownValue>(theirs.values)) {
    if (held.field != kDeletedField) doubt(theirs, held.field, now);
  }
  if (shared == nullptr) return;
  Knowledge told = *shared;
  for (KnownValue& held : told.values) {  // which of two it holds may be in doubt: neither is the record's own
    const Timestamp since = held.acknowledged;
    told.end_doubt(held.field);
    held.acknowledged = std::max(held.acknowledged, since);
  }
  for (const auto* values : {&told.earlier, &told.values}) {
    for (KnownValue held : *values) {
      if (held.field == kDeletedField || held.field == kEndedCopy) continue;
      held.version = RecordVersion{};
      theirs.hold(std::move(held));
    }
  }
}

}  // namespace

Result<Joint> Reconciler::prepare(const Window& window, const MergeRequest& request) {
  const auto find = [&](const EntityId& id) {
    return subjects_.find_itself(request.tenant, identity_of_canonical(request.tenant, request.entity, id.str()));
  };
  auto keep = find(request.keep);
  if (!keep) return fail(std::move(keep).error());
  if (*keep == nullptr) return fail(ErrorCode::kNotFound, "no such record");
  auto other = find(request.other);
  if (!other) return fail(std::move(other).error());
  if (*other == nullptr) return fail(ErrorCode::kInvalid, "/other: no such " + request.entity);
  Joint joint;
  joint.keep = *keep;
  joint.other = *other;
  if (joint.keep == joint.other) return fail(ErrorCode::kInvalid, "/other: is the same record");
  if (const auto& merged = joint.keep->record.merged_into) {
    auto into = subjects_.load(request.tenant, merged->record);
    if (!into) return fail(std::move(into).error());
    return refuse("the record is part of " + (*into)->record.id.str());
  }
  for (const Subject* subject : {joint.keep, joint.other}) {
    const std::string& id = subject->record.id.str();
    if (subject->record.is_deleted()) return refuse(id + " is deleted");
    for (const Hold& hold : subject->record.holds) {
      const bool is_answered = request.kind == MergeRequest::Kind::kMerge && is_copy_field(hold.field);
      if (hold.review == request.review || is_answered) continue;
      return refuse(hold.field.str() + " of " + id + " waits for a person: decide that first");
    }
  }
  for (Subject* subject : {joint.keep, joint.other}) {
    if (const auto target = deliverer_.moves_towards(window, *subject)) {
      return refuse("a change of " + subject->record.id.str() + " is on its way to " + target->str() +
                    ", and what became of it is not known yet: try again later");
    }
  }
  return request.kind == MergeRequest::Kind::kMerge ? prepare_merge(window, request, std::move(joint))
                                                    : prepare_split(window, request, std::move(joint));
}

/// Where both have a value, that of the record that stays counts, unless the person names the field.
Result<Joint> Reconciler::prepare_merge(const Window& window, const MergeRequest& request, Joint joint) const {
  const Record& keep = joint.keep->record;
  const Record& other = joint.other->record;
  if (other.merged_into) return refuse(other.id.str() + " is part of another record already");
  if (keep.absorbed.size() >= kAbsorbedMax) {
    return refuse("the record is made of " + std::to_string(kAbsorbedMax + 1) + " already, and can't take in more");
  }
  for (std::size_t i = 0; i < request.take.size(); ++i) {
    if (other.find(request.take[i]) == nullptr || request.take[i] == kDeletedField) {
      return fail(ErrorCode::kInvalid, "/take/" + std::to_string(i) + ": the other record has no such field");
    }
  }
  const auto& keys = window.catalog->mapper.natural_keys(keep.entity);
  for (const FieldState& theirs : other.fields) {
    const FieldState* mine = keep.find(theirs.name);
    if (theirs.name == kDeletedField || (mine != nullptr && mine->value == theirs.value)) continue;
    const bool is_key = std::find(keys.begin(), keys.end(), theirs.name.str()) != keys.end();
    const bool is_newer = request.newest && !is_key && mine != nullptr && theirs.time > mine->time;
    const bool is_taken = is_blank(mine) || is_newer || is_among(request.take, theirs.name);
    if (is_taken) joint.values.push_back({theirs.name.str(), theirs.value});
    if (is_blank(mine) || is_blank(&theirs)) continue;
    Conflict::Side side;
    side.field = theirs.name.str();
    side.source_value = theirs.value;
    side.target_value = mine->value;
    side.strategy = "manual_review";
    side.outcome = is_taken ? Conflict::Outcome::kSource : Conflict::Outcome::kTarget;
    side.platform = theirs.writer;
    joint.lost.push_back(std::move(side));
  }
  for (const Knowledge& known : other.knowledge) {
    if (!holds_record(other, known.platform) || !holds_record(keep, known.platform)) continue;
    joint.duplicates.emplace_back(known.platform, std::string(known.own_id()));
  }
  joint.event = event_of_person(*window.catalog, keep, fields_of(joint.values), request.by, request.reason);
  joint.event->metadata.set(kMerges, Value::string(other.id.str()));
  return joint;
}

/// Whether the record and `other`, which a platform keeps in one copy, are one is answered.
Result<void> Reconciler::close_copy_reviews(Window& window, Change& change, const EntityId& other) {
  std::vector<FieldName> answered;
  for (const Hold& hold : change.record().holds) {
    if (!is_copy_field(hold.field)) continue;
    auto review = load_review(window, change.record().tenant, hold.review);
    if (!review) return fail(std::move(review).error());
    if (review->fields.front().source_value == Value::string(other.str())) answered.push_back(hold.field);
  }
  for (const FieldName& field : answered) {
    DATASYNC_TRY(close_review(window, change, field, "the other record was merged into this one"));
  }
  return {};
}

Result<void> Reconciler::merge(Window& window, Entry& entry, const Joint& joint) {
  Record& keep = joint.keep->record;
  Record& other = joint.other->record;
  Change doing(entry, *joint.keep, window.catalog->mapper.plan(entry.event->source, entry.event->entity));
  doing.next_version = version_above(keep, other);
  entry.state.record = keep.key;
  other.merged_into = MergedInto{keep.key, entry.event->sequence};
  ++other.version.value;
  other.updated_at = window.now;
  keep.absorbed.push_back(other.id);
  Change leaving(entry, *joint.other, doing.plan);
  while (!other.missing.empty()) DATASYNC_TRY(end_missing(window, leaving, 0, "the record was merged into another"));
  while (!other.holds.empty()) {
    const FieldName field = other.holds.front().field;
    DATASYNC_TRY(close_review(window, leaving, field, "the record was merged into another"));
  }
  DATASYNC_TRY(close_copy_reviews(window, doing, other.id));
  subjects_.mark_dirty(*joint.other);
  for (const Field& field : joint.values) {
    DATASYNC_TRY(set_by_person(window, doing, FieldName(field.name), field.value));
  }
  for (const Knowledge& theirs : other.knowledge) {
    if (!holds_record(other, theirs.platform) || holds_record(keep, theirs.platform)) continue;
    inherit_copy(window.catalog->mapper, keep, theirs, window.now);
  }
  for (const Conflict::Side& side : joint.lost) {
    note_conflict(doing, side, "data_mismatch", keep.find(FieldName(side.field))->writer);
  }
  keep.joined = doing.next_version;
  doing.changed = true;  // also where it has all values already: its version tells the two states apart
  const bool overwrites = !doing.overwritten.empty();
  DATASYNC_TRY(record_outcome(window, doing));
  // Noted also where it is nothing: else a split could not tell that from what is no longer kept.
  if (!overwrites) window.batch.history.push_back({entry.event->sequence, keep.key, keep.tenant, keep.version, {}});
  deliverer_.hand_over(window, *joint.other, *joint.keep);
  plan_deliveries(window, doing);
  return {};
}

/// What the record took over goes back as far as nobody has changed it since.
Result<Joint> Reconciler::prepare_split(const Window& window, const MergeRequest& request, Joint joint) const {
  const Record& keep = joint.keep->record;
  const Record& other = joint.other->record;
  if (!other.merged_into || other.merged_into->record != keep.key) {
    return refuse(other.id.str() + " is no part of this record");
  }
  const Sequence merge = other.merged_into->event;
  auto before = overwritten_by_event(window, merge);
  if (!before) return fail(std::move(before).error());
  for (const FieldState& field : keep.fields) {
    if (field.event != merge || !*before) continue;  // what was there before is no longer kept: so this stays
    const auto was = std::find_if((*before)->begin(), (*before)->end(),
                                  [&field](const FieldState& state) { return state.name == field.name; });
    joint.values.push_back({field.name.str(), was == (*before)->end() ? Value() : was->value});
  }
  joint.event = event_of_person(*window.catalog, keep, fields_of(joint.values), request.by, request.reason);
  joint.event->metadata.set(kParts, Value::string(other.id.str()));
  Fields all;
  for (const FieldState& field : other.fields) {
    if (field.name != kDeletedField) all.set(field.name, field.value);
  }
  joint.other_event = event_of_person(*window.catalog, other, all, request.by, request.reason);
  joint.other_event->metadata.set(kParts, Value::string(keep.id.str()));
  return joint;
}

Result<void> Reconciler::split(Window& window, Entry& entry, Entry& other_entry, const Joint& joint) {
  Record& keep = joint.keep->record;
  Record& other = joint.other->record;
  const transform::EntityPlan& plan = window.catalog->mapper.plan(entry.event->source, entry.event->entity);
  other.merged_into.reset();
  std::erase(keep.absorbed, other.id);

  // What it was told as part of the other one is not what it is to hold.
  Change parted(other_entry, *joint.other, plan);
  parted.next_version = version_above(keep, other);
  other_entry.state.record = other.key;
  for (Knowledge& theirs : other.knowledge) {
    if (!holds_record(other, theirs.platform)) continue;
    Knowledge* mine = nullptr;
    for (Knowledge& known : keep.knowledge) {
      if (known.platform != theirs.platform) continue;
      if (known.own_id() == theirs.own_id()) mine = &known;
      for (const OwnId& own : theirs.ids) forget_beside(known, own.id);
    }
    const bool is_shared = mine != nullptr && !mine->own_id().empty();
    take_back_copy(theirs, is_shared ? mine : nullptr, window.now);
    if (is_shared && !take_copy_beside(keep, *mine, window.now, nullptr)) {
      end_copy(keep, *mine, RecordVersion{}, window.now, nullptr);
    }
  }
  other.joined = parted.next_version;
  parted.changed = true;
  DATASYNC_TRY(record_outcome(window, parted));
  plan_deliveries(window, parted);

  Change doing(entry, *joint.keep, plan);
  entry.state.record = keep.key;
  for (const Field& field : joint.values) {
    DATASYNC_TRY(set_by_person(window, doing, FieldName(field.name), field.value));
  }
  // Those that both bore meanwhile may have gone with a change of the other one.
  for (const std::string& key : window.catalog->mapper.natural_keys(other.entity)) {
    const FieldState* field = other.find(FieldName(key));
    if (field != nullptr) DATASYNC_TRY(move_natural_key(window, *joint.other, field->name, nullptr, field->value));
  }
  doing.changed = true;
  DATASYNC_TRY(record_outcome(window, doing));
  plan_deliveries(window, doing);
  return {};
}

}  // namespace datasync::pipeline
