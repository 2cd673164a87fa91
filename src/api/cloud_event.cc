#include "api/cloud_event.h"

#include <array>
#include <charconv>
#include <vector>

#include "api/content_type.h"
#include "net/url.h"

namespace datasync::api {
namespace {

constexpr std::string_view kTypePrefix = "com.bizosaas.";

struct Extension {
  std::string_view attribute;
  std::string_view member;
  bool numeric = false;
};
constexpr std::array kExtensions{
    Extension{"tenantid", "tenant_id"},           Extension{"userid", "user_id"},
    Extension{"entityid", "entity_id"},           Extension{"correlationid", "correlation_id"},
    Extension{"expiresat", "expires_at"},         Extension{"priority", "priority", true},
    Extension{"version", "version", true},        Extension{"baseversion", "base_version", true},
    Extension{"ttlseconds", "ttl_seconds", true}, Extension{"maxretries", "max_retries", true},
};

/// Binary mode has no numbers: `5` is a text there.
Value as_number(const Value& value) {
  const auto text = value.as_string();
  std::int64_t number = 0;
  if (!text || text->empty()) return value;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  return error == std::errc{} && end == text->data() + text->size() ? Value::integer(number) : value;
}

std::string event_type_of(const std::string& type) {
  if (type.substr(0, kTypePrefix.size()) != kTypePrefix) return type;
  std::string own = type.substr(kTypePrefix.size());
  for (char& c : own) {
    if (c == '.') c = '_';
  }
  return own;
}

std::vector<std::string_view> parts_of(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of(separators), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::string platform_of_source(const std::string& source, const pipeline::Catalog& catalog) {
  // The last one: `bizosaas` is also the name of the whole, and stands before that of a part of it.
  std::string platform = source;  // unknown: the reader of events refuses it by name
  for (const std::string_view part : parts_of(source, "/:.#?@ ")) {
    if (catalog.knows_platform(PlatformId{std::string(part)})) platform = part;
  }
  return platform;
}

Value array_of(const std::vector<std::string_view>& words) {
  std::string json = "[";
  for (const std::string_view word : words) {
    if (json.size() > 1) json += ',';
    append_json_string(json, word);
  }
  return Value::from_canonical(json + ']');
}

Value all_but(const std::string& source, const pipeline::Catalog& catalog) {
  std::vector<std::string_view> names;
  for (const auto& [platform, mapping] : catalog.mapper.mapping().platforms) {
    if (platform.str() != source && !catalog.is_notifier(platform)) names.push_back(platform.str());
  }
  return array_of(names);
}

Value targets_of(const Value& value) {
  const auto text = value.as_string();
  return text ? array_of(parts_of(*text, ", ")) : value;
}

/// A required attribute; remembers what is wrong with it.
std::string required(Fields& attributes, std::string_view name, std::vector<FieldError>& errors) {
  const auto value = attributes.take(name);
  auto text = value ? value->as_string() : std::nullopt;
  if (text && !text->empty()) return std::move(*text);
  errors.push_back({"/" + std::string(name), "is required: a CloudEvent has a text there"});
  return {};
}

bool is_json_type(std::string_view content_type) {
  net::HttpRequest probe;
  probe.headers.add("content-type", content_type);
  return body_kind_of(probe) == BodyKind::kJson;
}

Read<Fields> read_data(std::string_view text) {
  auto data = parse_json_object(text);
  if (data) return std::move(*data);
  if (parse_json(text)) return tl::unexpected(invalid({{"/data", "must be an object"}}));
  return tl::unexpected(Problem{400, "the data is no JSON: " + data.error().message});
}

std::optional<std::string> decode_base64(std::string text) {
  // RFC 4648, 4, with padding; the strict URL form differs in two letters and the padding.
  std::string bytes;
  std::uint32_t bits = 0;
  unsigned count = 0;
  while (!text.empty() && text.back() == '=') text.pop_back();
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (const char c : text) {
    const auto digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = (bits << 6U) | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>((bits >> count) & 0xffU);
  }
  return bytes;
}

}  // namespace

/// Extension names have neither capitals nor underscores, yet clients write `tenant_id` in JSON.
std::string plain_attribute_name(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    if (c != '_') plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  }
  return plain;
}

Read<NestedObject> members_of_cloud_event(Fields attributes, Fields data, bool has_data,
                                          const pipeline::Catalog& catalog) {
  std::vector<FieldError> errors;
  if (required(attributes, "specversion", errors) != "1.0" && errors.empty()) {
    errors.push_back({"/specversion", "must be 1.0"});
  }
  const std::string type = required(attributes, "type", errors);
  std::string source = required(attributes, "source", errors);
  const std::string id = required(attributes, "id", errors);
  if (!errors.empty()) return tl::unexpected(invalid(std::move(errors)));

  NestedObject object;
  object.inner = std::move(data);
  object.has_inner = has_data;
  object.outer.set("event_type", Value::string(event_type_of(type)));
  object.outer.set("id", Value::string(id));
  if (const auto time = attributes.take("time")) object.outer.set("occurred_at", *time);
  attributes.take("datacontenttype");
  std::optional<Value> targets;
  std::string platform = platform_of_source(source, catalog);
  for (const Field& field : attributes) {
    const std::string name = plain_attribute_name(field.name);
    const auto known = std::find_if(kExtensions.begin(), kExtensions.end(),
                                    [&name](const Extension& extension) { return extension.attribute == name; });
    if (known != kExtensions.end()) {
      object.outer.set(known->member, known->numeric ? as_number(field.value) : field.value);
    } else if (name == "targetplatforms") {
      targets = targets_of(field.value);
    } else if (name == "sourceplatform") {
      platform = field.value.as_string().value_or(platform);
    } else {
      object.outer.set("ce_" + name, field.value);  // unknown to us, so it is kept as metadata
    }
  }
  object.outer.set("ce_source", Value::string(source));
  object.outer.set("source_platform", Value::string(platform));
  object.outer.set("target_platforms", targets ? std::move(*targets) : all_but(platform, catalog));
  return object;
}

Read<NestedObject> read_structured(std::string_view body, const pipeline::Catalog& catalog) {
  auto object = parse_nested_object(body, "data");
  if (!object) {
    if (parse_json(body)) return tl::unexpected(invalid({{"", "a CloudEvent must be a JSON object"}}));
    return tl::unexpected(Problem{400, "the body is no JSON: " + object.error().message});
  }
  return read_structured(*std::move(object), catalog);
}

Read<NestedObject> read_structured(NestedObject object, const pipeline::Catalog& catalog) {
  if (const Value* type = object.outer.find("datacontenttype")) {
    if (!is_json_type(type->as_string().value_or("?"))) return tl::unexpected(Problem{415, "data must be JSON"});
  }
  if (const auto encoded = object.outer.take("data_base64"); encoded && !object.has_inner) {
    const auto bytes = decode_base64(encoded->as_string().value_or("?"));
    if (!bytes) return tl::unexpected(invalid({{"/data_base64", "must be base64"}}));
    auto data = read_data(*bytes);
    if (!data) return tl::unexpected(std::move(data).error());
    object.inner = std::move(*data);
    object.has_inner = true;
  }
  if (object.outer.take("data") && !object.has_inner) {
    return tl::unexpected(invalid({{"/data", "must be an object"}}));
  }
  return members_of_cloud_event(std::move(object.outer), std::move(object.inner), object.has_inner, catalog);
}

Read<NestedObject> read_binary(const net::Headers& headers, std::string_view body, const pipeline::Catalog& catalog) {
  Fields attributes;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const std::string_view name = headers.name(i);
    if (name.size() <= 3 || !net::equals_ignoring_case(name.substr(0, 3), "ce-")) continue;
    auto value = net::percent_decode(headers.value(i));
    const std::string text = value ? std::move(*value) : std::string(headers.value(i));
    const std::string pointer = plain_attribute_name(name.substr(3));
    if (!is_utf8(text)) return tl::unexpected(invalid({{"", "must be UTF-8", "ce-" + pointer}}));
    attributes.set(pointer, Value::string(text));
  }
  return read_binary(std::move(attributes), body, catalog);
}

Read<NestedObject> read_binary(Fields attributes, std::string_view body, const pipeline::Catalog& catalog) {
  auto data = read_data(body);
  if (!data) return tl::unexpected(std::move(data).error());
  return members_of_cloud_event(std::move(attributes), std::move(*data), true, catalog);
}

std::string cloud_event_type_of(std::string_view event_type) {
  std::string type(kTypePrefix);
  const auto split = event_type.rfind('_');
  type += event_type.substr(0, split);
  if (split != std::string_view::npos) {
    type += '.';
    type += event_type.substr(split + 1);
  }
  return type;
}

}  // namespace datasync::api
