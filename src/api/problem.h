#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "net/http_message.h"

namespace datasync::api {

/// One part of a request that is wrong.
struct FieldError {
  std::string pointer;         ///< JSON pointer into the body; empty where the fault is in a parameter
  std::string detail;          ///< what would be right, for the caller to read
  std::string parameter = {};  ///< name of a query parameter or header
};

/// A request that is answered with a problem: RFC 9457, with `errors: [{pointer, detail}]` as its section 3 shows them.
struct Problem {
  int status = 500;
  std::string detail;
  std::vector<FieldError> errors = {};
};

[[nodiscard]] net::HttpResponse to_response(const Problem& problem);
/// The status of an error that arose below; its private detail stays here. 503 says when to come again.
[[nodiscard]] net::HttpResponse to_response(const Error& error);
[[nodiscard]] int status_of(ErrorCode code) noexcept;

/// 422 with a detail that names the first fault.
[[nodiscard]] Problem invalid(std::vector<FieldError> errors);
[[nodiscard]] Problem invalid_parameter(std::string_view name, std::string detail);
[[nodiscard]] net::HttpResponse overloaded();

}  // namespace datasync::api
