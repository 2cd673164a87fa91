#include "api/preview_differences.h"

#include <map>
#include <string>
#include <string_view>

#include "api/record_view.h"

namespace datasync::api {
namespace {

using pipeline::Preview;

/// By what they are about, so that both sides can be held against each other.
struct Key {
  std::string_view what;
  std::string target;
  std::string field;
  auto operator<=>(const Key&) const = default;
};
using Facts = std::map<Key, Value>;

Value text_or_null(std::string_view text) {
  return text.empty() ? Value() : Value::string(text);
}

Value event_fact(const PreviewUnder& under) {
  Fields fact;
  if (under.preview == nullptr) {
    fact.set("status", Value::string("refused"));
    fact.set("message", Value::string(under.refusal));
  } else {
    fact.set("status", Value::string(to_string(under.preview->state.status)));
    fact.set("message", text_or_null(under.preview->state.message));
  }
  return fact.to_value();
}

Value conflict_fact(const Conflict& conflict, const Conflict::Side& side) {
  Fields fact;
  fact.set("conflict_type", Value::string(conflict.type));
  fact.set("outcome", Value::string(to_string(side.outcome)));
  fact.set("strategy", Value::string(side.strategy));
  fact.set("reason", text_or_null(conflict.reason));
  return fact.to_value();
}

/// What the target is told, but for the context that goes along. A record that would be made has no id yet: each
/// preview makes up its own.
void add_delivery(Facts& facts, const Preview& preview, const Preview::Delivery& delivery) {
  const Value made_up = preview.after && !preview.before ? Value::string(preview.after->id.str()) : Value();
  static const Value kNewId = Value::string("(a new id)");
  for (const Field& field : delivery.data) {
    if (field.name.starts_with('_')) continue;
    const bool is_new_id = !made_up.is_null() && field.value == made_up;
    facts[{"delivery", delivery.target.str(), field.name}] = is_new_id ? kNewId : field.value;
  }
}

Facts facts_of(const PreviewUnder& under) {
  Facts facts;
  facts[{"event", {}, {}}] = event_fact(under);
  if (under.preview == nullptr) return facts;
  const Preview& preview = *under.preview;
  if (preview.after) {
    for (const Field& field : present_fields(under.catalog, *preview.after)) {
      facts[{"record", {}, field.name}] = field.value;
    }
  }
  for (const Conflict& conflict : preview.conflicts) {
    for (const Conflict::Side& side : conflict.fields) {
      facts[{"conflict", {}, side.field}] = conflict_fact(conflict, side);
    }
  }
  std::map<std::string, std::string_view> verbs;
  for (const Preview::Delivery& delivery : preview.deliveries) {
    verbs[delivery.target.str()] = to_string(delivery.verb);
    add_delivery(facts, preview, delivery);
  }
  for (const DeliveryResult& result : preview.state.results) {
    Fields fact;
    fact.set("status", Value::string(to_string(result.status)));
    fact.set("verb", text_or_null(verbs[result.target.str()]));
    facts[{"delivery", result.target.str(), {}}] = fact.to_value();
  }
  return facts;
}

void write_difference(JsonWriter& out, const Key& key, const Value& now, const Value& proposed) {
  out.begin_object().field("what", key.what);
  if (!key.target.empty()) out.field("target_platform", key.target);
  if (!key.field.empty()) out.field("field", key.field);
  out.key("now").raw(now.text()).key("proposed").raw(proposed.text()).end_object();
}

}  // namespace

void write_differences(JsonWriter& out, const PreviewUnder& now, const PreviewUnder& proposed) {
  Facts before = facts_of(now);
  const Facts after = facts_of(proposed);
  for (const auto& [key, value] : after) before.try_emplace(key);  // null: not there
  out.begin_array();
  for (const auto& [key, value] : before) {
    const auto other = after.find(key);
    const Value& then = other == after.end() ? Value() : other->second;
    if (value != then) write_difference(out, key, value, then);
  }
  out.end_array();
}

}  // namespace datasync::api
