#include "api/record_view.h"

#include "pipeline/identity.h"

namespace datasync::api {
namespace {

/// Golden fields that the platform is known to hold, and whether that is all that it could hold.
Fields held_fields(const pipeline::Catalog& catalog, const Record& record, const Knowledge& known, bool& in_sync) {
  Fields held;
  in_sync = true;
  for (const FieldState& field : record.fields) {
    if (field.name == kDeletedField) continue;
    if (!catalog.mapper.writable(known.platform, record.entity, field.name)) continue;
    const KnownValue* value = known.find(field.name);
    const bool holds = value != nullptr &&
                       value->hash == catalog.mapper.held_hash(known.platform, record.entity, field.name, field.value);
    if (holds) {
      held.set(field.name, field.value);
    } else {
      in_sync = false;
    }
  }
  return held;
}

}  // namespace

Result<std::optional<Record>> find_record(storage::Reader& reader, const TenantId& tenant, std::string_view entity,
                                          std::string_view id) {
  const auto key = reader.find_identity(tenant, pipeline::identity_of_canonical(tenant, entity, id));
  if (!key) return fail(key.error());
  if (!*key) return std::optional<Record>{};
  auto record = reader.load_record(tenant, **key);
  while (record && *record && (*record)->merged_into) {
    record = reader.load_record(tenant, (*record)->merged_into->record);
  }
  return record;
}

Fields present_fields(const pipeline::Catalog& catalog, const Record& record) {
  Fields fields;
  fields.reserve(record.fields.size());
  for (const FieldState& field : record.fields) {
    if (field.name != kDeletedField) fields.set(field.name, field.value);
  }
  return catalog.mapper.present(record.entity, fields);
}

void begin_record(JsonWriter& out, const pipeline::Catalog& catalog, const Record& record) {
  out.begin_object().field("entity_type", record.entity).field("entity_id", record.id.str());
  out.field("tenant_id", record.tenant.str()).field("version", record.version.value);
  out.key("data").raw(present_fields(catalog, record).to_json()).field("deleted", record.is_deleted());
  out.key("absorbed").begin_array();
  for (const EntityId& id : record.absorbed) out.text(id.str());
  out.end_array();
  out.field("created_at", record.created_at).field("updated_at", record.updated_at);
  out.key("fields").begin_object();
  for (const FieldState& field : record.fields) {
    out.key(field.name).begin_object().field("writer", field.writer.str()).field("version", field.version.value);
    out.field("time", Timestamp{microseconds{field.time.microseconds}}).end_object();
  }
  out.end_object().key("platforms");
  write_platforms(out, catalog, record);
}

void write_platforms(JsonWriter& out, const pipeline::Catalog& catalog, const Record& record) {
  out.begin_object();
  for (const Knowledge& known : record.knowledge) {
    bool in_sync = false;
    const Fields held = held_fields(catalog, record, known, in_sync);
    out.key(known.platform.str()).begin_object().field_or_null("id", known.own_id());
    out.key("ids").begin_array();
    for (const OwnId& own : known.ids) {
      if (own.id.empty()) continue;
      out.begin_object().field("role", own.role).field("id", own.id).end_object();
    }
    out.end_array().key("data");
    // Without a rate of exchange there is no way to say what the platform sees.
    const auto data = catalog.mapper.to_platform(known.platform, record.entity, held);
    data ? out.raw(data->to_json()) : out.null();
    out.field("in_sync", in_sync).end_object();
  }
  out.end_object();
}

}  // namespace datasync::api
