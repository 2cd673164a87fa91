#include "storage/codec/record_marks.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "domain/json.h"
#include "domain/money.h"
#include "storage/codec/packed_bytes.h"

namespace datasync::storage {
namespace {

constexpr std::size_t kNumber = PackedWriter::kVarintBytesMax;
/// What stands before the change that is under way, added up.
constexpr std::uint64_t kUnderWay = 1, kTold = 2, kToldAgain = 4, kWithAmounts = 8;

/// Differences of times wrap around instead of overflowing: whatever stands in a record comes back as it was.
std::int64_t minus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
std::int64_t plus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
std::int64_t micros(Timestamp time) {
  return time.time_since_epoch().count();
}

bool same_write(const FieldState& a, const FieldState& b) {
  return a.event == b.event && a.time == b.time && a.version == b.version && a.source_time == b.source_time &&
         a.source_version == b.source_version && a.writer == b.writer;
}

class Writer {
 public:
  explicit Writer(const Record& record)
      : record_(record), fields_(record.fields), hashes_(hashes_of(record)), base_(micros(record.created_at)) {}

  std::string_view write() {
    const auto others = writers_without_knowledge();
    out_.need(sizeof base_ + kNumber);
    out_.fixed64(static_cast<std::uint64_t>(base_));
    out_.varint(others.size());
    for (const PlatformId* platform : others) out_.text(platform->str(), 0);
    out_.need(fields_.size() * 6 * kNumber);
    const FieldState* before = nullptr;
    for (const FieldState& field : record_.fields) {
      if (before != nullptr && same_write(field, *before)) {
        out_.varint(0);
      } else {
        write_field(field, others);
      }
      before = &field;
    }
    for (const Knowledge& known : record_.knowledge) {
      write_held(known.values);
      write_held(known.earlier);
      write_frozen(known);
    }
    // None is as the zeros at the end.
    const bool joined = record_.joined.value != 0, missing = joined || !record_.missing.empty();
    if (missing || !record_.holds.empty()) write_holds();
    if (missing) write_missing();
    out_.need(kNumber);
    if (joined) out_.zigzag(record_.joined.value);
    return out_.bytes();
  }

 private:
  using Others = std::vector<const PlatformId*>;

  static std::vector<std::uint64_t> hashes_of(const Record& record) {
    std::vector<std::uint64_t> hashes;
    hashes.reserve(record.fields.size());
    for (const FieldState& field : record.fields) hashes.push_back(field.value.hash());
    return hashes;
  }

  [[nodiscard]] Others writers_without_knowledge() const {
    Others others;
    const PlatformId* last = nullptr;
    for (const FieldState& field : record_.fields) {
      if (last != nullptr && *last == field.writer) continue;
      last = &field.writer;
      const bool noted = record_.known_by(*last) != nullptr ||
                         std::any_of(others.begin(), others.end(), [&](const PlatformId* o) { return *o == *last; });
      if (!noted) others.push_back(last);
    }
    return others;
  }

  [[nodiscard]] std::uint64_t position_of(const PlatformId& writer, const Others& others) const {
    std::uint64_t at = 0;
    for (const Knowledge& known : record_.knowledge) {
      if (known.platform == writer) return at;
      ++at;
    }
    for (const PlatformId* other : others) {
      if (*other == writer) break;
      ++at;
    }
    return at;
  }

  void write_field(const FieldState& field, const Others& others) {
    const std::int64_t source_time = micros(field.source_time);
    const bool differs = source_time != field.time.microseconds;
    const bool versioned = field.source_version.has_value();
    out_.varint(1 + 4 * position_of(field.writer, others) + (differs ? 2U : 0U) + (versioned ? 1U : 0U));
    out_.zigzag(minus(field.time.microseconds, base_));
    out_.zigzag(field.version.value);
    out_.zigzag(field.event.value);
    if (differs) out_.zigzag(minus(source_time, field.time.microseconds));
    if (versioned) out_.zigzag(*field.source_version);
  }

  void write_held(const std::vector<KnownValue>& values) {
    using Out = PackedWriter;
    constexpr std::size_t kGroup = 3 * kNumber, kValue = kNumber + sizeof(std::uint64_t);
    const KnownValue* value = values.data();
    const KnownValue* const end = value + values.size();
    const auto room = [&] { return kNumber + static_cast<std::size_t>(end - value) * (kGroup + kValue); };
    char* at = Out::put_varint(out_.room(room()), values.size());
    next_field_ = 0;
    while (value != end) {
      const KnownValue* next = value + 1;
      while (next != end && next->version == value->version && next->acknowledged == value->acknowledged) ++next;
      at = Out::put_varint(at, static_cast<std::uint64_t>(next - value));
      at = Out::put_zigzag(at, value->version.value);
      at = Out::put_zigzag(at, minus(micros(value->acknowledged), base_));
      for (; value != next; ++value) {
        const std::size_t field = field_of(value->field);
        if (field == fields_.size()) {
          out_.to(Out::put_varint(at, 0));
          out_.text(value->field.str(), room());
          at = Out::put_fixed64(out_.room(0), value->hash);
          continue;
        }
        const bool golden = value->hash == hashes_[field];
        at = Out::put_varint(at, 2 * (field + 1) + (golden ? 1U : 0U));
        if (!golden) at = Out::put_fixed64(at, value->hash);
        next_field_ = field + 1;
      }
    }
    out_.to(at);
  }

  void write_frozen(const Knowledge& known) {
    const bool with_amounts = !known.frozen.empty() && !known.frozen.front().amounts.empty();
    const bool told = known.told.value != 0, again = known.told_again.value != 0;
    out_.need(3 * kNumber);
    out_.varint((known.frozen.empty() ? 0U : kUnderWay) + (told ? kTold : 0U) + (again ? kToldAgain : 0U) +
                (with_amounts ? kWithAmounts : 0U));
    if (told) out_.zigzag(known.told.value);
    if (again) out_.zigzag(known.told_again.value);
    for (const FrozenWords& words : known.frozen) write_words(words, with_amounts);
  }

  void write_words(const FrozenWords& words, bool with_amounts) {
    const std::size_t rest = 2 * kNumber;
    out_.need(3 * kNumber + words.fields.size() * kNumber + rest);
    out_.zigzag(words.version.value);
    out_.varint(static_cast<std::uint64_t>(words.verb));
    out_.varint(words.fields.size());
    next_field_ = 0;
    for (const FieldName& field : words.fields) {
      const std::size_t at = field_of(field);
      const bool listed = at < fields_.size();
      out_.varint(listed ? at + 1 : 0);
      if (!listed) out_.text(field.str(), words.fields.size() * kNumber + rest);
      next_field_ = at + 1;
    }
    out_.varint(words.ids.size());
    for (const OwnId& own : words.ids) {
      out_.text(own.role, 0);
      out_.text(own.id, rest);
    }
    if (!with_amounts) return;
    out_.varint(words.amounts.size());
    for (const Field& amount : words.amounts) {
      out_.text(amount.name, 0);
      out_.text(amount.value.text(), 0);
    }
  }

  void write_holds() {
    out_.need(kNumber);
    out_.varint(record_.holds.size());
    for (const Hold& hold : record_.holds) {
      out_.text(hold.field.str(), 0);
      out_.text(hold.review, kNumber);
      out_.varint(hold.candidates.size());
      for (const Hold::Candidate& candidate : hold.candidates) {
        out_.text(candidate.platform.str(), 4 * kNumber);
        out_.zigzag(candidate.event.value);
        out_.zigzag(minus(micros(candidate.source_time), base_));
        write_number(candidate.source_version);
      }
    }
  }

  void write_missing() {
    out_.need(kNumber);
    out_.varint(record_.missing.size());
    for (const MissingField& missing : record_.missing) {
      out_.text(missing.platform.str(), 0);
      out_.text(missing.field.str(), 0);
      out_.text(missing.conflict, 3 * kNumber);
      out_.zigzag(minus(micros(missing.since), base_));
      write_number(missing.source_version);
    }
  }

  void write_number(const std::optional<std::int64_t>& number) {
    out_.varint(number ? 1 : 0);
    if (number) out_.zigzag(*number);
  }

  /// Values mostly stand in the order of the fields, so the next one is tried first.
  [[nodiscard]] std::size_t field_of(const FieldName& name) const {
    if (next_field_ < fields_.size() && fields_[next_field_].name == name) return next_field_;
    const auto at =
        std::find_if(fields_.begin(), fields_.end(), [&](const FieldState& field) { return field.name == name; });
    return static_cast<std::size_t>(at - fields_.begin());
  }

  const Record& record_;
  std::span<const FieldState> fields_;
  std::vector<std::uint64_t> hashes_;  // of the golden values
  std::int64_t base_;
  PackedWriter out_;
  std::size_t next_field_ = 0;
};

class Reader {
 public:
  Reader(std::string_view bytes, Record& record) : in_(bytes), record_(record) {}

  bool read() {
    base_ = static_cast<std::int64_t>(in_.fixed64());
    record_.created_at = Timestamp{microseconds{base_}};
    others_.resize(in_.count());
    for (PlatformId& platform : others_) platform = PlatformId(std::string(in_.text()));
    const FieldState* before = nullptr;
    for (FieldState& field : record_.fields) {
      read_field(field, before);
      before = &field;
    }
    for (Knowledge& known : record_.knowledge) {
      read_held(known.values);
      read_held(known.earlier);
      read_frozen(known);
    }
    if (!in_.finished()) read_holds();
    if (!in_.finished()) read_missing();
    if (!in_.finished()) record_.joined = {in_.zigzag()};
    return in_.finished();
  }

 private:
  void read_field(FieldState& field, const FieldState* before) {
    const std::uint64_t head = in_.varint();
    if (head == 0) {
      if (before == nullptr || in_.failed()) return in_.refuse();
      field.writer = before->writer;
      field.time = before->time;
      field.version = before->version;
      field.event = before->event;
      field.source_time = before->source_time;
      field.source_version = before->source_version;
      return;
    }
    const PlatformId* writer = writer_at((head - 1) / 4);
    if (writer == nullptr) return in_.refuse();
    field.writer = *writer;
    field.time.microseconds = plus(in_.zigzag(), base_);
    field.version = {in_.zigzag()};
    field.event = {in_.zigzag()};
    std::int64_t source_time = field.time.microseconds;
    if (((head - 1) & 2U) != 0) source_time = plus(in_.zigzag(), source_time);
    field.source_time = Timestamp{microseconds{source_time}};
    if (((head - 1) & 1U) != 0) field.source_version = in_.zigzag();
  }

  const PlatformId* writer_at(std::uint64_t at) const {
    const std::uint64_t known = record_.knowledge.size();
    if (at < known) return &record_.knowledge[at].platform;
    return at - known < others_.size() ? &others_[at - known] : nullptr;
  }

  void read_held(std::vector<KnownValue>& values) {
    const std::size_t count = in_.count();
    values.reserve(count);
    while (values.size() < count && !in_.failed()) {
      const std::uint64_t together = in_.varint();
      if (together == 0 || together > count - values.size()) return in_.refuse();
      const RecordVersion version{in_.zigzag()};
      const Timestamp acknowledged{microseconds{plus(in_.zigzag(), base_)}};
      for (std::uint64_t i = 0; i < together; ++i) {
        KnownValue& value = values.emplace_back();
        value.version = version;
        value.acknowledged = acknowledged;
        read_value(value);
      }
    }
  }

  void read_frozen(Knowledge& known) {
    const std::uint64_t head = in_.varint();
    const bool with_amounts = (head & kWithAmounts) != 0;
    if (head >= 2 * kWithAmounts || (with_amounts && (head & kUnderWay) == 0)) return in_.refuse();
    if ((head & kTold) != 0) known.told = {in_.zigzag()};
    if ((head & kToldAgain) != 0) known.told_again = {in_.zigzag()};
    known.frozen.resize(head & kUnderWay);
    for (FrozenWords& words : known.frozen) {
      words.version = {in_.zigzag()};
      const std::uint64_t verb = in_.varint();
      if (verb > static_cast<std::uint64_t>(Verb::kDeleted)) return in_.refuse();
      words.verb = static_cast<Verb>(verb);
      words.fields.resize(in_.count());
      for (FieldName& field : words.fields) {
        const std::uint64_t at = in_.varint();
        if (at > record_.fields.size()) return in_.refuse();
        field = at == 0 ? FieldName(in_.text()) : record_.fields[at - 1].name;
      }
      words.ids.resize(in_.count());
      for (OwnId& own : words.ids) {
        own.role = in_.text();
        own.id = in_.text();
      }
      if (with_amounts) read_amounts(words.amounts);
    }
  }

  void read_amounts(Fields& amounts) {
    for (std::size_t left = in_.count(); left > 0 && !in_.failed(); --left) {
      const std::string name(in_.text());
      const auto value = parse_json(in_.text());
      const auto money = value ? Money::from_value(*value) : std::nullopt;
      if (!money) return in_.refuse();
      amounts.set(name, money->to_value());
    }
  }

  void read_holds() {
    record_.holds.resize(in_.count());
    for (Hold& hold : record_.holds) {
      hold.field = in_.text();
      hold.review = in_.text();
      hold.candidates.resize(in_.count());
      for (Hold::Candidate& candidate : hold.candidates) {
        candidate.platform = PlatformId(std::string(in_.text()));
        candidate.event = {in_.zigzag()};
        candidate.source_time = Timestamp{microseconds{plus(in_.zigzag(), base_)}};
        const std::uint64_t versioned = in_.varint();
        if (versioned > 1) return in_.refuse();
        if (versioned == 1) candidate.source_version = in_.zigzag();
      }
    }
  }

  void read_missing() {
    record_.missing.resize(in_.count());
    for (MissingField& missing : record_.missing) {
      missing.platform = PlatformId(std::string(in_.text()));
      missing.field = in_.text();
      missing.conflict = in_.text();
      missing.since = Timestamp{microseconds{plus(in_.zigzag(), base_)}};
      const std::uint64_t versioned = in_.varint();
      if (versioned > 1) return in_.refuse();
      if (versioned == 1) missing.source_version = in_.zigzag();
    }
  }

  void read_value(KnownValue& value) {
    const std::uint64_t head = in_.varint();
    const std::uint64_t at = head / 2;
    if (at > record_.fields.size() || head == 1) return in_.refuse();
    if (at == 0) {
      value.field = in_.text();
    } else {
      value.field = record_.fields[at - 1].name;
    }
    value.hash = (head & 1U) != 0 ? record_.fields[at - 1].value.hash() : in_.fixed64();
  }

  PackedReader in_;
  Record& record_;
  std::vector<PlatformId> others_;
  std::int64_t base_ = 0;
};

}  // namespace

void append_record_marks(std::string& out, const Record& record) {
  out += Writer(record).write();
}

bool read_record_marks(std::string_view bytes, Record& record) {
  return Reader(bytes, record).read();
}

}  // namespace datasync::storage
