#include "api/subscription.h"

#include <algorithm>
#include <charconv>

#include "api/json_writer.h"
#include "domain/json.h"
#include "net/url.h"

namespace datasync::api {
namespace {

constexpr std::size_t kWordsMax = 256;

bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// Lists by the name of what they narrow, before they are judged.
struct Words {
  std::vector<std::string> tenants, event_types, platforms, types;
  std::string cursor;

  /// The list that a parameter or member belongs to; null for others.
  std::vector<std::string>* find(std::string_view name) {
    if (name == "tenant_id" || name == "tenant_ids" || name == "tenants") return &tenants;
    if (name == "event_type" || name == "event_types") return &event_types;
    if (name == "platform" || name == "platforms") return &platforms;
    if (name == "type" || name == "types" || name == "message_type" || name == "message_types") return &types;
    return nullptr;
  }
};

void add_words(std::vector<std::string>& words, std::string_view list) {
  while (!list.empty() && words.size() < kWordsMax) {
    const auto end = std::min(list.find(','), list.size());
    if (end > 0) words.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

/// Words of a query need not be UTF-8, and `subscribed` repeats them in JSON.
bool all_utf8(const std::vector<std::string>& words) {
  return std::all_of(words.begin(), words.end(), [](const std::string& word) { return is_utf8(word); });
}

Read<Subscription> judge(Words words, const security::Caller& caller) {
  Subscription subscription;
  if (!all_utf8(words.tenants)) return tl::unexpected(invalid_parameter("tenant_id", "must be UTF-8"));
  if (!all_utf8(words.event_types)) return tl::unexpected(invalid_parameter("event_type", "must be UTF-8"));
  if (!all_utf8(words.platforms)) return tl::unexpected(invalid_parameter("platform", "must be UTF-8"));
  for (std::string& word : words.tenants) {
    TenantId tenant{std::move(word)};
    if (!caller.may_touch(tenant)) return tl::unexpected(Problem{404, "there is no such tenant"});
    subscription.tenants.push_back(std::move(tenant));
  }
  if (subscription.tenants.empty() && !caller.all_tenants) subscription.tenants = caller.tenants;
  if (subscription.tenants.empty() && !caller.all_tenants)
    return tl::unexpected(Problem{404, "there is no such tenant"});
  for (const std::string& word : words.types) {
    const auto type = std::find(kLiveTypes.begin(), kLiveTypes.end(), word);
    if (type == kLiveTypes.end()) return tl::unexpected(invalid_parameter("type", "is no type of message"));
    subscription.types.set(static_cast<std::size_t>(type - kLiveTypes.begin()));
  }
  subscription.event_types = std::move(words.event_types);
  subscription.platforms = std::move(words.platforms);
  if (words.cursor.empty()) return subscription;
  std::int64_t cursor = 0;
  const char* end = words.cursor.data() + words.cursor.size();
  const auto [rest, error] = std::from_chars(words.cursor.data(), end, cursor);
  if (error != std::errc{} || rest != end || cursor < 0) {
    return tl::unexpected(invalid_parameter("cursor", "is none that came in a message"));
  }
  subscription.cursor = cursor;
  return subscription;
}

}  // namespace

bool Subscription::wants_tenant(const TenantId& tenant) const {
  return tenants.empty() || std::find(tenants.begin(), tenants.end(), tenant) != tenants.end();
}

bool Subscription::wants_event(const Event& event) const {
  if (!wants_tenant(event.tenant)) return false;
  if (!event_types.empty() && !has(event_types, event.type)) return false;
  if (platforms.empty() || has(platforms, event.source.str())) return true;
  return std::any_of(event.targets.begin(), event.targets.end(),
                     [this](const PlatformId& target) { return has(platforms, target.str()); });
}

bool Subscription::wants_notice(LiveType type, const pipeline::Notice& notice) const {
  if (!wants(type)) return false;
  if (notice.conflict == nullptr) return wants_event(*notice.event);
  const Conflict& conflict = *notice.conflict;
  if (!wants_tenant(conflict.tenant)) return false;
  if (!event_types.empty() && (!notice.event || !has(event_types, notice.event->type))) return false;
  return platforms.empty() || has(platforms, conflict.source.str()) || has(platforms, conflict.target.str());
}

Read<Subscription> read_subscription(const net::HttpRequest& request, const security::Caller& caller) {
  Words words;
  for (const auto& [name, value] : net::parse_query(request.query())) {
    if (name == "cursor") {
      words.cursor = value;
    } else if (auto* list = words.find(name)) {
      add_words(*list, value);
    }
  }
  return judge(std::move(words), caller);
}

Read<Subscription> read_subscription(const Fields& members, const security::Caller& caller) {
  Words words;
  const bool named = members.contains("action");  // else `type` says what the message is
  for (const Field& field : members) {
    if (field.name == "cursor") {
      words.cursor = field.value.as_id().value_or("");
      continue;
    }
    auto* list = field.name == "type" && !named ? nullptr : words.find(field.name);
    if (list == nullptr) continue;
    if (const auto text = field.value.as_string()) add_words(*list, *text);
    for (const Value& element : elements_of(field.value)) {
      if (auto text = element.as_string(); text && list->size() < kWordsMax) list->push_back(std::move(*text));
    }
  }
  return judge(std::move(words), caller);
}

std::string render_subscribed(const Subscription& subscription, std::int64_t cursor) {
  JsonWriter out;
  const auto list = [&out](std::string_view name, const auto& words) {
    out.key(name).begin_array();
    for (const auto& word : words) out.text(word);
    out.end_array();
  };
  out.begin_object().field("type", "subscribed").field("cursor", std::to_string(cursor));
  out.key("tenant_ids").begin_array();
  for (const TenantId& tenant : subscription.tenants) out.text(tenant.str());
  out.end_array();
  list("event_types", subscription.event_types);
  list("platforms", subscription.platforms);
  std::vector<std::string_view> types;
  for (std::size_t i = 0; i < kLiveTypes.size(); ++i) {
    if (subscription.types.test(i)) types.push_back(kLiveTypes[i]);
  }
  list("types", types);
  out.end_object();
  return out.take();
}

}  // namespace datasync::api
