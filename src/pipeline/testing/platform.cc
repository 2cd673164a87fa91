#include "pipeline/testing/platform.h"

#include <algorithm>
#include <utility>

#include "domain/json.h"
#include "pipeline/verification.h"

namespace datasync::pipeline {
namespace {

constexpr std::string_view kContext = "_platform_context";

std::string text_of(const Fields& fields, std::string_view name) {
  const Value* value = fields.find(name);
  return value == nullptr ? std::string{} : value->as_id().value_or("");
}

std::string header_of(std::string_view block, std::string_view name) {
  const auto at = block.find(std::string(name) + ": ");
  if (at == std::string_view::npos) return {};
  const auto begin = at + name.size() + 2;
  return std::string(block.substr(begin, block.find("\r\n", begin) - begin));
}

}  // namespace

net::ClientResponse TestPlatform::handle(const net::ClientRequest& request) {
  ++requests;
  // /api/sync/{entity}/{verb}, and for bulk /api/sync/{entity}/{verb}/bulk
  std::vector<std::string> parts;
  std::string_view rest = request.target;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const auto slash = rest.find('/');
    parts.emplace_back(rest.substr(0, slash));
    rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash);
  }
  net::ClientResponse response;
  if (!wanted_token.empty() && header_of(request.header_block, "Authorization") != "Bearer " + wanted_token) {
    response.status = 401;
    return response;
  }
  const auto body = parse_json_object(request.body);
  if (parts.size() < 4 || !body) {
    broken("a request that can't be read: " + request.target + " " + request.body);
    response.status = 400;
    return response;
  }
  const auto json_of = [](const Answer& answer) {
    Fields fields;
    fields.set("status", Value::integer(answer.status));
    if (!answer.id.empty()) fields.set("id", Value::string(answer.id));
    if (!answer.detail.empty()) fields.set("detail", Value::string(answer.detail));
    return fields;
  };
  if (parts.size() == 5) {
    std::string results;
    for (const Value& item : elements_of(*body->find("items"))) {
      const Fields envelope = members_of(item);
      const Answer answer = handle_item(parts[2], parts[3], text_of(envelope, "idempotency_key"), envelope);
      results += (results.empty() ? "" : ",") + json_of(answer).to_json();
    }
    response.status = 200;
    response.body = "{\"results\":[" + results + "]}";
    return response;
  }
  const Answer answer = handle_item(parts[2], parts[3], header_of(request.header_block, "Idempotency-Key"), *body);
  response.status = answer.status;
  response.body = json_of(answer).to_json();
  if (answer.status == 429 && !retry_after.empty()) response.headers.add("Retry-After", retry_after);
  return response;
}

TestPlatform::Answer TestPlatform::handle_item(const std::string& entity, const std::string& verb,
                                               const std::string& key, const Fields& envelope) {
  const TenantId tenant(text_of(envelope, "tenant_id"));
  const Fields data = members_of(*envelope.find("data"));
  if (key.empty()) broken("a change without an idempotency key");
  if (is_over && is_over(tenant, key)) return {503, {}, "too late"};
  note(tenant, key, envelope, data);
  trace(shape_.id.str() + " is asked to " + verb + " under " + key + " " + data.to_json());
  int status = refuse ? refuse(key) : 0;
  if (status == 0 && refuse_request) status = refuse_request(tenant, key);
  if (status != 0) {
    trace("  " + shape_.id.str() + " refuses " + key + " with " + std::to_string(status));
    return {status, {}, "refused on demand"};
  }
  const std::string tenant_key = tenant.str() + "\n" + key;
  if (const auto at = answered_.find(tenant_key); at != answered_.end() && shape_.honours_keys) {
    trace("  " + shape_.id.str() + " answers " + key + " again with " + std::to_string(at->second.status));
    return at->second;
  }
  const bool first = !answered_.contains(tenant_key);
  if (first) seen.push_back({key, verb, data});
  Answer answer = carry_out(tenant, entity, verb, data);
  if (first && answer.status < 300) note_version(tenant, key, data);
  answered_[tenant_key] = answer;
  trace("  " + shape_.id.str() + " answers " + key + " with " + std::to_string(answer.status) + " " + answer.id);
  return answer;
}

/// The rules that hold for everything that arrives, also for what is then refused.
void TestPlatform::note(const TenantId& tenant, const std::string& key, const Fields& envelope, const Fields& data) {
  const std::string tenant_key = tenant.str() + "\n" + key;
  const std::string content = text_of(envelope, "event_type") + text_of(envelope, "source_platform") + data.to_json();
  const auto [at, first] = contents_.emplace(tenant_key, content);
  if (!first && at->second != content) {
    ++reworded;
    trace("  reworded, was " + at->second);
    if (minds_rewording)
      broken(shape_.id.str() + ": other content under the key " + key + "\n  was " + at->second + "\n  now " + content);
  }
  if (text_of(envelope, "event_type") == "verification_created")
    return;  // the colons of its times and links mark nothing
  for (const Field& field : data) {
    const std::string text = field.value.as_string().value_or("");
    const auto colon = text.find(':');
    const auto line = text.rfind('\n', colon);  // where texts were merged by their lines
    const auto begin = line == std::string::npos ? 0 : line + 1;
    if (colon != std::string::npos && text.substr(begin, colon - begin) != tenant.str())
      broken("a value of another tenant: " + text);
  }
}

/// What is carried out must never be older than what was before, by the id that it names: what comes late for a copy
/// that is gone is refused and harms nobody.
void TestPlatform::note_version(const TenantId& tenant, const std::string& key, const Fields& data) {
  const Fields context = members_of(data.find(kContext) == nullptr ? Value{} : *data.find(kContext));
  const Value* version = context.find("version");
  if (version == nullptr) return;
  const std::string id = text_of(data, shape_.local("id"));
  std::int64_t& newest = versions_[tenant.str() + "\n" + id];
  const std::int64_t now = version->as_integer().value_or(0);
  if (now < newest) {
    broken(shape_.id.str() + ": version " + std::to_string(now) + " of " + id + " after " + std::to_string(newest) +
           " under the key " + key);
  }
  newest = std::max(newest, now);
}

TestPlatform::Answer TestPlatform::carry_out(const TenantId& tenant, const std::string& entity, const std::string& verb,
                                             const Fields& data) {
  if (entity == kVerificationEntity) return {202, {}, {}};  // a message, and no record
  Fields fields = data;
  std::string own_id = fields.take(shape_.local("id")).value_or(Value{}).as_id().value_or("");
  const Fields context = members_of(fields.take(kContext).value_or(Value{}));
  Copies& table = copies(tenant, entity);
  const auto referred =
      std::find_if(table.begin(), table.end(), [&own_id](const auto& copy) { return copy.second.entity_id == own_id; });
  if (!table.contains(own_id) && referred != table.end()) own_id = referred->first;

  if (verb == "delete") {
    const auto at = table.find(own_id);
    if (at == table.end()) return {404, {}, "no such record"};
    const Copy copy = at->second;
    table.erase(at);
    ++own_versions_[entity + own_id];
    if (shape_.sends_echoes) tell(tenant, entity, Verb::kDeleted, own_id, copy, {});
    return {204, {}, {}};
  }
  std::string id = own_id;
  if (verb == "create") {
    const Value* email = fields.find(shape_.local("email"));
    if (email != nullptr) {
      if (const auto holder = holder_of_email(tenant, entity, *email)) return {409, *holder, "is there already"};
    }
    id = shape_.id.str() + "-" + std::to_string(++last_id_);
  } else if (!table.contains(own_id)) {
    return {404, {}, "no such record"};
  }
  Copy& copy = table[id];
  copy.entity_id = text_of(context, "entity_id");
  if (const Value* version = context.find("version")) {
    copy.seen_version = std::max(copy.seen_version, version->as_integer().value_or(0));
  }
  const Value* currency = fields.find(shape_.local("currency"));
  const Value* currency_before = copy.data.find(shape_.local("currency"));
  const bool is_other_currency = currency != nullptr && (currency_before == nullptr || *currency != *currency_before);
  std::vector<std::string> changed;
  for (const Field& field : fields) {
    const Value* before = copy.data.find(field.name);
    if (before != nullptr && *before == field.value) {
      // Natural keys go along with every change, and a currency with every amount; the same number of another currency
      // is another amount.
      const bool goes_along = field.name == shape_.local("email") || field.name == shape_.local("currency");
      if (!goes_along && !(is_other_currency && field.name == shape_.local("price"))) ++needless;
      continue;
    }
    copy.data.set(field.name, field.value);
    changed.push_back(field.name);
  }
  copy.own_version = ++own_versions_[entity + id];
  if (shape_.sends_echoes) {
    tell(tenant, entity, verb == "create" ? Verb::kCreated : Verb::kUpdated, id, copy, std::move(changed));
  }
  return {verb == "create" ? 201 : 200, id, {}};
}

std::string TestPlatform::create(const TenantId& tenant, const std::string& entity, Fields data, std::string own_id) {
  if (own_id.empty()) own_id = shape_.id.str() + "-" + std::to_string(++last_id_);
  Copy& copy = copies(tenant, entity)[own_id];
  std::vector<std::string> changed;
  for (const Field& field : data) {
    copy.data.set(shape_.local(field.name), field.value);
    changed.push_back(shape_.local(field.name));
  }
  copy.own_version = ++own_versions_[entity + own_id];
  tell(tenant, entity, Verb::kCreated, own_id, copy, std::move(changed));
  return own_id;
}

void TestPlatform::edit(const TenantId& tenant, const std::string& entity, const std::string& own_id,
                        std::string_view field, Value value) {
  Fields values;
  values.set(field, std::move(value));
  edit(tenant, entity, own_id, values);
}

void TestPlatform::edit(const TenantId& tenant, const std::string& entity, const std::string& own_id,
                        const Fields& values) {
  Copy& copy = copies(tenant, entity).at(own_id);
  std::vector<std::string> changed;
  for (const Field& field : values) {
    copy.data.set(shape_.local(field.name), field.value);
    changed.push_back(shape_.local(field.name));
  }
  copy.own_version = ++own_versions_[entity + own_id];
  tell(tenant, entity, Verb::kUpdated, own_id, copy, std::move(changed));
}

void TestPlatform::remove(const TenantId& tenant, const std::string& entity, const std::string& own_id) {
  Copies& table = copies(tenant, entity);
  Copy copy = table.at(own_id);
  table.erase(own_id);
  copy.own_version = ++own_versions_[entity + own_id];
  tell(tenant, entity, Verb::kDeleted, own_id, copy, {});
}

void TestPlatform::tell(const TenantId& tenant, const std::string& entity, Verb verb, const std::string& own_id,
                        const Copy& copy, std::vector<std::string> changed) {
  if (on_change) on_change({tenant, entity, verb, own_id, copy, std::move(changed)});
}

const TestPlatform::Copy* TestPlatform::find(const TenantId& tenant, const std::string& entity,
                                             const std::string& own_id) const {
  const auto table = tables_.find({tenant, entity});
  if (table == tables_.end()) return nullptr;
  const auto at = table->second.find(own_id);
  return at == table->second.end() ? nullptr : &at->second;
}

std::optional<std::string> TestPlatform::holder_of_email(const TenantId& tenant, const std::string& entity,
                                                         const Value& email) const {
  const auto table = tables_.find({tenant, entity});
  if (table == tables_.end()) return std::nullopt;
  for (const auto& [id, copy] : table->second) {
    const Value* held = copy.data.find(shape_.local("email"));
    if (held != nullptr && *held == email) return id;
  }
  return std::nullopt;
}

}  // namespace datasync::pipeline
