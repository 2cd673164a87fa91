#include "api/event_request.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/any_byte.h"

namespace datasync::api {
namespace {

constexpr std::int64_t kTtlSecondsMax = 10LL * 365 * 24 * 3600;
constexpr int kMaxRetriesMax = 100;
constexpr std::size_t kTargetsMax = 256;
constexpr std::size_t kErrorsMax = 100;

bool has_control_character(std::string_view text) {
  if (!any_byte(text, [](auto byte) { return (byte < 0x20) | (byte == 0x7f) | (byte == 0xc2); })) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7f) return true;
    // U+0080 to U+009F
    if (c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) return true;
  }
  return false;
}

std::size_t count_characters(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

/// The front of a text that may be of any length, without half a character at its end.
std::string shortened(std::string_view utf8) {
  constexpr std::size_t kBytesMax = 255;
  std::size_t bytes = std::min(utf8.size(), kBytesMax);
  while (bytes < utf8.size() && bytes > 0 && (static_cast<unsigned char>(utf8[bytes]) & 0xc0U) == 0x80U) --bytes;
  return std::string(utf8.substr(0, bytes));
}

/// Reads one event member by member and remembers every fault.
class EventReader {
 public:
  EventReader(NestedObject& object, const RequestContext& context)
      : object_(object), context_(context), event_(std::make_shared<Event>()) {}

  Read<std::shared_ptr<Event>> read() {
    read_members();
    require_members();
    settle_identity();
    if (!errors_.empty()) return tl::unexpected(invalid(std::move(errors_)));
    auto tenant = settle_tenant(std::move(tenant_id_), context_.caller);
    if (!tenant) return tl::unexpected(std::move(tenant).error());
    event_->tenant = std::move(*tenant);
    event_->order_key = order_key_of(*event_);
    return std::move(event_);
  }

 private:
  using Member = void (EventReader::*)(const Value&);
  struct Known {
    std::string_view name;
    Member read;
  };

  /// Both lists are sorted by name, so one walk over both finds what is known.
  void read_members() {
    static constexpr std::array kKnown{
        Known{"base_version", &EventReader::read_base_version},
        Known{"correlation_id", &EventReader::read_correlation_id},
        Known{"data", &EventReader::read_data},
        Known{"entity_id", &EventReader::read_entity_id},
        Known{"event_type", &EventReader::read_event_type},
        Known{"expires_at", &EventReader::read_expires_at},
        Known{"id", &EventReader::read_id},
        Known{"max_retries", &EventReader::read_max_retries},
        Known{"metadata", &EventReader::read_metadata},
        Known{"occurred_at", &EventReader::read_occurred_at},
        Known{"priority", &EventReader::read_priority},
        Known{"source_platform", &EventReader::read_source},
        Known{"target_platforms", &EventReader::read_targets},
        Known{"tenant_id", &EventReader::read_tenant},
        Known{"ttl_seconds", &EventReader::read_ttl},
        Known{"user_id", &EventReader::read_user_id},
        Known{"version", &EventReader::read_version},
    };
    event_->data = std::move(object_.inner);
    auto known = kKnown.begin();
    for (const Field& field : object_.outer) {
      while (known != kKnown.end() && known->name < field.name) ++known;
      if (known == kKnown.end() || known->name != field.name) {
        unknown_.set(field.name, field.value);
      } else if (!field.value.is_null()) {  // clients write optional members as null
        (this->*known->read)(field.value);
      }
    }
    // What the client calls metadata goes first; a stray member of the same name does not replace it.
    for (const Field& field : unknown_) {
      if (!event_->metadata.contains(field.name)) event_->metadata.set(field.name, field.value);
    }
  }

  void require_members() {
    if (event_->type.empty()) require("event_type");
    if (event_->source.empty()) require("source_platform");
    if (!object_.has_inner) require("data");
    if (tenant_id_.empty() && context_.caller.tenants.size() != 1) require("tenant_id");
    check_targets();
  }

  void require(std::string_view name) {
    const std::string pointer = "/" + std::string(name);
    const bool told = std::any_of(errors_.begin(), errors_.end(),
                                  [&pointer](const FieldError& error) { return error.pointer == pointer; });
    if (!told) fault(pointer, "is required");
  }

  void check_targets() {
    if (targets_faulty_) return;
    const auto& targets = event_->targets;
    if (targets.empty()) return fault("/target_platforms", "must name at least one platform");
    if (targets.size() == 1 && targets.front() == event_->source) {
      fault("/target_platforms", "must name a platform other than the source");
    }
  }

  /// Which entity it is about: its canonical id, or the source platform's own.
  void settle_identity() {
    if (event_->entity.empty() || event_->source.empty() || !object_.has_inner) return;
    event_->own_id = context_.catalog.mapper.own_id(event_->source, event_->entity, event_->data);
    if (!event_->own_id.empty()) {
      if (auto wrong = fault_of_id(event_->own_id)) fault("/data", "the id in it " + *wrong);
      return;
    }
    const transform::EntityRules* rules = context_.catalog.entity(event_->entity);
    if (!event_->entity_id.empty() || (rules != nullptr && rules->stateless)) return;
    fault("/data/id", "is required where there is no entity_id: nobody could know which " + event_->entity + " it is");
  }

  void read_event_type(const Value& value) {
    auto text = string_of(value, "/event_type");
    if (!text) return;
    auto type = parse_event_type(*text);
    if (!type || context_.catalog.entity(type->entity) == nullptr) {
      return fault("/event_type",
                   "is unknown; it must be <entity>_created, <entity>_updated or <entity>_deleted with one of " +
                       entity_names());
    }
    event_->type = std::move(*text);
    event_->entity = std::move(type->entity);
    event_->verb = type->verb;
  }

  void read_source(const Value& value) {
    if (auto platform = platform_of(value, "/source_platform")) event_->source = std::move(*platform);
  }

  void read_targets(const Value& value) {
    targets_faulty_ = true;
    if (value.kind() != Value::Kind::kArray) return fault("/target_platforms", "must be an array of platform names");
    const auto elements = elements_of(value);
    if (elements.size() > kTargetsMax) return fault("/target_platforms", "names too many platforms");
    targets_faulty_ = false;
    event_->targets.reserve(elements.size());
    for (std::size_t i = 0; i < elements.size(); ++i) {
      auto platform = platform_of(elements[i], i);
      if (!platform) {
        targets_faulty_ = true;
        continue;
      }
      auto& targets = event_->targets;
      if (std::find(targets.begin(), targets.end(), *platform) == targets.end())
        targets.push_back(std::move(*platform));
    }
  }

  void read_priority(const Value& value) {
    const auto number = value.as_integer();
    if (number && *number >= 1 && *number <= 10) {
      event_->wire_priority = static_cast<int>(*number);
      return;
    }
    const auto name = value.as_string();
    const auto wire = name ? wire_of_priority_name(*name) : std::nullopt;
    if (!wire) return fault("/priority", "must be an integer from 1 to 10, or one of critical, high, normal, low");
    event_->wire_priority = *wire;
  }

  void read_expires_at(const Value& value) {
    if (const auto time = time_of(value, "/expires_at")) expire_at(*time);
  }
  void read_ttl(const Value& value) {
    if (const auto ttl = integer_of(value, "/ttl_seconds", 0, kTtlSecondsMax)) expire_at(context_.now + seconds{*ttl});
  }
  void expire_at(Timestamp time) { event_->expires_at = std::min(time, event_->expires_at.value_or(time)); }

  void read_max_retries(const Value& value) {
    if (const auto count = integer_of(value, "/max_retries", 0, kMaxRetriesMax)) {
      event_->max_retries = static_cast<int>(*count);
    }
  }
  void read_metadata(const Value& value) {
    if (value.kind() != Value::Kind::kObject) return fault("/metadata", "must be an object");
    event_->metadata = members_of(value);
  }
  void read_data(const Value&) { fault("/data", "must be an object"); }  // an object stands in `inner`
  void read_base_version(const Value& value) { event_->base_version = version_of(value, "/base_version"); }
  void read_version(const Value& value) { event_->version = version_of(value, "/version"); }
  void read_occurred_at(const Value& value) { event_->occurred_at = time_of(value, "/occurred_at"); }
  void read_correlation_id(const Value& value) { read_id_into(event_->correlation_id, value, "/correlation_id"); }
  void read_user_id(const Value& value) { read_id_into(event_->user_id, value, "/user_id"); }
  void read_tenant(const Value& value) { read_id_into(tenant_id_, value, "/tenant_id"); }
  void read_entity_id(const Value& value) {
    std::string text;
    read_id_into(text, value, "/entity_id");
    event_->entity_id = EntityId{std::move(text)};
  }
  void read_id(const Value& value) {
    std::string text;
    read_id_into(text, value, "/id");
    event_->id = EventId{std::move(text)};
  }

  void read_id_into(std::string& out, const Value& value, std::string_view pointer) {
    auto text = string_of(value, pointer);
    if (!text) return;
    if (auto wrong = fault_of_id(*text)) return fault(pointer, std::move(*wrong));
    out = std::move(*text);
  }

  std::optional<std::string> string_of(const Value& value, std::string_view pointer) {
    auto text = value.as_string();
    if (!text) fault(pointer, "must be a string");
    return text;
  }
  std::optional<std::int64_t> integer_of(const Value& value, std::string_view pointer, std::int64_t min,
                                         std::int64_t max) {
    const auto number = value.as_integer();
    if (number && *number >= min && *number <= max) return number;
    fault(pointer, "must be an integer from " + std::to_string(min) + " to " + std::to_string(max));
    return std::nullopt;
  }
  std::optional<std::int64_t> version_of(const Value& value, std::string_view pointer) {
    const auto number = value.as_integer();
    if (number && *number >= 0) return number;
    fault(pointer, "must be an integer of 0 or more");
    return std::nullopt;
  }
  std::optional<Timestamp> time_of(const Value& value, std::string_view pointer) {
    const auto text = value.as_string();
    const auto time = text ? parse_rfc3339(*text) : fail(ErrorCode::kInvalid, {});
    if (time) return *time;
    fault(pointer, "must be an RFC 3339 time such as 2026-01-31T09:30:00Z");
    return std::nullopt;
  }
  std::optional<PlatformId> platform_of(const Value& value, std::string_view pointer) {
    auto text = string_of(value, pointer);
    if (!text) return std::nullopt;
    PlatformId platform{std::move(*text)};
    if (context_.catalog.knows_platform(platform)) return platform;
    fault(pointer, "'" + shortened(platform.str()) + "' is unknown; the known platforms are " +
                       platform_names(context_.catalog));
    return std::nullopt;
  }
  std::optional<PlatformId> platform_of(const Value& value, std::size_t index) {
    // The pointer is needed only for what is wrong; making it for each target would be the dearest part of them.
    if (auto text = value.as_string()) {
      PlatformId platform{std::move(*text)};
      if (context_.catalog.knows_platform(platform)) return platform;
    }
    return platform_of(value, "/target_platforms/" + std::to_string(index));
  }

  [[nodiscard]] std::string entity_names() const {
    std::string names;
    for (const auto& [name, rules] : context_.catalog.mapper.mapping().entities) {
      if (!names.empty()) names += ", ";
      names += name;
    }
    return names;
  }

  void fault(std::string_view pointer, std::string detail) {
    if (errors_.size() < kErrorsMax) errors_.push_back({std::string(pointer), std::move(detail)});
  }

  NestedObject& object_;
  const RequestContext& context_;
  std::shared_ptr<Event> event_;
  std::string tenant_id_;
  Fields unknown_;
  std::vector<FieldError> errors_;
  bool targets_faulty_ = false;
};

}  // namespace

Read<std::shared_ptr<Event>> read_event(std::string_view body, const RequestContext& context) {
  auto object = parse_nested_object(body, "data");
  if (object) return read_event(*object, context);
  if (parse_json(body)) return tl::unexpected(invalid({{"", "the event must be a JSON object"}}));
  return tl::unexpected(Problem{400, "the body is no JSON: " + object.error().message});
}

Read<std::shared_ptr<Event>> read_event(NestedObject& object, const RequestContext& context) {
  return EventReader(object, context).read();
}

std::optional<std::string> fault_of_id(std::string_view text) {
  if (text.empty() || (text.size() > kClientIdBytesMax && count_characters(text) > kClientIdBytesMax)) {
    return "must have 1 to 255 characters";
  }
  if (has_control_character(text)) return "must not have control characters";
  return std::nullopt;
}

Read<TenantId> settle_tenant(std::string tenant_id, const security::Caller& caller) {
  if (tenant_id.empty()) {
    if (caller.tenants.size() == 1) return caller.tenants.front();
    return tl::unexpected(invalid({{"/tenant_id", "is required"}}));
  }
  TenantId tenant{std::move(tenant_id)};
  if (!caller.may_touch(tenant)) return tl::unexpected(Problem{404, "there is no such tenant"});
  return tenant;
}

std::string platform_names(const pipeline::Catalog& catalog) {
  std::string names;
  for (const auto& [platform, mapping] : catalog.mapper.mapping().platforms) {
    if (!names.empty()) names += ", ";
    names += platform.str();
  }
  return names;
}

}  // namespace datasync::api
