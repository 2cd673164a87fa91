#include "api/record_explain.h"
#include "api/record_view.h"
#include "api/routes/routes.h"
#include "api/scope.h"

namespace datasync::api::routes {

/// GET /sync/records/{entity}/{id}, with `?explain` the reasons of each value too. A deleted record is shown as such:
/// its version goes on counting.
net::HttpResponse get_record(Services& services, const Call& call, storage::Reader& reader) {
  const auto tenant = one_tenant_of(call);
  if (!tenant) return to_response(tenant.error());
  const auto record = find_record(reader, *tenant, call.parameters[0], call.parameters[1]);
  if (!record) return to_response(record.error());
  if (!*record) return to_response(Problem{404, "there is no such record"});
  const auto explain = call.query("explain");
  JsonWriter out;
  begin_record(out, *services.catalog(), **record);
  if (explain && *explain != "false" && *explain != "0") {
    out.key("explain");
    if (const auto explained = write_explanation(out, reader, **record); !explained) {
      return to_response(explained.error());
    }
  }
  out.end_object();
  return net::json_response(200, out.take());
}

}  // namespace datasync::api::routes
