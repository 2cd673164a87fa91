// The floor of the benchmark: the least that takes in events, keeps them and passes them on (relay.h). Prints its
// address as one line of JSON and serves until it is ended.

#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "floor/relay.h"
#include "options.h"

namespace datasync::bench {
namespace {

void serve_forever(int count, const char* const* arguments) {
  const Options given(count, arguments, {"port", "target", "connections", "store"});
  Relay relay({
      .port = given.number<std::uint16_t>("port", 0),
      .targets = given.all("target"),
      .connections_max = given.number<std::size_t>("connections", 100),
      .store_file = given.text("store", {}),
  });
  fmt::print("{{\"url\":\"http://127.0.0.1:{}\"}}\n", relay.port());
  std::fflush(stdout);
  relay.run();
}

}  // namespace
}  // namespace datasync::bench

int main(int count, char** arguments) {
  try {
    datasync::bench::serve_forever(count - 1, arguments + 1);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\nbench_floor [--port N] [--target URL]… [--connections N] [--store FILE]\n", error.what());
    return 2;
  }
}
