#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace datasync::bus::redis {

/// A database of a Redis server. Holds a password: never logged.
struct Location {
  std::string host;
  std::uint16_t port = 6379;
  std::string user;      ///< empty: the server's default user
  std::string password;  ///< empty: none is needed
  int database = 0;

  /// `redis://host:6379/6`, without user and password.
  [[nodiscard]] std::string str() const;
};

/// Reads `redis://[[user]:password@]host[:port][/database]`; what is percent-encoded in it is decoded.
/// Errors: `kInvalid`, with what is wrong and no secret.
[[nodiscard]] Result<Location> read_location(std::string_view url);

}  // namespace datasync::bus::redis
