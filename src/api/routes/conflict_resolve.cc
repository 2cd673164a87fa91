#include "api/conflict_view.h"
#include "api/resolve_request.h"
#include "api/routes/routes.h"
#include "api/scope.h"

namespace datasync::api::routes {
namespace {

/// The engine names the member as `/pointer: what is wrong`.
net::HttpResponse refusal_of(const Error& error) {
  const auto colon = error.message.find(": ");
  if (error.code != ErrorCode::kInvalid || !error.message.starts_with('/') || colon == std::string::npos) {
    return to_response(error);
  }
  return to_response(invalid({{error.message.substr(0, colon), error.message.substr(colon + 2)}}));
}

}  // namespace

/// POST /sync/conflicts/{id}/resolve. Answered once it is durable; the platforms hear of it after that.
void resolve_conflict(Services& services, Call call) {
  auto tenants = tenants_of(call);
  if (!tenants) return std::move(call.reply).send(tenants.error());
  auto decision = read_resolve_request(call.request.body);
  if (!decision) return std::move(call.reply).send(decision.error());
  decision->tenants = std::move(*tenants);
  decision->conflict = call.parameters[0];
  decision->by = call.caller->subject;
  services.backend.decide(std::move(*decision), [reply = std::move(call.reply)](Result<Conflict> conflict) mutable {
    if (!conflict) return std::move(reply).send(refusal_of(conflict.error()));
    JsonWriter out;
    write_conflict(out, *conflict);
    std::move(reply).send(net::json_response(200, out.take()));
  });
}

}  // namespace datasync::api::routes
