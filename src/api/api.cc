#include "api/api.h"

#include "api/chain.h"
#include "api/peer.h"
#include "api/router.h"
#include "api/stats.h"
#include "base/log.h"

namespace datasync::api {
namespace {

constexpr std::size_t kRecalledMax = 20'000;  // events read at the start; a second of one thread

constexpr std::size_t kVerificationBodyMax = 1024;  // strangers may call, and a form without fields is empty

}  // namespace

Api::Api(Parts parts, ApiOptions options)
    : services_{parts.backend,
                parts.clock,
                parts.gatekeeper,
                parts.stats,
                parts.hub,
                std::move(parts.catalog),
                std::move(parts.verifications),
                std::move(parts.bytes_on_disk),
                std::move(parts.rate_gate),
                std::move(parts.propose),
                std::move(parts.rate_source),
                std::move(parts.redis),
                parts.shares,
                std::move(parts.event_log),
                std::move(parts.catch_up),
                std::move(options)},
      local_(parts.local),
      peer_token_(std::move(parts.peer_token)) {
  services_.topics = std::move(parts.topics);
  const ApiOptions& limits = services_.options;
  services_.queries = std::make_unique<WorkPool>(
      parts.make_reader, WorkPool::Options{"query", limits.query_threads, limits.query_queue_max});
  services_.bulk =
      std::make_unique<WorkPool>(std::move(parts.make_reader), WorkPool::Options{"bulk", 1, limits.bulk_queue_max});
  recall();
}

Api::~Api() {
  // The pools first: their jobs use the rest.
  services_.bulk.reset();
  services_.queries.reset();
}

/// What `GET /sync/metrics` counts lives in memory; the store tells it once what happened before this process began.
void Api::recall() {
  const Timestamp start = services_.clock.now();
  WorkPool::Job job = [this, start](const WorkPool::GetReader& get_reader) {
    const auto reader = get_reader();
    if (!reader) return;
    storage::Reader::EventFilter filter;
    filter.since = start - std::chrono::hours{24};
    filter.until = start;
    filter.limit = 500;
    for (std::size_t seen = 0; seen < kRecalledMax; seen += static_cast<std::size_t>(filter.limit)) {
      const auto page = (*reader)->list_events(filter);
      if (!page) return;
      for (const storage::StoredEvent& stored : page->events) services_.stats.add_stored(stored, start);
      if (page->next.value == 0) return;
      filter.before = page->next;
    }
    log::info("metrics: only the newest {} events of the last day are counted from before the start", kRecalledMax);
  };
  if (!services_.bulk->post(job)) log::warning("metrics: what happened before the start is not counted");
}

void Api::handle(net::HttpRequest request, net::Responder responder) {
  // Before the chain: no client's token, and nothing that is counted or described, has to do with it.
  if (local_ != nullptr && request.path() == kPeerPath) {
    return answer_peer(*local_, services_.hub, peer_token_, request, std::move(responder));
  }
  Call call{std::move(request), Reply(std::move(responder), services_.http_stats, services_.clock)};
  if (auto stop = pass_chain(services_, call)) return std::move(call.reply).send(std::move(*stop));
  run_route(services_, std::move(call));
}

std::size_t Api::body_bytes_max(std::string_view path) const {
  const std::string own = own_path_of_alias(path);
  if (!own.empty()) path = own;
  // Only the path is known here, before the headers: a large batch of CloudEvents goes to /sync/events/batch as well.
  if (path.starts_with("/sync/verifications/")) return kVerificationBodyMax;
  if (path == kPeerPath && local_ != nullptr)
    return 2 * services_.options.bulk_body_bytes_max;  // framed, and all filled in
  const bool bulk = path == "/sync/events/batch" || path == "/sync/events/batch/";
  return bulk ? services_.options.bulk_body_bytes_max : services_.options.body_bytes_max;
}

}  // namespace datasync::api
