#include "api/record_view.h"
#include "api/routes/routes.h"
#include "api/scope.h"

namespace datasync::api::routes {

/// GET /sync/records/{entity}/{id}. A deleted record is shown as such: its version goes on counting.
net::HttpResponse get_record(Services& services, const Call& call, storage::Reader& reader) {
  const auto tenant = one_tenant_of(call);
  if (!tenant) return to_response(tenant.error());
  const auto record = find_record(reader, *tenant, call.parameters[0], call.parameters[1]);
  if (!record) return to_response(record.error());
  if (!*record) return to_response(Problem{404, "there is no such record"});
  JsonWriter out;
  write_record(out, *services.catalog(), **record);
  return net::json_response(200, out.take());
}

}  // namespace datasync::api::routes
