#include "pipeline/holdings.h"

#include <algorithm>

#include "pipeline/frozen.h"

namespace datasync::pipeline {
namespace {

const Value kTombstone = Value::boolean(true);
const Value kLiving = Value::boolean(false);

bool is_known_deleted(const Catalog& catalog, const Record& record, const Knowledge& known) {
  const KnownValue* deleted = known.find(kDeletedField);
  return deleted != nullptr &&
         deleted->hash == catalog.mapper.held_hash(known.platform, record.entity, kDeletedField, kTombstone);
}

bool has_values(const Knowledge& known) {
  return std::any_of(known.values.begin(), known.values.end(), [](const KnownValue& value) { return !is_note(value); });
}

}  // namespace

bool holds_record(const Catalog& catalog, const Record& record, const PlatformId& platform) {
  const Knowledge* known = record.known_by(platform);
  if (known == nullptr || (known->ids.empty() && !has_values(*known))) return false;
  return !is_known_deleted(catalog, record, *known);
}

std::vector<const FieldState*> lacking_fields(const Catalog& catalog, const Record& record, const PlatformId& target) {
  std::vector<const FieldState*> lacking;
  const bool holds = holds_record(catalog, record, target);
  if (record.is_deleted()) {
    if (holds) lacking.push_back(record.find(kDeletedField));
    return lacking;
  }
  const Verb verb = holds ? Verb::kUpdated : Verb::kCreated;
  const transform::EntityPlan& plan = catalog.mapper.plan(target, record.entity);
  const Knowledge* known = record.known_by(target);
  for (const FieldState& field : record.fields) {
    if (field.name == kDeletedField) {
      if (!holds && known != nullptr && known->find(kDeletedField) != nullptr) lacking.push_back(&field);
      continue;
    }
    const KnownValue* held = known == nullptr || !holds ? nullptr : known->find(field.name);
    if (held != nullptr && held->version >= field.version) continue;
    if (!transform::Mapper::writable(plan, field.name, verb)) continue;
    // The same value again under a newer version. Not noted as held in that version: what version the target was told
    // is what its own events are judged by.
    if (held != nullptr && held->hash == catalog.mapper.held_hash(plan, field.name, field.value)) continue;
    lacking.push_back(&field);
  }
  return lacking;
}

Verb verb_for(const Catalog& catalog, const Record& record, const PlatformId& target) {
  if (record.is_deleted()) return Verb::kDeleted;
  return holds_record(catalog, record, target) ? Verb::kUpdated : Verb::kCreated;
}

void forget_copy(Record& record, const PlatformId& platform) {
  Knowledge& known = record.knowledge_of(platform);
  known.ids.clear();
  std::erase_if(known.values, [](const KnownValue& value) { return value.field != kDeletedField && !is_note(value); });
  known.earlier.clear();
  for (FieldState& field : record.fields) {  // another copy counts its versions anew
    if (field.writer == platform) field.source_version.reset();
  }
}

void note_existence(const Catalog& catalog, const Record& record, Knowledge& known, Timestamp now) {
  if (!known.ids.empty() && !has_values(known)) note_living(catalog, record, known, now);
}

void note_living(const Catalog& catalog, const Record& record, Knowledge& known, Timestamp now) {
  known.hold({std::string(kDeletedField), RecordVersion{0},
              catalog.mapper.held_hash(known.platform, record.entity, kDeletedField, kLiving), now});
}

void doubt_existence(const Catalog& catalog, const Record& record, Knowledge& known, Timestamp now) {
  const Value& taken_for = record.is_deleted() ? kLiving : kTombstone;
  known.hold({std::string(kDeletedField), RecordVersion{0},
              catalog.mapper.held_hash(known.platform, record.entity, kDeletedField, taken_for), now});
}

void doubt(Knowledge& known, std::string_view field, Timestamp now) {
  known.hold({std::string(field), RecordVersion{0}, 0, now});
}

bool is_of_former_copy(const Catalog& catalog, const Record& record, const Event& event, bool is_linked) {
  const Knowledge* known = record.known_by(event.source);
  if (event.own_id.empty() || !is_linked || known == nullptr || known->own_id() == event.own_id) return false;
  if (event.verb != Verb::kCreated) return !known->ids.empty() || is_known_deleted(catalog, record, *known);
  // Created anew under its old id, unless this is late news of its first life.
  const KnownValue* existence = known->find(kDeletedField);
  return existence != nullptr && !known->ids.empty() && event_time(event) <= existence->acknowledged;
}

bool is_former_id(const Catalog& catalog, const Record& record, const Knowledge& known, std::string_view id) {
  if (known.own_id().empty()) return is_known_deleted(catalog, record, known);
  return std::none_of(known.ids.begin(), known.ids.end(), [id](const OwnId& own) { return own.id == id; });
}

}  // namespace datasync::pipeline
