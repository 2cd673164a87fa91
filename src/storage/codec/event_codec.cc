#include "storage/codec/event_codec.h"

#include <utility>

#include "storage/codec/compact_json.h"
#include "storage/codec/envelope.h"

namespace datasync::storage {
namespace {

/// A result that is still pending gets the room that it needs when it is completed: the row is then overwritten in
/// place.
constexpr std::size_t kUsualResultBytes = 60;
constexpr std::size_t kResultStep = 16;

/// Room for a number and the punctuation around it.
constexpr std::size_t kNumber = CompactJsonWriter::kNumberBytesMax + 11;

constexpr std::string_view kEntityIdMember = "{\"entity_id\":";

void put_fields(CompactJsonWriter& out, const Fields& fields) {
  out.need(kNumber);
  out.put('{');
  std::string_view separator = "";
  for (const Field& field : fields) {
    out.put(std::exchange(separator, ","));
    out.quoted(field.name, field.value.text().size() + kNumber);
    out.put(':');
    out.put(field.value.text());
  }
  out.put('}');
}

/// `name` comes with its quotes and its colon. Each leaves room for the next bracket.
void put_name(CompactJsonWriter& out, std::string_view name) {
  out.need(name.size() + 2 * kNumber);
  if (out.last() != '{') out.put(',');
  out.put(name);
}

void put_text(CompactJsonWriter& out, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  put_name(out, name);
  out.quoted(text, kNumber);
}

void put_number(CompactJsonWriter& out, std::string_view name, std::optional<std::int64_t> number) {
  if (!number) return;
  put_name(out, name);
  out.integer(*number);
}

std::optional<std::int64_t> micros(const std::optional<Timestamp>& time) {
  if (!time) return std::nullopt;
  return time->time_since_epoch().count();
}

std::optional<Timestamp> read_time(CompactJsonReader& json) {
  if (json.null()) return std::nullopt;
  return Timestamp{microseconds{json.integer()}};
}

void put_time(CompactJsonWriter& out, const std::optional<Timestamp>& time) {
  if (time) {
    out.integer(time->time_since_epoch().count());
  } else {
    out.put("null");
  }
}

/// How many members of a result say something; the rest is left out.
int count_members(const DeliveryResult& result) {
  if (result.moved_on != 0) return 11;
  if (result.outcome_unknown) return 10;
  if (result.redrive != 0) return 9;
  if (!result.error_message.empty()) return 8;
  if (result.next_attempt_at) return 7;
  if (result.first_attempt_at) return 6;
  if (result.sent_version.value != 0) return 5;
  if (result.processed_at) return 4;
  if (result.attempts != 0) return 3;
  return 2;
}

void put_result(CompactJsonWriter& out, const DeliveryResult& result) {
  const int members = count_members(result);
  out.need(kNumber);
  out.put('[');
  out.quoted(result.target.str(), 11 * kNumber);
  out.put(',');
  out.integer(static_cast<int>(result.status));
  for (int member = 3; member <= members; ++member) {
    out.put(',');
    switch (member) {
      case 3:
        out.integer(result.attempts);
        break;
      case 4:
        put_time(out, result.processed_at);
        break;
      case 5:
        out.integer(result.sent_version.value);
        break;
      case 6:
        put_time(out, result.first_attempt_at);
        break;
      case 7:
        put_time(out, result.next_attempt_at);
        break;
      case 8:
        out.quoted(result.error_message, 4 * kNumber);
        break;
      case 9:
        out.integer(result.redrive);
        break;
      case 10:
        out.put(result.outcome_unknown ? '1' : '0');
        break;
      default:
        out.integer(result.moved_on);
    }
  }
  out.put(']');
}

DeliveryResult read_result(CompactJsonReader& json) {
  DeliveryResult result;
  json.enter_array();
  for (int member = 1; json.more(); ++member) {
    switch (member) {
      case 1:
        result.target = PlatformId(json.string());
        break;
      case 2: {
        const std::int64_t status = json.integer();
        if (status < 0 || status > static_cast<int>(ResultStatus::kSkipped)) return json.refuse(), result;
        result.status = static_cast<ResultStatus>(status);
        break;
      }
      case 3:
        result.attempts = static_cast<int>(json.integer());
        break;
      case 4:
        result.processed_at = read_time(json);
        break;
      case 5:
        result.sent_version = {json.integer()};
        break;
      case 6:
        result.first_attempt_at = read_time(json);
        break;
      case 7:
        result.next_attempt_at = read_time(json);
        break;
      case 8:
        result.error_message = json.string();
        break;
      case 9:
        result.redrive = static_cast<int>(json.integer());
        break;
      case 10:
        result.outcome_unknown = json.integer() != 0;
        break;
      case 11:
        result.moved_on = static_cast<int>(json.integer());
        break;
      default:
        return json.refuse(), result;
    }
  }
  return result;
}

void read_targets(CompactJsonReader& json, std::vector<PlatformId>& targets) {
  json.enter_array();
  while (json.more()) targets.emplace_back(json.string());
}

void read_keys(CompactJsonReader& json, std::vector<Hash128>* keys) {
  json.enter_array();
  while (json.more()) {
    Hash128 key;
    key.high = json.unsigned_integer();
    if (!json.more()) return json.refuse();
    key.low = json.unsigned_integer();
    if (keys != nullptr) keys->push_back(key);
  }
}

bool read_member(std::string_view name, CompactJsonReader& json, Event& event, std::vector<Hash128>* more_keys) {
  if (name == "entity_id") return event.entity_id = EntityId(json.string()), true;
  if (name == "own_id") return event.own_id = json.string(), true;
  if (name == "target_platforms") return read_targets(json, event.targets), true;
  if (name == "data") return event.data = json.fields(), true;
  if (name == "user_id") return event.user_id = json.string(), true;
  if (name == "version") return event.version = json.integer(), true;
  if (name == "base_version") return event.base_version = json.integer(), true;
  if (name == "occurred_at") return event.occurred_at = read_time(json), true;
  if (name == "expires_at") return event.expires_at = read_time(json), true;
  if (name == "max_retries") return event.max_retries = static_cast<int>(json.integer()), true;
  if (name == "correlation_id") return event.correlation_id = json.string(), true;
  if (name == "traceparent") return event.traceparent = json.string(), true;
  if (name == "metadata") return event.metadata = json.fields(), true;
  if (name == "order_key") return event.order_key = json.unsigned_integer(), true;
  if (name == "keys") return read_keys(json, more_keys), true;
  return false;
}

void write_event(CompactJsonWriter& out, const Event& event, const std::vector<Hash128>& more_keys) {
  put_text(out, "\"entity_id\":", event.entity_id.str());
  put_text(out, "\"own_id\":", event.own_id);
  put_name(out, "\"target_platforms\":[");
  std::string_view separator = "";
  for (const PlatformId& target : event.targets) {
    out.put(std::exchange(separator, ","));
    out.quoted(target.str(), kNumber);
  }
  out.put("],\"data\":");
  put_fields(out, event.data);
  put_text(out, "\"user_id\":", event.user_id);
  put_number(out, "\"version\":", event.version);
  put_number(out, "\"base_version\":", event.base_version);
  put_number(out, "\"occurred_at\":", micros(event.occurred_at));
  put_number(out, "\"expires_at\":", micros(event.expires_at));
  put_number(out, "\"max_retries\":", event.max_retries);
  put_text(out, "\"correlation_id\":", event.correlation_id);
  put_text(out, "\"traceparent\":", event.traceparent);
  if (!event.metadata.empty()) {
    put_name(out, "\"metadata\":");
    put_fields(out, event.metadata);
  }
  put_name(out, "\"order_key\":");
  out.integer(event.order_key);
  if (more_keys.empty()) return out.need(kNumber);
  put_name(out, "\"keys\":[");
  separator = "";
  for (const Hash128& key : more_keys) {
    out.need(3 * kNumber);
    out.put(std::exchange(separator, ","));
    out.integer(key.high);
    out.put(',');
    out.integer(key.low);
  }
  out.put(']');
}

}  // namespace

void append_event_body(std::string& out, const Event& event, const std::vector<Hash128>& more_keys) {
  const std::size_t from = out.size();
  {
    CompactJsonWriter json(out);
    json.need(kNumber);
    json.put(static_cast<char>(Codec::kPlain));
    json.put('{');
    write_event(json, event, more_keys);
    json.put('}');
  }
  close_envelope(out, from);
}

Result<void> read_event_body(std::string_view body, Event& event, std::vector<Hash128>* more_keys) {
  std::string buffer;
  const auto text = open_envelope(body, buffer);
  if (!text) return fail(text.error());
  CompactJsonReader json(*text);
  json.enter_object();
  while (json.more()) {
    // A member of a later version is passed over: the binary may have been rolled back.
    if (!read_member(json.name(), json, event, more_keys)) static_cast<void>(json.value());
  }
  if (!json.finished()) return fail(ErrorCode::kCorrupt, "a stored event is damaged", "event body");
  return {};
}

bool body_has_entity_id(std::string_view body, std::string_view entity_id) {
  std::string buffer;
  const auto text = open_envelope(body, buffer);
  if (!text || !text->starts_with(kEntityIdMember)) return false;
  std::string quoted;
  append_json_string(quoted, entity_id);
  return text->substr(kEntityIdMember.size()).starts_with(quoted);
}

void append_results(std::string& out, const std::vector<DeliveryResult>& results) {
  const std::size_t from = out.size();
  {
    CompactJsonWriter json(out);
    json.need(kNumber);
    json.put('[');
    std::string_view separator = "";
    for (const DeliveryResult& result : results) {
      json.put(std::exchange(separator, ","));
      put_result(json, result);
    }
    json.put(']');
  }
  const std::size_t usual = results.size() * kUsualResultBytes;
  if (out.size() - from < usual) out.append(usual - (out.size() - from), ' ');
  pad_to_step(out, from, kResultStep);
}

Result<std::vector<DeliveryResult>> read_results(std::string_view text) {
  std::vector<DeliveryResult> results;
  CompactJsonReader json(text);
  json.enter_array();
  while (json.more()) results.push_back(read_result(json));
  if (!json.finished()) return fail(ErrorCode::kCorrupt, "stored results are damaged", "event results");
  return results;
}

}  // namespace datasync::storage
