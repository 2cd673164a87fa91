#include "api/conflict_view.h"
#include "api/reason.h"
#include "api/routes/routes.h"
#include "api/scope.h"

namespace datasync::api::routes {

/// POST /sync/conflicts/{id}/assign `{assignee}`: who is to decide; null: anybody.
void assign_conflict(Services& services, Call call) {
  auto tenants = tenants_of(call);
  if (!tenants) return std::move(call.reply).send(tenants.error());
  const auto members = read_members(call.request.body);
  if (!members) return std::move(call.reply).send(members.error());
  const Value* assignee = members->find("assignee");
  auto name = assignee == nullptr || assignee->is_null() ? std::optional<std::string>("") : assignee->as_string();
  if (assignee == nullptr || !name || (!name->empty() && fault_of_id(*name))) {
    return std::move(call.reply).send(invalid({{"/assignee", "must be a name of 1 to 255 characters, or null"}}));
  }
  pipeline::ReviewDecision decision;
  decision.tenants = std::move(*tenants);
  decision.conflict = call.parameters[0];
  decision.choice = pipeline::ReviewDecision::Choice::kAssign;
  decision.assignee = std::move(*name);
  services.backend.decide(std::move(decision), [reply = std::move(call.reply)](Result<Conflict> conflict) mutable {
    if (!conflict) return std::move(reply).send(to_response(conflict.error()));
    JsonWriter out;
    write_conflict(out, *conflict);
    std::move(reply).send(net::json_response(200, out.take()));
  });
}

}  // namespace datasync::api::routes
