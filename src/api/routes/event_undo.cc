#include "api/json_writer.h"
#include "api/late_event.h"
#include "api/reason.h"
#include "api/routes/routes.h"
#include "api/scope.h"

namespace datasync::api::routes {

/// POST /sync/events/{id}/undo `{reason}`: takes back what the event has changed, by an event of its own.
void undo_event(Services& services, Call call) {
  auto tenants = tenants_of(call);
  if (!tenants) return std::move(call.reply).send(tenants.error());
  auto reason = read_reason(call.request.body);
  if (!reason) return std::move(call.reply).send(reason.error());
  pipeline::UndoRequest request{std::move(*tenants), call.parameters[0], call.caller->subject, std::move(*reason)};
  const std::string id = call.parameters[0];
  const auto ask = [&backend = services.backend, request](pipeline::UndoCallback callback) {
    backend.undo(request, std::move(callback));
  };
  ask_of_event<EventId>(services, request.tenants, ask,
                        [reply = std::move(call.reply), id](Result<EventId> event) mutable {
                          if (!event) return std::move(reply).send(to_response(event.error()));
                          JsonWriter out;
                          out.begin_object().field("message", "Event taken back").field("event_id", id);
                          out.field("undo_event_id", event->str()).end_object();
                          std::move(reply).send(net::json_response(200, out.take()));
                        });
}

}  // namespace datasync::api::routes
