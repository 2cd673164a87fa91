#include "api/api.h"

#include "api/chain.h"
#include "api/router.h"

namespace datasync::api {

Api::Api(Parts parts, ApiOptions options)
    : services_{parts.backend,
                parts.clock,
                parts.gatekeeper,
                parts.stats,
                parts.hub,
                std::move(parts.catalog),
                std::move(parts.bytes_on_disk),
                std::move(parts.rate_gate),
                std::move(options)} {
  const ApiOptions& limits = services_.options;
  services_.queries = std::make_unique<WorkPool>(
      parts.make_reader, WorkPool::Options{"query", limits.query_threads, limits.query_queue_max});
  services_.bulk =
      std::make_unique<WorkPool>(std::move(parts.make_reader), WorkPool::Options{"bulk", 1, limits.bulk_queue_max});
}

Api::~Api() = default;

void Api::handle(net::HttpRequest request, net::Responder responder) {
  Call call{std::move(request), Reply(std::move(responder), services_.http_stats, services_.clock)};
  if (auto stop = pass_chain(services_, call)) return std::move(call.reply).send(std::move(*stop));
  run_route(services_, std::move(call));
}

std::size_t Api::body_bytes_max(std::string_view path) const {
  const std::string own = own_path_of_alias(path);
  if (!own.empty()) path = own;
  // Only the path is known here, before the headers: a large batch of CloudEvents goes to /sync/events/batch as well.
  const bool bulk = path == "/sync/events/batch" || path == "/sync/events/batch/";
  return bulk ? services_.options.bulk_body_bytes_max : services_.options.body_bytes_max;
}

}  // namespace datasync::api
