#include "app/open_files.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace datasync::app {
namespace {

/// For the database, the log, clients that are being told that they are too many, and requests to the origins, which
/// rarely use all their connections at once.
std::size_t kept_free(const Settings& settings, std::size_t open_files_max) {
  constexpr std::size_t kOwn = 512;
  return std::min(kOwn + 2 * settings.max_http_connections, open_files_max / 2);
}

}  // namespace

std::size_t raise_open_files_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<std::size_t>::max();
  const rlim_t before = std::exchange(limit.rlim_cur, limit.rlim_max);
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
  return limit.rlim_cur == RLIM_INFINITY ? std::numeric_limits<std::size_t>::max() : limit.rlim_cur;
}

void fit_connections(Settings& settings, std::size_t open_files_max) {
  const std::size_t possible = open_files_max - kept_free(settings, open_files_max);
  const std::size_t wanted = settings.server_connections_max;
  if (possible >= wanted) return;
  settings.server_connections_max = possible;
  if (possible >= wanted / 2) return;
  settings.warnings.push_back(fmt::format(
      "SERVER_CONNECTIONS is {}, but with the {} descriptors that this process may have only {} clients can "
      "be connected at once; raise the limit (LimitNOFILE of systemd, ulimit -n)",
      wanted, open_files_max, possible));
}

}  // namespace datasync::app
