#pragma once

#include <utility>
#include <vector>

#include "base/result.h"
#include "net/unique_function.h"

namespace datasync::pipeline {

/// Somebody who is told the outcome once the window is committed.
template <typename T>
struct Asked {
  net::UniqueFunction<void(Result<T>)> callback;
  Result<T> outcome;

  explicit Asked(net::UniqueFunction<void(Result<T>)> asker)
      : callback(std::move(asker)), outcome(fail(ErrorCode::kInternal, "the window has not come so far")) {}
};

template <typename T>
void answer_all(std::vector<Asked<T>>& all) {
  for (Asked<T>& one : all) one.callback(std::move(one.outcome));
  all.clear();
}

template <typename T>
void refuse_all(std::vector<Asked<T>>& all, const Error& error) {
  for (Asked<T>& one : all) one.callback(fail(error));
  all.clear();
}

template <typename Request>
void refuse_all(std::vector<Request>& requests, const Error& error) {
  for (Request& request : requests) request.callback(fail(error));
}

/// What callers are told of it: another instance can do what is asked, or nobody can now.
inline Error refusal_for(const Error& error) {
  return {error.code == ErrorCode::kMoved ? ErrorCode::kMoved : ErrorCode::kUnavailable, error.message, {}};
}

}  // namespace datasync::pipeline
