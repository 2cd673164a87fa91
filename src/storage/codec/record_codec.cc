#include "storage/codec/record_codec.h"

#include <algorithm>
#include <array>
#include <utility>

#include "storage/codec/compact_json.h"
#include "storage/codec/envelope.h"

namespace datasync::storage {
namespace {

constexpr std::size_t kHashLetters = 11;
constexpr std::size_t kRecordStep = 64;  // bytes; most changes of a record keep it within its step
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<std::int8_t, 256> letter_values() {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}
constexpr std::array<std::int8_t, 256> kLetterValues = letter_values();

struct HashLetters {
  char letters[kHashLetters];
  explicit HashLetters(std::uint64_t hash) noexcept {
    for (char& letter : letters) {
      letter = kAlphabet[hash & 0x3fU];
      hash >>= 6U;
    }
  }
};

bool read_hash(std::string_view letters, std::uint64_t& hash) {
  hash = 0;
  for (std::size_t i = letters.size(); i-- > 0;) {
    const std::int8_t value = kLetterValues[static_cast<unsigned char>(letters[i])];
    if (value < 0) return false;
    hash = (hash << 6U) | static_cast<std::uint64_t>(value);
  }
  return true;
}

/// Differences of times wrap around instead of overflowing: whatever stands in a record comes back as it was.
std::int64_t minus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
std::int64_t plus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

void separate(std::string& out) {
  if (out.back() != '[' && out.back() != '{') out += ',';
}

void append_number(std::string& out, std::int64_t number) {
  separate(out);
  append_integer(out, number);
}

std::int64_t next_integer(CompactJsonReader& json) {
  if (!json.more()) json.refuse();
  return json.integer();
}

/// How every field state ends: time, version, event and, where they say something, by how much the event time was
/// earlier and the source's version.
void append_field_tail(std::string& out, const FieldState& field, std::int64_t base) {
  const std::int64_t earlier = minus(field.time.microseconds, field.source_time.time_since_epoch().count());
  append_number(out, minus(field.time.microseconds, base));
  append_number(out, field.version.value);
  append_number(out, field.event.value);
  if (earlier != 0 || field.source_version) append_number(out, earlier);
  if (field.source_version) append_number(out, *field.source_version);
  out += ']';
}

void read_field_tail(CompactJsonReader& json, FieldState& field, std::int64_t base) {
  field.time.microseconds = plus(next_integer(json), base);
  field.version = {next_integer(json)};
  field.event = {next_integer(json)};
  field.source_time = Timestamp{microseconds{field.time.microseconds}};
  if (!json.more()) return;
  field.source_time = Timestamp{microseconds{minus(field.time.microseconds, json.integer())}};
  if (!json.more()) return;
  field.source_version = json.integer();
  if (json.more()) json.refuse();
}

class RecordWriter {
 public:
  explicit RecordWriter(const Record& record) : record_(record), base_(record.created_at.time_since_epoch().count()) {
    for (const FieldState& field : record.fields) note_platform(field.writer);
    for (const Knowledge& known : record.knowledge) note_platform(known.platform);
  }

  std::string_view write() {
    out_.need(2 * kNumber);
    out_.put('[');
    out_.integer(base_);
    out_.put(",[");
    const char* separator = "";
    for (const PlatformId* platform : platforms_) {
      out_.put(std::exchange(separator, ","));
      out_.quoted(platform->str(), kNumber);
    }
    out_.put("],[");
    separator = "";
    for (const FieldState& field : record_.fields) {
      out_.put(std::exchange(separator, ","));
      write_field(field);
    }
    out_.put("],[");
    separator = "";
    for (const Knowledge& known : record_.knowledge) {
      out_.put(std::exchange(separator, ","));
      write_knowledge(known);
    }
    out_.put("]]");
    return out_.text();
  }

 private:
  /// Room for a number and the punctuation around it. Whoever writes leaves so much, for brackets and commas.
  static constexpr std::size_t kNumber = CompactJsonWriter::kNumberBytesMax + 8;

  void note_platform(const PlatformId& platform) {
    if (position_of(platform) == platforms_.size()) platforms_.push_back(&platform);
  }

  std::size_t position_of(const PlatformId& platform) const {
    return static_cast<std::size_t>(std::find_if(platforms_.begin(), platforms_.end(),
                                                 [&](const PlatformId* other) { return *other == platform; }) -
                                    platforms_.begin());
  }

  void next_number(std::int64_t number) {
    out_.put(',');
    out_.integer(number);
  }

  void write_field(const FieldState& field) {
    out_.put('[');
    out_.quoted(field.name, field.value.text().size() + 8 * kNumber);
    out_.put(',');
    out_.put(field.value.text());
    next_number(static_cast<std::int64_t>(position_of(field.writer)));
    write_field_tail(field);
    out_.put(']');
  }

  void write_field_tail(const FieldState& field) {
    const std::int64_t earlier = minus(field.time.microseconds, field.source_time.time_since_epoch().count());
    next_number(minus(field.time.microseconds, base_));
    next_number(field.version.value);
    next_number(field.event.value);
    if (earlier != 0 || field.source_version) next_number(earlier);
    if (field.source_version) next_number(*field.source_version);
  }

  void write_knowledge(const Knowledge& known) {
    out_.need(2 * kNumber);
    out_.put('[');
    out_.integer(position_of(known.platform));
    out_.put(",[");
    const char* separator = "";
    for (const OwnId& id : known.ids) {
      out_.put(std::exchange(separator, ","));
      out_.put('[');
      out_.quoted(id.role, kNumber);
      out_.put(',');
      out_.quoted(id.id, kNumber);
      out_.put(']');
    }
    out_.put("],");
    write_held(known.values);
    out_.put(',');
    write_held(known.earlier);
    out_.put(']');
  }

  void write_held(const std::vector<KnownValue>& values) {
    out_.put('[');
    next_field_ = 0;
    for (std::size_t from = 0; from < values.size();) {
      std::size_t to = from + 1;
      while (to < values.size() && values[to].version == values[from].version &&
             values[to].acknowledged == values[from].acknowledged) {
        ++to;
      }
      if (from != 0) out_.put(',');
      write_group(values, from, to);
      from = to;
    }
    out_.need(kNumber);
    out_.put(']');
  }

  void write_group(const std::vector<KnownValue>& values, std::size_t from, std::size_t to) {
    out_.need(3 * kNumber + (to - from) * (kNumber + kHashLetters));
    out_.put('[');
    out_.integer(values[from].version.value);
    next_number(minus(values[from].acknowledged.time_since_epoch().count(), base_));
    out_.put(",[");
    const char* separator = "";
    for (std::size_t i = from; i < to; ++i) {
      out_.put(std::exchange(separator, ","));
      write_field_of(values[i], (to - i) * (kNumber + kHashLetters) + (i - from) * kHashLetters + kNumber);
    }
    out_.put("],\"");
    for (std::size_t i = from; i < to; ++i)
      out_.put(std::string_view(HashLetters(values[i].hash).letters, kHashLetters));
    out_.put("\"]");
  }

  /// Values mostly stand in the order of the fields, so the next one is tried first.
  void write_field_of(const KnownValue& value, std::size_t room_after) {
    const auto& fields = record_.fields;
    std::size_t at = next_field_;
    if (at >= fields.size() || fields[at].name != value.field) {
      at = 0;
      while (at < fields.size() && fields[at].name != value.field) ++at;
    }
    if (at == fields.size()) return out_.quoted(value.field, room_after);
    out_.integer(at);
    next_field_ = at + 1;
  }

  CompactJsonWriter out_;
  const Record& record_;
  std::int64_t base_;
  std::vector<const PlatformId*> platforms_;
  std::size_t next_field_ = 0;
};

class RecordReader {
 public:
  RecordReader(std::string_view text, Record& record) : json_(text), record_(record) {}

  bool read() {
    json_.enter_array();
    base_ = next_integer(json_);
    record_.created_at = Timestamp{microseconds{base_}};
    enter_next_array();
    while (json_.more()) platforms_.emplace_back(json_.string());
    enter_next_array();
    while (json_.more()) read_field();
    enter_next_array();
    while (json_.more()) read_knowledge();
    if (json_.more()) json_.refuse();
    return json_.finished();
  }

 private:
  void enter_next_array() {
    if (!json_.more()) json_.refuse();
    json_.enter_array();
  }

  PlatformId next_platform() {
    const auto at = static_cast<std::size_t>(next_integer(json_));
    if (at < platforms_.size()) return platforms_[at];
    json_.refuse();
    return {};
  }

  void read_field() {
    FieldState field;
    enter_element();
    if (json_.more()) field.name = json_.string();
    if (!json_.more()) json_.refuse();
    field.value = json_.value();
    field.writer = next_platform();
    read_field_tail(json_, field, base_);
    record_.fields.push_back(std::move(field));
  }

  void enter_element() { json_.enter_array(); }

  void read_knowledge() {
    Knowledge known;
    enter_element();
    known.platform = next_platform();
    enter_next_array();
    while (json_.more()) {
      OwnId& id = known.ids.emplace_back();
      json_.enter_array();
      if (json_.more()) id.role = json_.string();
      if (!json_.more()) json_.refuse();
      id.id = json_.string();
      if (json_.more()) json_.refuse();
    }
    read_held(known.values);
    read_held(known.earlier);
    if (json_.more()) json_.refuse();
    record_.knowledge.push_back(std::move(known));
  }

  void read_held(std::vector<KnownValue>& values) {
    enter_next_array();
    while (json_.more()) read_group(values);
  }

  void read_group(std::vector<KnownValue>& values) {
    json_.enter_array();
    const RecordVersion version{next_integer(json_)};
    const Timestamp acknowledged{microseconds{plus(next_integer(json_), base_)}};
    const std::size_t first = values.size();
    enter_next_array();
    while (json_.more()) values.push_back({read_field_name(), version, 0, acknowledged});
    if (!json_.more()) json_.refuse();
    const std::string letters = json_.string();
    if (json_.more() || letters.size() != (values.size() - first) * kHashLetters) return json_.refuse();
    for (std::size_t i = first; i < values.size(); ++i) {
      const auto part = std::string_view(letters).substr((i - first) * kHashLetters, kHashLetters);
      if (!read_hash(part, values[i].hash)) return json_.refuse();
    }
  }

  std::string read_field_name() {
    if (json_.at_string()) return json_.string();
    const auto at = static_cast<std::size_t>(json_.integer());
    if (at < record_.fields.size()) return record_.fields[at].name;
    json_.refuse();
    return {};
  }

  CompactJsonReader json_;
  Record& record_;
  std::int64_t base_ = 0;
  std::vector<PlatformId> platforms_;
};

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

}  // namespace

void append_record_body(std::string& out, const Record& record) {
  const std::size_t from = out.size();
  out += static_cast<char>(Codec::kPlain);
  out += RecordWriter(record).write();
  pad_to_step(out, from, kRecordStep);
  close_envelope(out, from);
}

Result<void> read_record_body(std::string_view body, Record& record) {
  std::string buffer;
  const auto text = open_envelope(body, buffer);
  if (!text) return fail(text.error());
  if (!RecordReader(*text, record).read()) return damaged("record body");
  return {};
}

void append_history_body(std::string& out, const std::vector<FieldState>& overwritten) {
  const std::size_t from = out.size();
  out += static_cast<char>(Codec::kPlain);
  out += '[';
  for (const FieldState& field : overwritten) {
    separate(out);
    out += '[';
    append_json_string(out, field.name);
    out += ',';
    out += field.value.text();
    out += ',';
    append_json_string(out, field.writer.str());
    append_field_tail(out, field, 0);
  }
  out += ']';
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
    read_field_tail(json, field, 0);
  }
  if (!json.finished()) return damaged("history body");
  return fields;
}

ConflictColumns conflict_columns(const Conflict& conflict) {
  ConflictColumns columns;
  columns.fields = "[";
  for (const Conflict::Side& side : conflict.fields) {
    separate(columns.fields);
    columns.fields += '[';
    append_json_string(columns.fields, side.field);
    columns.fields += ',';
    append_json_string(columns.fields, side.strategy);
    columns.fields += side.source_won ? ",1]" : ",0]";
    if (("," + columns.resolution_strategy + ",").find("," + side.strategy + ",") != std::string::npos) continue;
    if (!columns.resolution_strategy.empty()) columns.resolution_strategy += ',';
    columns.resolution_strategy += side.strategy;
  }
  columns.fields += ']';
  columns.source_data = envelope_of_sides(conflict, [](const Conflict::Side& side) { return side.source_value; });
  columns.target_data = envelope_of_sides(conflict, [](const Conflict::Side& side) { return side.target_value; });
  return columns;
}

std::string conflict_outcome(const Conflict& conflict) {
  return envelope_of_sides(
      conflict, [](const Conflict::Side& side) { return side.source_won ? side.source_value : side.target_value; });
}

Result<std::vector<Conflict::Side>> read_conflict_fields(std::string_view fields, std::string_view source_data,
                                                         std::string_view target_data) {
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
    side.source_won = next_integer(json) != 0;
    if (json.more() || !source.more() || !target.more()) return damaged("conflict fields");
    static_cast<void>(source.name());
    static_cast<void>(target.name());
    side.source_value = source.value();
    side.target_value = target.value();
  }
  if (!json.finished() || source.more() || target.more() || !source.finished() || !target.finished()) {
    return damaged("conflict fields");
  }
  return sides;
}

}  // namespace datasync::storage
