#pragma once

#include <tl/expected.hpp>

#include "base/error.h"

namespace datasync {

/// A value or the `Error` that kept us from it. Expected failures travel this way; exceptions are for start-up and for
/// third-party code, caught at its wall.
template <typename T>
using Result = tl::expected<T, Error>;

/// Makes the failing side: `return fail(ErrorCode::kInvalid, "priority must be 1 to 10")`.
inline tl::unexpected<Error> fail(ErrorCode code, std::string message, std::string detail = {},
                                  Stage stage = Stage::kBefore) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(detail), stage});
}

inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace datasync

/// Leaves the function with the error of `expression`, or goes on.
#define DATASYNC_TRY(expression)                                                      \
  do {                                                                                \
    if (auto datasync_result = (expression); !datasync_result) {                      \
      return ::tl::unexpected<::datasync::Error>(std::move(datasync_result).error()); \
    }                                                                                 \
  } while (false)
