#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace datasync::storage::postgres {

/// What a `postgresql://` URL says, read by libpq; what it leaves open comes from libpq's own environment (PGHOST,
/// PGPASSWORD, …). Holds a password: never logged.
struct Location {
  struct Host {
    std::string host, address, port;  ///< empty: as libpq has it
  };
  std::vector<Host> hosts;  ///< tried in turn; the first that takes writes is it. Never empty
  std::vector<std::pair<std::string, std::string>> options;
  /// `prepared_statements=off` in the URL: nothing is kept on a server connection from one transaction to the next, as
  /// pgbouncer in transaction mode needs it.
  bool pooled = false;
};

[[nodiscard]] bool is_location(std::string_view url);

/// Errors: `kInvalid`, without a word of the URL.
[[nodiscard]] Result<Location> read_location(std::string_view url);

}  // namespace datasync::storage::postgres
