#include "api/user_request.h"

#include <algorithm>
#include <array>

namespace datasync::api {
namespace {

constexpr std::string_view kDefaultSource = "bizosaas";
constexpr std::size_t kTextCharactersMax = 1'000;

/// Members of the event's envelope that a user may carry too; `read_event` judges them.
constexpr std::array<std::string_view, 10> kEnvelope{"base_version", "correlation_id", "expires_at",  "id",
                                                     "max_retries",  "metadata",       "occurred_at", "priority",
                                                     "ttl_seconds",  "version"};

class UserReader {
 public:
  UserReader(Fields body, const RequestContext& context) : body_(std::move(body)), context_(context) {}

  Read<UserRequest> read() {
    read_names();
    read_objects();
    const std::string source = settle_source();
    auto tenant_id = take_text("tenant_id", false);
    if (!tenant_id && context_.caller.tenants.size() != 1) fault("/tenant_id", "is required");
    if (!errors_.empty()) return tl::unexpected(invalid(std::move(errors_)));
    auto tenant = settle_tenant(tenant_id.value_or(""), context_.caller);
    if (!tenant) return tl::unexpected(std::move(tenant).error());
    compose(source, *tenant);
    return UserRequest{std::move(user_id_), std::move(*tenant), std::move(event_)};
  }

 private:
  void read_names() {
    user_id_ = take_text("user_id", true).value_or("");
    const auto wrong = user_id_.empty() ? std::nullopt : fault_of_id(user_id_);
    if (wrong) fault("/user_id", *wrong);
    if (const auto email = take_text("email", true)) {
      const bool plausible =
          email->find('@') != std::string::npos && email->find_first_of(" \t\r\n") == std::string::npos;
      if (!plausible) fault("/email", "must be an e-mail address");
      event_.inner.set("email", Value::string(*email));
    }
    if (const auto name = take_text("name", true)) event_.inner.set("name", Value::string(*name));
    if (const auto phone = take_text("phone", false)) event_.inner.set("phone", Value::string(*phone));
  }

  void read_objects() {
    for (const std::string_view name : {"profile_data", "preferences"}) {
      if (auto value = take_object(name)) event_.inner.set(name, std::move(*value));
    }
    platform_data_ = take_object("platform_data");
  }

  std::string settle_source() {
    const auto named = take_text("source_platform", false);
    PlatformId source = context_.caller.platform;
    if (source.empty()) source = PlatformId{named.value_or(std::string(kDefaultSource))};
    if (!context_.catalog.knows_platform(source)) {
      fault("/source_platform", "is unknown; the known platforms are " + platform_names(context_.catalog));
    }
    return source.str();
  }

  void compose(const std::string& source, const TenantId& tenant) {
    std::string targets = "[";
    for (const auto& [platform, mapping] : context_.catalog.mapper.mapping().platforms) {
      if (platform.str() == source || context_.catalog.is_notifier(platform)) continue;
      if (targets.size() > 1) targets += ',';
      append_json_string(targets, platform.str());
    }
    Fields& outer = event_.outer;
    for (const Field& field : body_) {
      const bool envelope = std::find(kEnvelope.begin(), kEnvelope.end(), field.name) != kEnvelope.end();
      outer.set(envelope ? field.name : "user." + field.name, field.value);
    }
    outer.set("target_platforms", Value::from_canonical(targets + ']'));
    outer.set("source_platform", Value::string(source));
    outer.set("tenant_id", Value::string(tenant.str()));
    outer.set("entity_id", Value::string(user_id_));
    outer.set("user_id", Value::string(user_id_));
    event_.has_inner = true;
    if (!platform_data_) return;
    outer.set("platform_data", *platform_data_);
    const Fields platforms = members_of(*platform_data_);
    const Value* own = platforms.find(source);
    const Fields members = own == nullptr ? Fields{} : members_of(*own);
    if (const Value* id = members.find("id"); id != nullptr && id->as_id()) event_.inner.set("id", *id);
  }

  std::optional<std::string> take_text(std::string_view name, bool required) {
    const auto value = body_.take(name);
    const std::string pointer = "/" + std::string(name);
    if (!value || value->is_null()) {
      if (required) fault(pointer, "is required");
      return std::nullopt;
    }
    auto text = value->as_string();
    if (!text) {
      fault(pointer, "must be a string");
    } else if (required && text->empty()) {
      fault(pointer, "must not be empty");
    } else if (text->size() > kTextCharactersMax) {
      fault(pointer, "must have at most 1000 bytes");
    }
    return text;
  }

  std::optional<Value> take_object(std::string_view name) {
    auto value = body_.take(name);
    if (!value || value->is_null()) return std::nullopt;
    if (value->kind() != Value::Kind::kObject) fault("/" + std::string(name), "must be an object");
    return value;
  }

  void fault(std::string pointer, std::string detail) { errors_.push_back({std::move(pointer), std::move(detail)}); }

  Fields body_;
  const RequestContext& context_;
  std::string user_id_;
  std::optional<Value> platform_data_;
  NestedObject event_;
  std::vector<FieldError> errors_;
};

}  // namespace

Read<UserRequest> read_user(std::string_view body, const RequestContext& context) {
  auto members = parse_json_object(body);
  if (members) return UserReader(std::move(*members), context).read();
  if (parse_json(body)) return tl::unexpected(invalid({{"", "the user must be a JSON object"}}));
  return tl::unexpected(Problem{400, "the body is no JSON: " + members.error().message});
}

}  // namespace datasync::api
