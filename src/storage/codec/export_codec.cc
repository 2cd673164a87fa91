#include "storage/codec/export_codec.h"

#include <openssl/evp.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "domain/json.h"
#include "storage/codec/compact_json.h"
#include "storage/codec/envelope.h"
#include "storage/codec/event_codec.h"
#include "storage/codec/record_codec.h"

namespace datasync::storage {
namespace {

constexpr std::int64_t kFormat = 1;

std::string encode_base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::optional<std::string> decode_base64(std::string_view text) {
  std::string bytes(3 * (text.size() / 4), '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0 || text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;  // it decodes to zeros
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

/// One object on a line: `begin`, members, and the line's end when it is gone.
class Line {
 public:
  Line(std::string& out, std::string_view kind) : json_(out) {
    json_.need(kind.size() + kRoom);
    json_.put("{\"");
    json_.put(kind);
    json_.put("\":{");
  }
  ~Line() {
    json_.need(kRoom);
    json_.put("}}\n");
  }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  void text(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    begin(name);
    json_.quoted(value, kRoom);
  }
  void integer(std::string_view name, std::int64_t value) {
    begin(name);
    json_.integer(value);
  }
  void integer_unless_0(std::string_view name, std::int64_t value) {
    if (value != 0) integer(name, value);
  }
  void time(std::string_view name, const std::optional<Timestamp>& value) {
    if (value) integer(name, value->time_since_epoch().count());
  }
  void hashes(std::string_view name, const std::vector<Hash128>& values) {
    if (values.empty()) return;
    begin(name);
    std::string_view separator = "[";
    for (const Hash128& value : values) {
      json_.need(kRoom);
      json_.put(std::exchange(separator, ","));
      json_.integer(value.high);
      json_.put(',');
      json_.integer(value.low);
    }
    json_.put(']');
  }
  /// `text` is JSON.
  void json(std::string_view name, std::string_view text) {
    begin(name);
    while (text.ends_with(' ')) text.remove_suffix(1);
    json_.need(text.size() + kRoom);
    json_.put(text);
  }
  void bytes(std::string_view name, std::string_view value) { text(name, encode_base64(value)); }

 private:
  static constexpr std::size_t kRoom = 64;

  void begin(std::string_view name) {
    json_.need(name.size() + kRoom);
    if (json_.last() != '{') json_.put(',');
    json_.put('"');
    json_.put(name);
    json_.put("\":");
  }

  CompactJsonWriter json_;
};

/// What an envelope that was just made holds; it can't be damaged.
std::string opened(std::string_view envelope) {
  std::string buffer;
  const auto text = open_envelope(envelope, buffer);
  return text ? std::string(*text) : std::string{};
}

/// The JSON text of a value, in an envelope. What stands in it goes to platforms as it is, and a file may have been
/// damaged or edited: it is checked as what comes from outside.
std::string enclosed(CompactJsonReader& json) {
  std::string envelope;
  const Value value = json.value();
  if (!json.failed() && !parse_json(value.text())) json.refuse();
  append_envelope(envelope, value.text());
  return envelope;
}

Timestamp time_of(CompactJsonReader& json) {
  return Timestamp{microseconds{json.integer()}};
}

std::vector<Hash128> read_hashes(CompactJsonReader& json) {
  std::vector<Hash128> hashes;
  json.enter_array();
  while (json.more()) {
    Hash128 hash;
    hash.high = json.unsigned_integer();
    if (!json.more()) return json.refuse(), hashes;
    hash.low = json.unsigned_integer();
    hashes.push_back(hash);
  }
  return hashes;
}

std::string read_bytes(CompactJsonReader& json) {
  auto bytes = decode_base64(json.string());
  if (!bytes) json.refuse();
  return std::move(bytes).value_or(std::string{});
}

/// A small number that stands for a word.
template <typename Word>
Word read_word(CompactJsonReader& json, Word last) {
  const std::int64_t number = json.integer();
  if (number < 0 || number > static_cast<std::int64_t>(last)) json.refuse();
  return json.failed() ? Word{} : static_cast<Word>(number);
}

tl::unexpected<Error> damaged() {
  return fail(ErrorCode::kCorrupt, "this is no line of an export");
}

Result<void> finish(const CompactJsonReader& json) {
  if (json.failed()) return damaged();
  return {};
}

void read_log_positions(CompactJsonReader& json, std::vector<LogPosition>& positions) {
  json.enter_array();
  while (json.more()) {
    std::string log = json.string();
    if (!json.more()) return json.refuse();
    const std::int64_t shard = json.integer();
    if (!json.more() || shard < 0 || shard >= static_cast<std::int64_t>(kShardCount)) return json.refuse();
    positions.push_back({std::move(log), static_cast<std::size_t>(shard), json.integer()});
  }
}

Result<void> read(CompactJsonReader& json, ContentMarks& marks) {
  while (json.more()) {
    const std::string name = json.name();
    if (name == "format") {
      if (const std::int64_t format = json.integer(); !json.failed() && format != kFormat) {
        return fail(ErrorCode::kInvalid, "the export has format " + std::to_string(format) + ", this program reads " +
                                             std::to_string(kFormat));
      }
    } else if (name == "identity_secret") {
      marks.identity_secret = read_bytes(json);
    } else if (name == "last_sequence") {
      marks.last_sequence = {json.integer()};
    } else if (name == "log_positions") {
      read_log_positions(json, marks.log_positions);
    } else {
      json.refuse();
    }
  }
  return finish(json);
}

Result<void> read(CompactJsonReader& json, LaneState& state) {
  while (json.more()) {
    const std::string name = json.name();
    if (name == "tenant_id") {
      state.tenant = TenantId(json.string());
    } else if (name == "name") {
      state.name = json.string();
    } else if (name == "value") {
      state.value = json.string();
    } else {
      json.refuse();
    }
  }
  return finish(json);
}

Result<void> read(CompactJsonReader& json, Record& record) {
  std::string body;
  std::string marks;
  while (json.more()) {
    const std::string name = json.name();
    if (name == "record_key") {
      record.key = {json.integer()};
    } else if (name == "tenant_id") {
      record.tenant = TenantId(json.string());
    } else if (name == "entity_type") {
      record.entity = json.string();
    } else if (name == "entity_id") {
      record.id = EntityId(json.string());
    } else if (name == "version") {
      record.version = {json.integer()};
    } else if (name == "updated_at") {
      record.updated_at = time_of(json);
    } else if (name == "body") {
      body = enclosed(json);
    } else if (name == "marks") {
      append_envelope(marks, read_bytes(json));
    } else {
      json.refuse();
    }
  }
  DATASYNC_TRY(finish(json));
  return read_record(body, marks, record);
}

Result<void> read(CompactJsonReader& json, IdentityWrite& identity) {
  while (json.more()) {
    const std::string name = json.name();
    if (name == "hash") {
      const auto hashes = read_hashes(json);
      if (hashes.size() != 1) return damaged();
      identity.hash = hashes.front();
    } else if (name == "kind") {
      identity.kind = read_word(json, IdentityKind::kNaturalKey);
    } else if (name == "record_key") {
      identity.record = {json.integer()};
    } else if (name == "tenant_id") {
      identity.tenant = TenantId(json.string());
    } else {
      json.refuse();
    }
  }
  return finish(json);
}

Result<void> read_state(CompactJsonReader& json, EventState& state) {
  json.enter_object();
  while (json.more()) {
    const std::string name = json.name();
    if (name == "status") {
      state.status = read_word(json, EventStatus::kExpired);
    } else if (name == "record_key") {
      state.record = {json.integer()};
    } else if (name == "processed_at") {
      state.processed_at = time_of(json);
    } else if (name == "message") {
      state.message = json.string();
    } else if (name == "results") {
      auto results = read_results(json.value().text());
      if (!results) return fail(std::move(results).error());
      state.results = std::move(*results);
    } else {
      json.refuse();
    }
  }
  return finish(json);
}

Result<void> read_history(CompactJsonReader& json, HistoryEntry& history) {
  json.enter_object();
  while (json.more()) {
    const std::string name = json.name();
    if (name == "record_key") {
      history.record = {json.integer()};
    } else if (name == "version") {
      history.version = {json.integer()};
    } else if (name == "overwritten") {
      const std::string body = enclosed(json);
      if (json.failed()) return damaged();
      auto overwritten = read_history_body(body);
      if (!overwritten) return fail(std::move(overwritten).error());
      history.overwritten = std::move(*overwritten);
    } else {
      json.refuse();
    }
  }
  return finish(json);
}

Result<void> read(CompactJsonReader& json, ContentEvent& content) {
  auto event = std::make_shared<Event>();
  while (json.more()) {
    const std::string name = json.name();
    if (name == "seq") {
      event->sequence = {json.integer()};
    } else if (name == "tenant_id") {
      event->tenant = TenantId(json.string());
    } else if (name == "event_id") {
      event->id = EventId(json.string());
    } else if (name == "event_type") {
      event->type = json.string();
    } else if (name == "entity_type") {
      event->entity = json.string();
    } else if (name == "source_platform") {
      event->source = PlatformId(json.string());
    } else if (name == "priority") {
      event->wire_priority = static_cast<int>(json.integer());
    } else if (name == "created_at") {
      event->created_at = time_of(json);
    } else if (name == "body") {
      const std::string body = enclosed(json);
      if (json.failed()) return damaged();
      DATASYNC_TRY(read_event_body(body, *event, &content.more_keys));
    } else if (name == "state") {
      DATASYNC_TRY(read_state(json, content.stored.state));
    } else if (name == "history") {
      DATASYNC_TRY(read_history(json, content.history.emplace()));
    } else {
      json.refuse();
    }
  }
  if (const auto type = parse_event_type(event->type)) event->verb = type->verb;
  content.stored.state.sequence = event->sequence;
  if (content.history) {
    content.history->event = event->sequence;
    content.history->tenant = event->tenant;
  }
  content.stored.event = std::move(event);
  return finish(json);
}

Result<void> read(CompactJsonReader& json, Conflict& conflict) {
  std::string fields;
  std::string source_data;
  std::string target_data;
  std::string details;
  while (json.more()) {
    const std::string name = json.name();
    if (name == "id") {
      conflict.id = json.string();
    } else if (name == "conflict_type") {
      conflict.type = json.string();
    } else if (name == "tenant_id") {
      conflict.tenant = TenantId(json.string());
    } else if (name == "record_key") {
      conflict.record = {json.integer()};
    } else if (name == "entity_type") {
      conflict.entity = json.string();
    } else if (name == "entity_id") {
      conflict.entity_id = EntityId(json.string());
    } else if (name == "seq") {
      conflict.event = {json.integer()};
    } else if (name == "event_id") {
      conflict.event_id = EventId(json.string());
    } else if (name == "source_platform") {
      conflict.source = PlatformId(json.string());
    } else if (name == "target_platform") {
      conflict.target = PlatformId(json.string());
    } else if (name == "fields") {
      fields = json.value().text();
    } else if (name == "source_data") {
      source_data = enclosed(json);
    } else if (name == "target_data") {
      target_data = enclosed(json);
    } else if (name == "details") {
      details = enclosed(json);
    } else if (name == "status") {
      conflict.status = json.string();
    } else if (name == "reason") {
      conflict.reason = json.string();
    } else if (name == "revision") {
      conflict.revision = json.integer();
    } else if (name == "assignee") {
      conflict.assignee = json.string();
    } else if (name == "expires_at") {
      conflict.expires_at = time_of(json);
    } else if (name == "expires_to") {
      conflict.expires_to = read_word(json, Conflict::Outcome::kSource);
    } else if (name == "version") {
      conflict.version = {json.integer()};
    } else if (name == "created_at") {
      conflict.created_at = time_of(json);
    } else if (name == "resolved_at") {
      conflict.resolved_at = time_of(json);
    } else if (name == "resolved_by") {
      conflict.resolved_by = json.string();
    } else if (name == "resolved_why") {
      conflict.resolved_why = json.string();
    } else if (name == "resolved_event") {
      conflict.resolved_event = EventId(json.string());
    } else {
      json.refuse();
    }
  }
  DATASYNC_TRY(finish(json));
  auto sides = read_conflict_fields(fields, source_data, target_data, details);
  if (!sides) return fail(std::move(sides).error());
  conflict.fields = std::move(*sides);
  return {};
}

Result<void> read(CompactJsonReader& json, ContentCounts& counts) {
  while (json.more()) {
    const std::string name = json.name();
    std::int64_t* const count = name == "events"        ? &counts.events
                                : name == "records"     ? &counts.records
                                : name == "identities"  ? &counts.identities
                                : name == "conflicts"   ? &counts.conflicts
                                : name == "lane_states" ? &counts.lane_states
                                                        : nullptr;
    if (count == nullptr) return damaged();
    *count = json.integer();
  }
  return finish(json);
}

template <typename Part>
Result<void> read_part(CompactJsonReader& json, std::optional<Part>& part) {
  json.enter_object();
  return read(json, part.emplace());
}

Result<void> read_line(CompactJsonReader& json, ExportLine& line) {
  json.enter_object();
  if (!json.more()) return damaged();
  const std::string kind = json.name();
  if (kind == "data_sync_export") return read_part(json, line.marks);
  if (kind == "lane_state") return read_part(json, line.lane_state);
  if (kind == "record") return read_part(json, line.record);
  if (kind == "identity") return read_part(json, line.identity);
  if (kind == "event") return read_part(json, line.event);
  if (kind == "conflict") return read_part(json, line.conflict);
  if (kind == "end") return read_part(json, line.counts);
  return damaged();
}

}  // namespace

void append_export_line(std::string& out, const ContentMarks& marks) {
  Line line(out, "data_sync_export");
  line.integer("format", kFormat);
  line.bytes("identity_secret", marks.identity_secret);
  line.integer("last_sequence", marks.last_sequence.value);
  if (marks.log_positions.empty()) return;
  std::string positions;
  for (const LogPosition& position : marks.log_positions) {
    positions += positions.empty() ? '[' : ',';
    append_json_string(positions, position.log);
    positions += ',' + std::to_string(position.shard) + ',' + std::to_string(position.next);
  }
  line.json("log_positions", positions + ']');
}

void append_export_line(std::string& out, const LaneState& state) {
  Line line(out, "lane_state");
  line.text("tenant_id", state.tenant.str());
  line.text("name", state.name);
  line.text("value", state.value);
}

void append_export_line(std::string& out, const Record& record) {
  std::string columns;
  const RecordBytes bytes = append_record(columns, record);
  const std::string_view both = columns;
  Line line(out, "record");
  line.integer("record_key", record.key.value);
  line.text("tenant_id", record.tenant.str());
  line.text("entity_type", record.entity);
  line.text("entity_id", record.id.str());
  line.integer("version", record.version.value);
  line.time("updated_at", record.updated_at);
  line.json("body", opened(both.substr(0, bytes.body)));
  line.bytes("marks", opened(both.substr(bytes.body, bytes.marks)));
}

void append_export_line(std::string& out, const IdentityWrite& identity) {
  Line line(out, "identity");
  line.hashes("hash", {identity.hash});
  line.integer("kind", static_cast<std::int64_t>(identity.kind));
  line.integer("record_key", identity.record.value);
  line.text("tenant_id", identity.tenant.str());
}

void append_export_line(std::string& out, const ContentEvent& content) {
  const Event& event = *content.stored.event;
  const EventState& state = content.stored.state;
  std::string body;
  append_event_body(body, event, content.more_keys);
  std::string parts;
  const auto part = [&parts](std::string_view name) {
    parts += parts.empty() ? "{\"" : ",\"";
    parts += name;
    parts += "\":";
  };
  part("status");
  parts += std::to_string(static_cast<int>(state.status));
  if (state.record.value != 0) part("record_key"), parts += std::to_string(state.record.value);
  if (state.processed_at) part("processed_at"), parts += std::to_string(state.processed_at->time_since_epoch().count());
  if (!state.message.empty()) part("message"), append_json_string(parts, state.message);
  part("results");
  append_results(parts, state.results);
  while (parts.ends_with(' ')) parts.pop_back();
  parts += '}';

  Line line(out, "event");
  line.integer("seq", event.sequence.value);
  line.text("tenant_id", event.tenant.str());
  line.text("event_id", event.id.str());
  line.text("event_type", event.type);
  line.text("entity_type", event.entity);
  line.text("source_platform", event.source.str());
  line.integer("priority", event.wire_priority);
  line.time("created_at", event.created_at);
  line.json("body", opened(body));
  line.json("state", parts);
  if (!content.history) return;
  std::string overwritten;
  append_history_body(overwritten, content.history->overwritten);
  line.json("history", "{\"record_key\":" + std::to_string(content.history->record.value) +
                           ",\"version\":" + std::to_string(content.history->version.value) +
                           ",\"overwritten\":" + opened(overwritten) + "}");
}

void append_export_line(std::string& out, const Conflict& conflict) {
  const ConflictColumns columns = conflict_columns(conflict);
  Line line(out, "conflict");
  line.text("id", conflict.id);
  line.text("conflict_type", conflict.type);
  line.text("tenant_id", conflict.tenant.str());
  line.integer("record_key", conflict.record.value);
  line.text("entity_type", conflict.entity);
  line.text("entity_id", conflict.entity_id.str());
  line.integer("seq", conflict.event.value);
  line.text("event_id", conflict.event_id.str());
  line.text("source_platform", conflict.source.str());
  line.text("target_platform", conflict.target.str());
  line.json("fields", columns.fields);
  line.json("source_data", opened(columns.source_data));
  line.json("target_data", opened(columns.target_data));
  line.json("details", opened(columns.details));
  line.text("status", conflict.status);
  line.text("reason", conflict.reason);
  line.integer("revision", conflict.revision);
  line.text("assignee", conflict.assignee);
  line.time("expires_at", conflict.expires_at);
  line.integer_unless_0("expires_to", static_cast<std::int64_t>(conflict.expires_to));
  line.integer("version", conflict.version.value);
  line.time("created_at", conflict.created_at);
  line.time("resolved_at", conflict.resolved_at);
  line.text("resolved_by", conflict.resolved_by);
  line.text("resolved_why", conflict.resolved_why);
  line.text("resolved_event", conflict.resolved_event.str());
}

void append_export_line(std::string& out, const ContentCounts& counts) {
  Line line(out, "end");
  line.integer("events", counts.events);
  line.integer("records", counts.records);
  line.integer("identities", counts.identities);
  line.integer("conflicts", counts.conflicts);
  line.integer("lane_states", counts.lane_states);
}

Result<ExportLine> read_export_line(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  if (text.find('\n') != std::string_view::npos || !is_utf8(text)) return damaged();
  CompactJsonReader json(text);
  ExportLine line;
  if (auto read = read_line(json, line); !read) return fail(std::move(read).error());
  if (json.more() || !json.finished()) return damaged();
  return line;
}

}  // namespace datasync::storage
