#pragma once

#include <libpq-fe.h>

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "base/error.h"

namespace datasync::storage::postgres {

/// What kept a statement from its answer.
struct Failure {
  Error error;
  std::string state = {};  ///< SQLSTATE; empty where the server said none
  bool lost = false;       ///< the connection is gone, and with it the answer
};

template <typename T>
using Outcome = tl::expected<T, Failure>;

/// Somebody, or the server's end, has ended the connection.
inline constexpr std::string_view kAdminShutdown = "57P01";

/// States of our own, raised by the functions of our schema, or told by the table whose key was violated.
inline constexpr std::string_view kFencedState = "DS001";
inline constexpr std::string_view kRecordState = "DS002";
inline constexpr std::string_view kIdentityState = "DS003";
inline constexpr std::string_view kHistoryState = "DS004";
inline constexpr std::string_view kKnownIdentityState = "DS005";
inline constexpr std::string_view kKnownKeyState = "DS006";

/// The server's refusal of a statement. Its message stays out of ours where it may hold stored values.
[[nodiscard]] Failure failure_of(const PGresult* result);

/// Why no connection came about; `message` is libpq's, with the SQLSTATE as its last word where the server sent one.
[[nodiscard]] Failure connect_failure(std::string_view message);

[[nodiscard]] Failure lost_failure(std::string detail);

}  // namespace datasync::storage::postgres
