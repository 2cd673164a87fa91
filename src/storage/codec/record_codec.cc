#include "storage/codec/record_codec.h"

#include <utility>

#include "storage/codec/compact_json.h"
#include "storage/codec/envelope.h"
#include "storage/codec/record_marks.h"

namespace datasync::storage {
namespace {

/// Bytes; most changes of a record keep it within its step. Measured: with 64 the first change of a record often moves
/// its neighbours (a sixth more pages), with 256 the room costs as much as it saves.
constexpr std::size_t kRecordStep = 128;

/// Room for a number and the punctuation around it. Whoever writes leaves so much, for brackets and commas.
constexpr std::size_t kNumber = CompactJsonWriter::kNumberBytesMax + 8;

/// Differences of times wrap around instead of overflowing: whatever stands in a record comes back as it was.
std::int64_t minus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

void separate(std::string& out) {
  if (out.back() != '[' && out.back() != '{') out += ',';
}

std::int64_t next_integer(CompactJsonReader& json) {
  if (!json.more()) json.refuse();
  return json.integer();
}

/// How every field state ends: time, version, event and, where they say something, by how much the event time was
/// earlier and the source's version.
void write_field_tail(CompactJsonWriter& out, const FieldState& field) {
  const std::int64_t earlier = minus(field.time.microseconds, field.source_time.time_since_epoch().count());
  const auto next_number = [&out](std::int64_t number) {
    out.put(',');
    out.integer(number);
  };
  next_number(field.time.microseconds);
  next_number(field.version.value);
  next_number(field.event.value);
  if (earlier != 0 || field.source_version) next_number(earlier);
  if (field.source_version) next_number(*field.source_version);
  out.put(']');
}

void read_field_tail(CompactJsonReader& json, FieldState& field) {
  field.time.microseconds = next_integer(json);
  field.version = {next_integer(json)};
  field.event = {next_integer(json)};
  field.source_time = Timestamp{microseconds{field.time.microseconds}};
  if (!json.more()) return;
  field.source_time = Timestamp{microseconds{minus(field.time.microseconds, json.integer())}};
  if (!json.more()) return;
  field.source_version = json.integer();
  if (json.more()) json.refuse();
}

/// Few records have any.
void write_merges(CompactJsonWriter& out, const Record& record) {
  if (record.merged_into) {
    const MergedInto& merged = *record.merged_into;
    out.need(4 * kNumber);
    out.put(R"(,"merged_into":[)" + std::to_string(merged.record.value) + "," + std::to_string(merged.event.value) +
            "]");
  }
  if (record.absorbed.empty()) return;
  out.need(kNumber);
  std::string_view separator = R"(,"absorbed":[)";
  for (const EntityId& id : record.absorbed) {
    out.put(std::exchange(separator, ","));
    out.quoted(id.str(), kNumber);
  }
  out.put(']');
}

void write_body(CompactJsonWriter& out, const Record& record) {
  out.need(kNumber);
  out.put(R"({"fields":{)");
  std::string_view separator = "";
  for (const FieldState& field : record.fields) {
    out.put(std::exchange(separator, ","));
    out.quoted(field.name, field.value.text().size() + kNumber);
    out.put(':');
    out.put(field.value.text());
  }
  out.put(R"(},"ids":{)");
  separator = "";
  for (const Knowledge& known : record.knowledge) {
    out.put(std::exchange(separator, ","));
    out.quoted(known.platform.str(), kNumber);
    out.put(":[");
    std::string_view between = "";
    for (const OwnId& id : known.ids) {
      out.put(std::exchange(between, ","));
      out.put('[');
      out.quoted(id.role, kNumber);
      out.put(',');
      out.quoted(id.id, kNumber);
      out.put(']');
    }
    out.put(']');
  }
  out.put('}');
  write_merges(out, record);
  out.put('}');
}

void read_ids(CompactJsonReader& json, std::vector<OwnId>& ids) {
  json.enter_array();
  while (json.more()) {
    OwnId& id = ids.emplace_back();
    json.enter_array();
    if (json.more()) id.role = json.string();
    if (!json.more()) json.refuse();
    id.id = json.string();
    if (json.more()) json.refuse();
  }
}

/// The members that follow the ids, if any do.
void read_merges(CompactJsonReader& json, Record& record) {
  bool more = json.more();
  std::string name = more ? json.name() : std::string();
  if (name == "merged_into") {
    MergedInto& merged = record.merged_into.emplace();
    json.enter_array();
    if (json.more()) merged.record.value = json.integer();
    if (!json.more()) json.refuse();
    merged.event.value = json.integer();
    if (json.more()) json.refuse();
    more = json.more();
    name = more ? json.name() : std::string();
  }
  if (!more) return;
  if (name != "absorbed") json.refuse();
  json.enter_array();
  while (json.more()) record.absorbed.emplace_back(json.string());
  if (json.more()) json.refuse();
}

bool read_body(std::string_view text, Record& record) {
  CompactJsonReader json(text);
  json.enter_object();
  if (!json.more() || json.name() != "fields") json.refuse();
  json.enter_object();
  while (json.more()) {
    FieldState& field = record.fields.emplace_back();
    field.name = json.name();
    field.value = json.value();
  }
  if (!json.more() || json.name() != "ids") json.refuse();
  json.enter_object();
  while (json.more()) {
    Knowledge& known = record.knowledge.emplace_back();
    known.platform = PlatformId(json.name());
    read_ids(json, known.ids);
  }
  read_merges(json, record);
  return json.finished();
}

template <typename Member>
std::string envelope_of_sides(const Conflict& conflict, Member member) {
  std::string out(1, static_cast<char>(Codec::kPlain));
  out += '{';
  for (const Conflict::Side& side : conflict.fields) {
    separate(out);
    append_json_string(out, side.field);
    out += ':';
    out += member(side).text();
  }
  out += '}';
  close_envelope(out, 0);
  return out;
}

tl::unexpected<Error> damaged(std::string_view what) {
  return fail(ErrorCode::kCorrupt, "a stored value is damaged", std::string(what));
}

std::string details_of(const Conflict& conflict) {
  std::string out(1, static_cast<char>(Codec::kPlain));
  out += '[';
  for (const Conflict::Side& side : conflict.fields) {
    for (const auto* value : {&side.base, &side.merged}) {
      separate(out);
      out += '[' + (*value ? (*value)->text() : std::string()) + ']';
    }
  }
  out += ']';
  close_envelope(out, 0);
  return out;
}

Result<void> read_details(std::string_view details, std::vector<Conflict::Side>& sides) {
  std::string buffer;
  const auto text = open_envelope(details, buffer);
  if (!text) return fail(text.error());
  CompactJsonReader json(*text);
  json.enter_array();
  for (Conflict::Side& side : sides) {
    for (auto* value : {&side.base, &side.merged}) {
      if (!json.more()) return damaged("conflict details");
      json.enter_array();
      if (!json.more()) continue;
      *value = json.value();
      if (json.more()) return damaged("conflict details");
    }
  }
  if (json.more() || !json.finished()) return damaged("conflict details");
  return {};
}

}  // namespace

RecordBytes append_record(std::string& out, const Record& record) {
  const std::size_t from = out.size();
  {
    CompactJsonWriter body(out);
    body.need(1);
    body.put(static_cast<char>(Codec::kPlain));
    write_body(body, record);
  }
  close_envelope(out, from);
  const std::size_t middle = out.size();
  out += static_cast<char>(Codec::kPlain);
  append_record_marks(out, record);
  const std::size_t size = out.size() - from;
  out.append((kRecordStep - size % kRecordStep) % kRecordStep, '\0');
  return {middle - from, out.size() - middle};
}

Result<void> read_record(std::string_view body, std::string_view marks, Record& record) {
  std::string buffer;
  const auto text = open_envelope(body, buffer);
  if (!text) return fail(text.error());
  if (!read_body(*text, record)) return damaged("record body");
  const auto packed = open_envelope(marks, buffer);
  if (!packed) return fail(packed.error());
  if (!read_record_marks(*packed, record)) return damaged("record marks");
  return {};
}

void append_history_body(std::string& out, const std::vector<FieldState>& overwritten) {
  const std::size_t from = out.size();
  {
    CompactJsonWriter json(out);
    json.need(kNumber);
    json.put(static_cast<char>(Codec::kPlain));
    json.put('[');
    std::string_view separator = "";
    for (const FieldState& field : overwritten) {
      json.put(std::exchange(separator, ","));
      json.put('[');
      json.quoted(field.name, field.value.text().size() + kNumber);
      json.put(',');
      json.put(field.value.text());
      json.put(',');
      json.quoted(field.writer.str(), 6 * kNumber);
      write_field_tail(json, field);
    }
    json.put(']');
  }
  close_envelope(out, from);
}

Result<std::vector<FieldState>> read_history_body(std::string_view body) {
  std::string buffer;
  const auto text = open_envelope(body, buffer);
  if (!text) return fail(text.error());
  CompactJsonReader json(*text);
  std::vector<FieldState> fields;
  json.enter_array();
  while (json.more()) {
    FieldState& field = fields.emplace_back();
    json.enter_array();
    if (json.more()) field.name = json.string();
    if (!json.more()) json.refuse();
    field.value = json.value();
    if (!json.more()) json.refuse();
    field.writer = PlatformId(json.string());
    read_field_tail(json, field);
  }
  if (!json.finished()) return damaged("history body");
  return fields;
}

ConflictColumns conflict_columns(const Conflict& conflict) {
  ConflictColumns columns;
  columns.fields.assign(1, '[');
  for (const Conflict::Side& side : conflict.fields) {
    separate(columns.fields);
    columns.fields += '[';
    append_json_string(columns.fields, side.field);
    columns.fields += ',';
    append_json_string(columns.fields, side.strategy);
    columns.fields += ',' + std::to_string(static_cast<int>(side.outcome)) + ',';
    append_json_string(columns.fields, side.platform.str());
    columns.fields += ',';
    append_json_string(columns.fields, side.event.str());
    columns.fields += ']';
    if (("," + columns.resolution_strategy + ",").find("," + side.strategy + ",") != std::string::npos) continue;
    if (!columns.resolution_strategy.empty()) columns.resolution_strategy += ',';
    columns.resolution_strategy += side.strategy;
  }
  columns.fields += ']';
  columns.source_data = envelope_of_sides(conflict, [](const Conflict::Side& side) { return side.source_value; });
  columns.target_data = envelope_of_sides(conflict, [](const Conflict::Side& side) { return side.target_value; });
  columns.details = details_of(conflict);
  return columns;
}

std::string conflict_outcome(const Conflict& conflict) {
  return envelope_of_sides(conflict, [](const Conflict::Side& side) {
    if (side.outcome == Conflict::Outcome::kMerged && side.merged) return *side.merged;
    return side.outcome == Conflict::Outcome::kSource ? side.source_value : side.target_value;
  });
}

Result<std::vector<Conflict::Side>> read_conflict_fields(std::string_view fields, std::string_view source_data,
                                                         std::string_view target_data, std::string_view details) {
  std::string source_buffer, target_buffer;
  const auto source_text = open_envelope(source_data, source_buffer);
  if (!source_text) return fail(source_text.error());
  const auto target_text = open_envelope(target_data, target_buffer);
  if (!target_text) return fail(target_text.error());
  CompactJsonReader json(fields), source(*source_text), target(*target_text);
  std::vector<Conflict::Side> sides;
  json.enter_array();
  source.enter_object();
  target.enter_object();
  while (json.more()) {
    Conflict::Side& side = sides.emplace_back();
    json.enter_array();
    if (json.more()) side.field = json.string();
    if (json.more()) side.strategy = json.string();
    const std::int64_t outcome = next_integer(json);
    if (outcome < 0 || outcome > static_cast<std::int64_t>(Conflict::Outcome::kOpen)) return damaged("conflict fields");
    side.outcome = static_cast<Conflict::Outcome>(outcome);
    if (json.more()) {  // else it is a row of before they were kept
      side.platform = PlatformId(json.string());
      if (json.more()) side.event = EventId(json.string());
      if (json.more()) return damaged("conflict fields");
    }
    if (!source.more() || !target.more()) return damaged("conflict fields");
    static_cast<void>(source.name());
    static_cast<void>(target.name());
    side.source_value = source.value();
    side.target_value = target.value();
  }
  if (!json.finished() || source.more() || target.more() || !source.finished() || !target.finished()) {
    return damaged("conflict fields");
  }
  if (!details.empty()) DATASYNC_TRY(read_details(details, sides));
  return sides;
}

}  // namespace datasync::storage
