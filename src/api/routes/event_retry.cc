#include "api/json_writer.h"
#include "api/late_event.h"
#include "api/redrive_filter.h"
#include "api/routes/routes.h"
#include "api/scope.h"

namespace datasync::api::routes {

/// POST /sync/events/{id}/retry. The body is not looked at: clients send none, `{}` or `null`.
void retry_event(Services& services, Call call) {
  auto tenants = tenants_of(call);
  if (!tenants) return std::move(call.reply).send(tenants.error());
  const std::string id = call.parameters[0];
  const auto ask = [&backend = services.backend, tenants = *tenants, id](pipeline::RedriveCallback callback) {
    backend.redrive(tenants, id, std::move(callback));
  };
  ask_of_event<pipeline::Redriven>(
      services, *tenants, ask, [reply = std::move(call.reply), id](Result<pipeline::Redriven> redriven) mutable {
        if (!redriven) {
          const Error& error = redriven.error();
          // The contract says 400 here, where a wrong state is 409 elsewhere.
          const bool state = error.code == ErrorCode::kInvalid;
          return std::move(reply).send(state ? to_response(Problem{400, error.message}) : to_response(error));
        }
        JsonWriter out;
        out.begin_object().field("message", "Event queued for retry").field("event_id", id).end_object();
        std::move(reply).send(net::json_response(200, out.take()));
      });
}

/// POST /sync/events/retry: the list's filters as JSON; an empty body means all that the caller may touch.
void retry_events(Services& services, Call call) {
  auto filter = read_redrive_filter(call.request.body, *call.caller);
  if (!filter) return std::move(call.reply).send(filter.error());
  services.backend.redrive(
      std::move(*filter), [reply = std::move(call.reply)](Result<pipeline::Redriven> redriven) mutable {
        if (!redriven) return std::move(reply).send(to_response(redriven.error()));
        JsonWriter out;
        out.begin_object().field("matched", redriven->matched).field("queued", redriven->queued).end_object();
        std::move(reply).send(net::json_response(202, out.take()));
      });
}

}  // namespace datasync::api::routes
