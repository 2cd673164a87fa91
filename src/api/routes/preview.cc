#include "api/conflict_view.h"
#include "api/event_request.h"
#include "api/record_view.h"
#include "api/routes/routes.h"
#include "domain/json.h"

namespace datasync::api::routes {
namespace {

using pipeline::Preview;

/// Fields whose golden value would be another one.
void write_changes(JsonWriter& out, const Preview& preview, const pipeline::Catalog& catalog) {
  out.key("changes").begin_array();
  const Fields after = present_fields(catalog, *preview.after);
  const Fields before = preview.before ? present_fields(catalog, *preview.before) : Fields{};
  const auto write = [&out](const std::string& field, const Value* from, const Value* to) {
    out.begin_object().field("field", field).key("before");
    from == nullptr ? out.null() : out.raw(from->text());
    out.key("after");
    to == nullptr ? out.null() : out.raw(to->text());
    out.end_object();
  };
  for (const Field& field : after) {
    const Value* former = before.find(field.name);
    if (former == nullptr || *former != field.value) write(field.name, former, &field.value);
  }
  for (const Field& field : before) {
    if (!after.contains(field.name)) write(field.name, &field.value, nullptr);
  }
  out.end_array();
}

void write_record(JsonWriter& out, const Preview& preview, const pipeline::Catalog& catalog) {
  out.key("record");
  if (!preview.after) {
    out.null();
    return;
  }
  const Record& after = *preview.after;
  out.begin_object().field("entity_type", after.entity).field("exists", preview.before.has_value());
  out.field_or_null("entity_id", preview.before ? std::string_view(after.id.str()) : std::string_view{});
  out.field("version_before", preview.before ? preview.before->version.value : 0);
  out.field("version_after", after.version.value).field("deleted", after.is_deleted());
  write_changes(out, preview, catalog);
  out.end_object();
}

/// Where and what, without the headers: they hold our credential.
void write_request(JsonWriter& out, const Preview& preview, const PlatformId& target) {
  out.key("request");
  for (const Preview::Delivery& delivery : preview.deliveries) {
    if (delivery.target != target) continue;
    out.begin_object().field("method", net::to_string(delivery.request.method));
    out.field("url", delivery.request.origin->str() + delivery.request.target).key("body");
    const auto body = parse_json(delivery.request.body);
    body ? out.raw(body->text()) : out.null();
    out.end_object();
    return;
  }
  out.null();
}

}  // namespace

/// POST /sync/preview: an event as for `POST /sync/events`; what would be written where, with nothing stored or sent.
net::HttpResponse preview_event(Services& services, const Call& call, storage::Reader& reader) {
  const auto catalog = services.catalog();
  auto event = read_event(call.request.body, {*catalog, *call.caller, services.clock.now()});
  if (!event) return to_response(event.error());
  const auto preview = services.backend.preview(reader, std::move(*event));
  if (!preview) return to_response(preview.error());
  JsonWriter out;
  out.begin_object().field("status", to_string(preview->state.status)).field_or_null("message", preview->state.message);
  write_record(out, *preview, *catalog);
  out.key("conflicts").begin_array();
  for (const Conflict& conflict : preview->conflicts) write_conflict(out, conflict);
  out.end_array().key("results").begin_array();
  for (const DeliveryResult& result : preview->state.results) {
    out.begin_object().field("target_platform", result.target.str()).field("status", to_string(result.status));
    out.field_or_null("message", result.error_message);
    write_request(out, *preview, result.target);
    out.end_object();
  }
  out.end_array().end_object();
  return net::json_response(200, out.take());
}

}  // namespace datasync::api::routes
