#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace datasync {

/// What kind of failure it is; decides the HTTP status, the exit code and whether another try can help.
enum class ErrorCode : std::uint8_t {
  kInvalid,       ///< the input is wrong; the same input will be wrong again
  kNotFound,      ///< no such thing, or not this caller's
  kConflict,      ///< the thing moved on since the caller looked
  kUnauthorized,  ///< no identity, or one that does not hold
  kForbidden,     ///< the identity holds, the role does not suffice
  kTooLarge,      ///< over a size limit
  kOverloaded,    ///< a queue or a rate limit is full; try again later
  kMoved,         ///< another instance works on it now; asked there, it is done
  kUnavailable,   ///< a resource (disk, database, target) does not answer; try again later
  kTimeout,       ///< no answer within the deadline; the outcome is unknown
  kCorrupt,       ///< stored or received bytes do not mean what they must
  kInternal,      ///< a defect of ours
};

/// Where an error arose relative to the attempt that it ended: only `kDuring` leaves the outcome unknown.
enum class Stage : std::uint8_t { kBefore, kDuring, kAfter };

/// An expected failure. `message` may be shown to a client; `detail` goes to the log only and holds no personal data.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string detail = {};
  Stage stage = Stage::kBefore;
};

inline std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kInvalid:
      return "invalid";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kUnauthorized:
      return "unauthorized";
    case ErrorCode::kForbidden:
      return "forbidden";
    case ErrorCode::kTooLarge:
      return "too_large";
    case ErrorCode::kOverloaded:
      return "overloaded";
    case ErrorCode::kMoved:
      return "moved";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kTimeout:
      return "timeout";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

}  // namespace datasync
