// Targets that accept everything. Prints one line of JSON with their addresses and serves until it is ended.

#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "options.h"
#include "sink.h"

namespace datasync::bench {
namespace {

void serve_forever(int count, const char* const* arguments) {
  const Options given(count, arguments, {"port"});
  std::vector<std::uint16_t> ports;
  for (const std::string& port : given.all("port")) ports.push_back(static_cast<std::uint16_t>(std::stoul(port)));
  if (ports.empty()) ports = {0, 0};

  Sinks sinks(ports);
  std::string urls;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    urls += fmt::format("{}\"http://127.0.0.1:{}\"", urls.empty() ? "" : ",", sinks.port(i));
  }
  fmt::print("{{\"urls\":[{}]}}\n", urls);
  std::fflush(stdout);
  for (;;) sinks.serve(nanoseconds(-1));
}

}  // namespace
}  // namespace datasync::bench

int main(int count, char** arguments) {
  try {
    datasync::bench::serve_forever(count - 1, arguments + 1);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\nbench_sinks [--port N]…  0 for any free port; without one, two free ports\n", error.what());
    return 2;
  }
}
