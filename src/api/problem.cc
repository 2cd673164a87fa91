#include "api/problem.h"

#include "api/json_writer.h"

namespace datasync::api {

net::HttpResponse to_response(const Problem& problem) {
  if (problem.errors.empty()) return net::problem_response(problem.status, problem.detail);
  JsonWriter out;
  out.begin_object().field("type", "about:blank").field("title", net::status_phrase(problem.status));
  out.field("status", problem.status).field("detail", problem.detail).key("errors").begin_array();
  for (const FieldError& error : problem.errors) {
    out.begin_object();
    if (error.parameter.empty()) {
      out.field("pointer", error.pointer);
    } else {
      out.field("parameter", error.parameter);
    }
    out.field("detail", error.detail).end_object();
  }
  out.end_array().end_object();
  return {problem.status, "application/problem+json", out.take(), {}};
}

int status_of(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kInvalid:
      return 422;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kConflict:
      return 409;
    case ErrorCode::kUnauthorized:
      return 401;
    case ErrorCode::kForbidden:
      return 403;
    case ErrorCode::kTooLarge:
      return 413;
    case ErrorCode::kOverloaded:
    case ErrorCode::kMoved:
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
      return 503;
    case ErrorCode::kCorrupt:
    case ErrorCode::kInternal:
      return 500;
  }
  return 500;
}

net::HttpResponse to_response(const Error& error) {
  const int status = status_of(error.code);
  net::HttpResponse response = net::problem_response(status, error.message);
  if (status == 503) response.headers.emplace_back("Retry-After", "1");
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

Problem invalid(std::vector<FieldError> errors) {
  const FieldError& first = errors.front();
  std::string detail = first.parameter.empty() ? first.pointer : first.parameter;
  detail += detail.empty() ? first.detail : ": " + first.detail;
  if (errors.size() > 1) detail += " (and " + std::to_string(errors.size() - 1) + " more)";
  return {422, std::move(detail), std::move(errors)};
}

Problem invalid_parameter(std::string_view name, std::string detail) {
  return invalid({{"", std::move(detail), std::string(name)}});
}

net::HttpResponse overloaded() {
  return to_response(Error{ErrorCode::kOverloaded, "too many requests are waiting; try again in a moment"});
}

}  // namespace datasync::api
