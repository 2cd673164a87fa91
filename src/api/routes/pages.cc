#include "api/embedded_files.h"
#include "api/json_writer.h"
#include "api/routes/routes.h"

namespace datasync::api::routes {
namespace {

/// The pages are self-contained: nothing may be loaded from, or sent to, another host.
constexpr std::string_view kContentPolicy =
    "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

std::string_view content_type_of(std::string_view path) {
  const auto ends = [path](std::string_view end) {
    return path.size() >= end.size() && path.substr(path.size() - end.size()) == end;
  };
  if (ends(".css")) return "text/css; charset=utf-8";
  if (ends(".js")) return "text/javascript; charset=utf-8";
  if (ends(".svg")) return "image/svg+xml";
  return "text/html; charset=utf-8";
}

void send_page(Call call, std::string_view path, std::string_view text) {
  if (text.empty()) return std::move(call.reply).send(Problem{404, "there is no such page"});
  net::HttpResponse response{200, std::string(content_type_of(path)), std::string(text), {}};
  response.headers.emplace_back("Content-Security-Policy", kContentPolicy);
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("Referrer-Policy", "no-referrer");
  response.headers.emplace_back("Cache-Control", "no-cache");
  std::move(call.reply).send(std::move(response));
}

}  // namespace

/// GET /: a browser goes to the live page, a program learns where it is.
void root(Services& services, Call call) {
  if (call.request.headers.get("accept").find("text/html") != std::string_view::npos) {
    net::HttpResponse response{302};
    response.headers.emplace_back("Location", "/ui/");
    return std::move(call.reply).send(std::move(response));
  }
  JsonWriter out;
  out.begin_object().field("message", "BizOSaaS cross-platform data synchronization");
  out.field("version", services.options.version).field("environment", services.options.environment);
  out.field("docs", "/docs").end_object();
  std::move(call.reply).send(net::json_response(200, out.take()));
}

void openapi(Services&, Call call) {
  std::move(call.reply).send(net::json_response(200, std::string(find_file(description_files(), "openapi.json"))));
}

void docs(Services&, Call call) {
  send_page(std::move(call), "docs.html", find_file(description_files(), "docs.html"));
}

/// GET /ui/: relative links in the page need the slash at its end.
void live_page(Services&, Call call) {
  const std::string_view path = call.request.path();
  if (!path.empty() && path.back() == '/') {
    return send_page(std::move(call), "index.html", find_file(live_page_files(), "index.html"));
  }
  net::HttpResponse response{308};
  response.headers.emplace_back("Location", "/ui/");
  std::move(call.reply).send(std::move(response));
}

void live_page_file(Services&, Call call) {
  const std::string path = call.parameters[0];
  send_page(std::move(call), path, find_file(live_page_files(), path));
}

}  // namespace datasync::api::routes
