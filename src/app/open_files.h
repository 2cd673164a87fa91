#pragma once

#include <cstddef>

#include "app/settings.h"

namespace datasync::app {

/// Lets the process have as many descriptors open as the system allows it, and returns how many those are. Shells and
/// supervisors start programs with 1024, for the sake of those that still use select(2); we don't.
[[nodiscard]] std::size_t raise_open_files_limit();

/// Lowers `server_connections_max` where so many clients would leave no descriptor for the database and for requests to
/// platforms: a client that is one too many is then told so, while all else goes on. Warns where less than half is
/// left.
void fit_connections(Settings& settings, std::size_t open_files_max);

}  // namespace datasync::app
