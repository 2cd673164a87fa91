#include "api/cloud_event.h"
#include "api/content_type.h"
#include "api/event_request.h"
#include "api/router.h"
#include "api/routes/routes.h"
#include "api/submit.h"

namespace datasync::api::routes {
namespace {

Read<std::shared_ptr<Event>> read_body(BodyKind kind, const net::HttpRequest& request, const RequestContext& context) {
  if (kind == BodyKind::kJson || kind == BodyKind::kNdjson) return read_event(request.body, context);
  auto members = kind == BodyKind::kCloudEventBinary ? read_binary(request.headers, request.body, context.catalog)
                                                     : read_structured(request.body, context.catalog);
  if (!members) return tl::unexpected(std::move(members).error());
  return read_event(*members, context);
}

}  // namespace

/// POST /sync/events: the hot path. One parse, one submission, no other allocation that the event does not keep.
void create_event(Services& services, Call call) {
  const auto kind = body_kind_of(call.request);
  if (!kind) return std::move(call.reply).send(unsupported_body());
  if (*kind == BodyKind::kCloudEventBatch) return create_events(services, std::move(call));
  auto key = idempotency_key_of(call.request);
  if (!key) return std::move(call.reply).send(key.error());

  const auto catalog = services.catalog();
  auto event = read_body(*kind, call.request, {*catalog, *call.caller, services.clock.now()});
  if (!event) return std::move(call.reply).send(event.error());
  add_request_context(call.request, **event);

  std::vector<pipeline::Submission> one;
  one.push_back({std::move(*event), std::move(*key)});
  services.backend.accept(
      std::move(one), [reply = std::move(call.reply)](Result<std::vector<pipeline::Receipt>> receipts) mutable {
        std::move(reply).send(receipts ? receipt_response(receipts->front()) : to_response(receipts.error()));
      });
}

}  // namespace datasync::api::routes
