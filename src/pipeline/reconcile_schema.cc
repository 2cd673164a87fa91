#include <algorithm>
#include <utility>

#include "base/uuid.h"
#include "conflict/detector.h"
#include "conflict/kinds.h"
#include "pipeline/reconcile.h"
#include "pipeline/reconcile_change.h"
#include "transform/plan.h"

// The second verb where a platform's schema seems to change: a value of another kind, or a field that is no longer
// said.

namespace datasync::pipeline {
namespace {

constexpr std::string_view kBack = "the field is back";
constexpr std::string_view kEmpty = "the field is empty now";

bool is_missing(const Record& record, const PlatformId& platform, const FieldName& field) {
  return std::any_of(record.missing.begin(), record.missing.end(), [&](const MissingField& missing) {
    return missing.platform == platform && missing.field == field;
  });
}

}  // namespace

/// Why the value is a change of the field's schema, and not allowed to be; empty if it is none.
std::string Reconciler::schema_reason(const Window& window, const Record& record, const FieldState& golden,
                                      const Value& value) {
  std::string reason = conflict::kind_changes(golden.name.str(), golden.value, value);
  if (reason.empty()) return reason;
  if (window.catalog->rules.schema_change(record.entity, golden.name) == conflict::SchemaChange::kAllowed) return {};
  // Of a natural key a number is its text: 7001 and "7001" are one order.
  const transform::Mapper& mapper = window.catalog->mapper;
  const auto& keys = mapper.natural_keys(record.entity);
  if (std::find(keys.begin(), keys.end(), golden.name.str()) == keys.end()) return reason;
  const auto was = mapper.normalised_key(record.entity, golden.name, golden.value);
  const auto is = mapper.normalised_key(record.entity, golden.name, value);
  return was && was == is ? std::string() : reason;
}

/// A platform that sends whole records may say a field no longer, or again. That deletes nothing, but somebody should
/// know; once, and not with each of its events.
Result<void> Reconciler::note_missing(Window& window, Change& change, const Fields& said) {
  if (change.is_former()) return {};
  const Record& record = change.record();
  const Event& event = change.event();
  for (std::size_t i = 0; i < record.missing.size();) {
    const MissingField& missing = record.missing[i];
    const FieldState* golden = record.find(missing.field);
    const bool is_empty = golden == nullptr || golden->value.is_null();
    const bool is_over = missing.platform == event.source && (is_empty || said.contains(missing.field)) &&
                         !conflict::is_older_word(event, missing.since, missing.source_version);
    if (!is_over) {
      ++i;
    } else {
      DATASYNC_TRY(end_missing(window, change, i, is_empty ? kEmpty : kBack));
    }
  }
  for (const FieldName& field : change.plan.expected) {
    if (said.contains(field) || is_missing(record, event.source, field)) continue;
    const FieldState* golden = record.find(field);
    if (golden == nullptr || golden->value.is_null() || !is_surely_held(window, change, field)) continue;
    announce_missing(window, change, *golden);
  }
  return {};
}

/// Whether the event's platform held a value of the field when it did what the event says.
bool Reconciler::is_surely_held(const Window& window, const Change& change, const FieldName& field) {
  const Knowledge* known = change.record().known_by(change.event().source);
  const KnownValue* held = known == nullptr ? nullptr : known->find(field);
  if (held == nullptr || held->hash == 0) return false;
  return held->hash != window.catalog->mapper.held_hash(change.plan, field, Value()) &&
         conflict::is_surely_after(change.record(), change.event(), *held);
}

/// Nothing waits for what becomes of it: the golden value stays, and goes on changing.
void Reconciler::announce_missing(Window& window, Change& change, const FieldState& golden) {
  const Event& event = change.event();
  Record& record = change.record();
  Conflict conflict = describe(window, change);
  conflict.id = format_uuid(tools_.uuids.next());
  conflict.type = kSchemaChange;
  conflict.target = golden.writer;
  conflict.status = "open";
  conflict.reason =
      event.source.str() + " sends whole records and no longer says " + golden.name.str() + "; its value stays";
  Conflict::Side& side = conflict.fields.emplace_back();
  side.field = golden.name.str();
  side.target_value = golden.value;
  side.base = golden.value;
  side.strategy = window.catalog->rules.rule(record.entity, golden.name).strategy->name();
  side.outcome = Conflict::Outcome::kOpen;
  side.platform = event.source;
  side.event = event.id;
  record.missing.push_back({event.source, golden.name, conflict.id, event_time(event), event.version});
  change.learned = true;
  stage_review(window, change, std::move(conflict));
}

Result<void> Reconciler::end_missing(Window& window, Change& change, std::size_t index, std::string_view why) {
  Record& record = change.record();
  auto conflict = load_review(window, record.tenant, record.missing[index].conflict);
  if (!conflict) return fail(std::move(conflict).error());
  record.missing.erase(record.missing.begin() + static_cast<std::ptrdiff_t>(index));
  change.learned = true;
  if (conflict->status != "open") return {};  // somebody has taken note of it
  for (Conflict::Side& side : conflict->fields) side.outcome = Conflict::Outcome::kTarget;
  conflict->status = "resolved";
  conflict->resolved_at = window.now;
  conflict->resolved_why = why;
  ++conflict->revision;
  stage_review(window, change, std::move(*conflict));
  return {};
}

}  // namespace datasync::pipeline
