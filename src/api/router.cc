#include "api/router.h"

#include <vector>

#include "api/routes/routes.h"
#include "net/url.h"

namespace datasync::api {
namespace {

using net::Method;

constexpr Route kRoutes[] = {
    {Method::kPost, "/sync/events", Access::kWrite, routes::create_event},
    {Method::kGet, "/sync/events", Access::kRead, nullptr, routes::list_events},
    {Method::kPost, "/sync/events/batch", Access::kWrite, routes::create_events},
    {Method::kPost, "/sync/events/retry", Access::kOperate, routes::retry_events},
    {Method::kGet, "/sync/events/{id}", Access::kRead, nullptr, routes::get_event},
    {Method::kPost, "/sync/events/{id}/retry", Access::kOperate, routes::retry_event},
    {Method::kPost, "/sync/events/{id}/undo", Access::kOperate, routes::undo_event},
    {Method::kPost, "/sync/users", Access::kWrite, routes::upsert_user},
    {Method::kGet, "/sync/users/{id}", Access::kRead, nullptr, routes::get_user},
    {Method::kGet, "/sync/records/{entity}/{id}", Access::kRead, nullptr, routes::get_record},
    {Method::kPost, "/sync/records/{entity}/{id}/merge", Access::kOperate, routes::merge_records},
    {Method::kPost, "/sync/records/{entity}/{id}/split", Access::kOperate, routes::split_records},
    {Method::kGet, "/sync/conflicts", Access::kRead, nullptr, routes::list_conflicts},
    {Method::kPost, "/sync/conflicts/resolve", Access::kOperate, routes::resolve_conflicts},
    {Method::kGet, "/sync/conflicts/{id}", Access::kRead, nullptr, routes::get_conflict},
    {Method::kPost, "/sync/conflicts/{id}/assign", Access::kOperate, routes::assign_conflict},
    {Method::kPost, "/sync/conflicts/{id}/resolve", Access::kOperate, routes::resolve_conflict},
    {Method::kGet, "/sync/verifications/{token}", Access::kInPath, routes::get_verification},
    {Method::kPost, "/sync/verifications/{token}/confirm", Access::kInPath, routes::confirm_verification},
    {Method::kPost, "/sync/verifications/{token}/decline", Access::kInPath, routes::decline_verification},
    {Method::kPost, "/sync/preview", Access::kRead, nullptr, routes::preview_event},
    {Method::kGet, "/sync/status", Access::kRead, routes::status},
    {Method::kGet, "/sync/metrics", Access::kRead, nullptr, routes::metrics},
    {Method::kGet, "/ws/sync", Access::kRead, routes::live_updates},
    {Method::kGet, "/metrics", Access::kOwnNetwork, routes::prometheus},
    {Method::kGet, "/", Access::kPage, routes::root},
    {Method::kGet, "/openapi.json", Access::kRead, routes::openapi},
    {Method::kGet, "/docs", Access::kPage, routes::docs},
    {Method::kGet, "/ui", Access::kOpen, routes::live_page},
    {Method::kGet, "/ui/{file}", Access::kOpen, routes::live_page_file},
    {Method::kGet, "/livez", Access::kOpen, routes::livez},
    {Method::kGet, "/readyz", Access::kOpen, routes::readyz},
    {Method::kGet, "/health", Access::kOpen, routes::health},
};
static_assert(std::size(kRoutes) < HttpStats::kRoutesMax);

constexpr std::string_view kAliasPrefix = "/api/brain/data-sync";

std::string_view without_slash_at_end(std::string_view path) {
  return path.size() > 1 && path.back() == '/' ? path.substr(0, path.size() - 1) : path;
}

/// Compares segment by segment; fills the parameters. They are decoded after the split, so an id may hold `%2F`.
bool matches(std::string_view pattern, std::string_view path, std::array<std::string, 2>& parameters) {
  std::size_t count = 0;
  for (;;) {
    const auto pattern_end = std::min(pattern.find('/', 1), pattern.size());
    const auto path_end = std::min(path.find('/', 1), path.size());
    const std::string_view wanted = pattern.substr(0, pattern_end);
    const std::string_view segment = path.substr(0, path_end);
    if (wanted.size() > 1 && wanted[1] == '{') {
      auto decoded = net::percent_decode(segment.substr(std::min<std::size_t>(segment.size(), 1)));
      if (!decoded || decoded->empty()) return false;
      parameters[count++] = std::move(*decoded);
    } else if (wanted != segment) {
      return false;
    }
    pattern.remove_prefix(pattern_end);
    path.remove_prefix(path_end);
    if (pattern.empty() || path.empty()) return pattern.empty() && path.empty();
  }
}

void answer_query(Services& services, Call call) {
  // Kept outside the job, which the pool may refuse.
  auto shared = std::make_shared<Call>(std::move(call));
  WorkPool::Job job = [&services, shared](const WorkPool::GetReader& get_reader) {
    const auto reader = get_reader();
    net::HttpResponse response =
        reader ? shared->route->query(services, *shared, **reader) : to_response(reader.error());
    std::move(shared->reply).send(std::move(response));
  };
  if (!services.queries->post(job)) std::move(shared->reply).send(overloaded());
}

}  // namespace

std::span<const Route> all_routes() noexcept {
  return kRoutes;
}

void find_route(Call& call) {
  const std::string_view path = without_slash_at_end(call.request.path());
  const Method method = call.request.method == Method::kHead ? Method::kGet : call.request.method;
  for (std::size_t i = 0; i < std::size(kRoutes); ++i) {
    const Route& route = kRoutes[i];
    const bool literal = route.path.find('{') == std::string_view::npos;
    if (literal ? route.path != path : !matches(route.path, path, call.parameters)) continue;
    if (route.method == method) {
      call.route = &route;
      call.reply.set_route(i);
      return;
    }
    if (!call.allow.empty()) call.allow += ", ";
    call.allow += net::to_string(route.method);
    if (route.method == Method::kGet) call.allow += ", HEAD";
  }
}

std::string own_path_of_alias(std::string_view path) {
  if (path.substr(0, kAliasPrefix.size()) != kAliasPrefix) return {};
  const std::string_view rest = path.substr(kAliasPrefix.size());
  if (rest.empty() || rest == "/") return "/";
  if (rest.front() != '/') return {};
  for (const std::string_view own : {"/health", "/livez", "/readyz", "/openapi.json", "/docs", "/ws/sync"}) {
    if (rest == own) return std::string(own);
  }
  return "/sync" + std::string(rest);
}

void run_route(Services& services, Call call) {
  if (call.route->query != nullptr) return answer_query(services, std::move(call));
  call.route->handler(services, std::move(call));
}

}  // namespace datasync::api
