#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace datasync::bus::kafka {

/// Reads `host:port,host:port,…`, of which any may be left out that the others know; a port that is left out is 9092.
/// Errors: `kInvalid`, with what is wrong and where.
[[nodiscard]] Result<std::string> read_brokers(std::string_view text);

}  // namespace datasync::bus::kafka
