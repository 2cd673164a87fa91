#include "api/record_explain.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace datasync::api {
namespace {

constexpr std::size_t kHistoryMax = 20;      // former values of a field
constexpr std::int64_t kConflictsMax = 200;  // of one record, the newest

/// A change that came after what it overwrote: nothing had to be chosen.
constexpr std::string_view kCausalOrder = "causal_order";

/// Empty if the event has gone by its age.
Result<std::string> event_id_of(storage::Reader& reader, const TenantId& tenant, Sequence event) {
  const auto found = reader.events_after({tenant}, Sequence{event.value - 1}, 1);
  if (!found) return fail(found.error());
  const bool is_there = !found->empty() && found->front().event->sequence == event;
  return is_there ? found->front().event->id.str() : std::string();
}

Result<void> write_state(JsonWriter& out, storage::Reader& reader, const TenantId& tenant, const FieldState& state) {
  const auto event = event_id_of(reader, tenant, state.event);
  if (!event) return fail(event.error());
  out.key("value").raw(state.value.text()).field("writer", state.writer.str()).field("version", state.version.value);
  out.field("time", Timestamp{microseconds{state.time.microseconds}}).field_or_null("event_id", *event);
  return {};
}

Result<std::optional<FieldState>> overwritten_by(storage::Reader& reader, const FieldState& state) {
  const auto entry = reader.load_history(state.event);
  if (!entry) return fail(entry.error());
  if (*entry) {
    for (const FieldState& old : (*entry)->overwritten) {
      if (old.name == state.name) return old;
    }
  }
  return std::nullopt;
}

/// Whether the conflict's end made `value` the golden one.
bool chose(const Conflict& conflict, const Conflict::Side& side, const Value& value) {
  switch (side.outcome) {
    case Conflict::Outcome::kSource:
      return side.source_value == value;
    case Conflict::Outcome::kMerged:
      return side.merged && *side.merged == value;
    case Conflict::Outcome::kTarget:
      return !conflict.resolved_event.str().empty() && side.target_value == value;  // a person confirmed it
    case Conflict::Outcome::kOpen:
      break;
  }
  return false;
}

/// The newest conflict that gave the field the value which it has. One from before its last change gave another, though
/// it may read the same.
void write_rule(JsonWriter& out, const std::vector<Conflict>& conflicts, const FieldState& state) {
  for (const Conflict& conflict : conflicts) {
    if (conflict.version < state.version) continue;
    for (const Conflict::Side& side : conflict.fields) {
      if (side.field != state.name.str() || !chose(conflict, side, state.value)) continue;
      const bool by_person = !conflict.resolved_event.str().empty();
      out.field("rule", by_person ? std::string_view("review") : std::string_view(side.strategy));
      out.field("conflict_id", conflict.id)
          .field("conflict_type", conflict.type)
          .field_or_null("decided_by", conflict.resolved_by);
      out.field_or_null("reason", conflict.resolved_why);
      return;
    }
  }
  out.field("rule", kCausalOrder)
      .key("conflict_id")
      .null()
      .key("conflict_type")
      .null()
      .key("decided_by")
      .null()
      .key("reason")
      .null();
}

void write_value_of(JsonWriter& out, const Conflict& conflict, const Value& value, const PlatformId& platform,
                    std::string_view strategy) {
  out.begin_object().key("value").raw(value.text()).field("platform", platform.str());
  out.field("conflict_id", conflict.id).field("conflict_type", conflict.type).field("strategy", strategy);
  out.field_or_null("reason", conflict.reason).field("time", conflict.created_at).end_object();
}

/// Values that are not the field's: those that wait, and those that lost.
void write_others(JsonWriter& out, const std::vector<Conflict>& conflicts, const std::string& field) {
  using Outcome = Conflict::Outcome;
  const auto each = [&](bool open) {
    for (const Conflict& conflict : conflicts) {
      for (const Conflict::Side& side : conflict.fields) {
        if (side.field != field || (side.outcome == Outcome::kOpen) != open) continue;
        const PlatformId& platform = side.platform.str().empty() ? conflict.source : side.platform;
        if (side.outcome != Outcome::kSource) {
          write_value_of(out, conflict, side.source_value, platform, side.strategy);
        }
        const bool target_lost = side.outcome == Outcome::kSource || side.outcome == Outcome::kMerged;
        if (target_lost) write_value_of(out, conflict, side.target_value, conflict.target, side.strategy);
      }
    }
  };
  out.key("waiting").begin_array();
  each(true);
  out.end_array().key("lost").begin_array();
  each(false);
  out.end_array();
}

}  // namespace

Result<void> write_history(JsonWriter& out, storage::Reader& reader, const Record& record, const FieldName& field) {
  const FieldState* now = record.find(field);
  std::optional<FieldState> state = now == nullptr ? std::nullopt : std::optional(*now);
  for (std::size_t i = 0; state && i < kHistoryMax; ++i) {
    out.begin_object().field("field", field.str());
    DATASYNC_TRY(write_state(out, reader, record.tenant, *state));
    out.end_object();
    auto before = overwritten_by(reader, *state);
    if (!before) return fail(std::move(before).error());
    state = std::move(*before);
  }
  return {};
}

Result<void> write_explanation(JsonWriter& out, storage::Reader& reader, const Record& record) {
  storage::Reader::ConflictFilter filter;
  filter.tenants = {record.tenant};
  filter.entity = record.entity;
  filter.entity_id = record.id;
  filter.limit = kConflictsMax;
  const auto page = reader.list_conflicts(filter);
  if (!page) return fail(page.error());
  out.begin_object();
  for (const FieldState& state : record.fields) {
    out.key(state.name.str()).begin_object();
    DATASYNC_TRY(write_state(out, reader, record.tenant, state));
    write_rule(out, page->conflicts, state);
    write_others(out, page->conflicts, state.name.str());
    out.key("history").begin_array();
    DATASYNC_TRY(write_history(out, reader, record, state.name));
    out.end_array().end_object();
  }
  out.end_object();
  return {};
}

}  // namespace datasync::api
