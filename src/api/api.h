#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "api/backend.h"
#include "api/services.h"
#include "base/time.h"
#include "net/http_server.h"
#include "pipeline/catalog.h"
#include "security/gatekeeper.h"
#include "security/verification_token.h"

namespace datasync::api {

/// Answers every HTTP request and WebSocket of the service.
///
/// Lifetime: all parts are borrowed and outlive it; the server that calls `handle` is stopped before it is destroyed,
/// and
///           the backend calls back before that too.
/// Threads:  `handle` and `body_bytes_max` from any I/O thread.
class Api {
 public:
  struct Parts {
    Backend& backend;
    const Clock& clock;
    security::Gatekeeper& gatekeeper;
    Stats& stats;
    EventHub& hub;
    MakeReader make_reader;  ///< `Store::make_reader`; called from query threads
    std::function<std::shared_ptr<const pipeline::Catalog>()> catalog;  ///< the present one; from any thread
    security::VerificationTokens verifications;
    std::function<std::int64_t()> bytes_on_disk = {};                   ///< for the metrics; from any thread
    RateGate rate_gate = {};                                            ///< none: no limit
    Propose propose = {};                                               ///< none: proposals are refused
    std::function<std::optional<RateSourceStatus>()> rate_source = {};  ///< of the rates of exchange; from any thread
    std::function<std::optional<RedisStatus>()> redis = {};             ///< from any thread
    Backend* local = nullptr;                 ///< what other instances ask of this one goes there; null: there are none
    std::string peer_token = {};              ///< by which they are known
    const storage::Shares* shares = nullptr;  ///< null: this instance is alone by nature
    std::function<EventLogStatus()> event_log = {};  ///< none: the store accepts events
    CatchUp catch_up = {};                           ///< where there is an `event_log`; from query threads
    std::function<TopicsStatus()> topics = {};       ///< from any thread
  };
  Api(Parts parts, ApiOptions options);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  /// An `HttpServer::Handler`.
  void handle(net::HttpRequest request, net::Responder responder);
  /// For `HttpServerOptions::body_bytes_max`.
  [[nodiscard]] std::size_t body_bytes_max(std::string_view path) const;

 private:
  void recall();

  Services services_;
  Backend* local_;
  std::string peer_token_;
};

}  // namespace datasync::api
