#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http_stats.h"
#include "api/problem.h"
#include "net/http_message.h"
#include "net/http_server.h"
#include "security/caller.h"

namespace datasync::api {

struct Route;

/// The duty to answer one request, and what is counted when it is done.
/// Threads: may be moved to any thread. Dropped unanswered, the client gets 500.
class Reply {
 public:
  Reply(net::Responder responder, HttpStats& stats, const Clock& clock) noexcept
      : responder_(std::move(responder)), stats_(&stats), clock_(&clock), began_(clock.steady_now()) {}

  void set_route(std::size_t index) noexcept { route_ = static_cast<std::uint32_t>(index); }
  void send(net::HttpResponse response) && {
    stats_->count(route_, response.status, clock_->steady_now() - began_);
    std::move(responder_).send(std::move(response));
  }
  void send(const Problem& problem) && { std::move(*this).send(to_response(problem)); }

  /// For WebSockets: the responder itself, counted as 101.
  [[nodiscard]] net::Responder release() && {
    stats_->count(route_, 101, clock_->steady_now() - began_);
    return std::move(responder_);
  }

 private:
  net::Responder responder_;
  HttpStats* stats_;  // borrowed, as the clock: both outlive every request
  const Clock* clock_;
  SteadyTime began_;
  std::uint32_t route_ = HttpStats::kNoRoute;
};

/// One request on its way through the chain to its route.
struct Call {
  net::HttpRequest request;
  Reply reply;
  const Route* route = nullptr;
  std::string allow = {};                      ///< methods of the path, where none is the request's
  std::array<std::string, 2> parameters = {};  ///< what stands at `{…}` in the route's path, decoded
  std::shared_ptr<const security::Caller> caller = {};

  [[nodiscard]] std::optional<std::string> query(std::string_view name) const { return request.query_value(name); }
};

}  // namespace datasync::api
