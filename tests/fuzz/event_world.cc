#include "event_world.h"

#include <algorithm>

#include "storage/codec/event_codec.h"

namespace datasync::fuzz {
namespace {

void check_id(std::string_view id, bool required = false) {
  if (id.empty() && !required) return;
  require(!api::fault_of_id(id), "an id is one that a client may have", id);
}

void check_names(const Event& event, bool of_any_tenant) {
  const pipeline::Catalog& catalog = contract_catalog();
  if (of_any_tenant) {
    check_id(event.tenant.str(), true);
  } else {
    require(event.tenant == TenantId{"t1"}, "an event is of the caller's tenant", event.tenant.str());
  }
  require(catalog.knows_platform(event.source), "the source is known", event.source.str());
  require(catalog.entity(event.entity) != nullptr, "the entity is known", event.entity);
  require(event.type.starts_with(event.entity), "a type begins with its entity", event.type);
  require(!event.targets.empty(), "an event has a target");
  for (const PlatformId& target : event.targets) {
    require(catalog.knows_platform(target), "a target is known", target.str());
    require(std::count(event.targets.begin(), event.targets.end(), target) == 1, "a target stands once", target.str());
  }
  require(event.targets.size() > 1 || event.targets.front() != event.source, "a target is not the source");
  check_id(event.id.str());
  check_id(event.entity_id.str());
  check_id(event.user_id);
  check_id(event.correlation_id);
  const bool stateless = catalog.entity(event.entity)->stateless;
  check_id(event.own_id, event.entity_id.empty() && !stateless);
  require(event.wire_priority >= 1 && event.wire_priority <= 10, "a priority is 1 to 10");
  require(event.order_key == order_key_of(event), "the order key is that of the event");
}

/// What is stored comes back.
void check_stored(const Event& event) {
  std::string body;
  storage::append_event_body(body, event, {{1, 2}});
  Event again;
  again.type = event.type;
  again.entity = event.entity;
  again.verb = event.verb;
  again.source = event.source;
  again.tenant = event.tenant;
  again.id = event.id;
  again.wire_priority = event.wire_priority;
  std::vector<Hash128> keys;
  const auto read = storage::read_event_body(body, again, &keys);
  require(read.has_value(), "a stored event can be read", body);
  require(told(again) == told(event) && keys == std::vector<Hash128>{{1, 2}}, "and is the same event", body);
  require(content_hash_of(again) == content_hash_of(event), "and has the same content", body);
  require(event.entity_id.empty() || storage::body_has_entity_id(body, event.entity_id.str()),
          "its entity is found in its body", body);
}

/// What a platform would get is JSON.
void check_written(const Event& event) {
  const transform::Mapper& mapper = contract_catalog().mapper;
  auto change = mapper.to_canonical(event.source, event.entity, event.data);
  if (!change || !mapper.complete(event.source, event.entity, nullptr, *change)) return;
  mapper.add_create_defaults(event.entity, change->fields);
  const auto check_json = [](const Fields& fields) {
    require(parse_json_object(fields.to_json()) == fields, "what goes out is canonical JSON", fields.to_json());
  };
  check_json(change->fields);
  check_json(mapper.present(event.entity, change->fields));
  for (const PlatformId& target : event.targets) {
    auto data = mapper.to_platform(target, event.entity, change->fields);
    if (!data) continue;
    mapper.add_context(target, event.entity, "id-1", {event.entity_id, {1}, event.source, event_time(event)}, *data);
    check_json(*data);
    for (const Field& field : change->fields) {
      (void)mapper.held_hash(target, event.entity, field.name, field.value);
      (void)mapper.normalised_key(event.entity, field.name, field.value);
    }
  }
}

}  // namespace

std::string told(const Event& event) {
  std::string text;
  storage::append_event_body(text, event, {});
  for (const std::string_view part :
       {std::string_view(event.type), std::string_view(event.entity), std::string_view(event.source.str()),
        std::string_view(event.tenant.str()), std::string_view(event.id.str()), to_string(event.verb)}) {
    text.append("\n").append(part);
  }
  return text + '\n' + std::to_string(event.wire_priority);
}

void check_event(const Event& event, bool of_any_tenant) {
  check_names(event, of_any_tenant);
  check_stored(event);
  check_written(event);
}

}  // namespace datasync::fuzz
