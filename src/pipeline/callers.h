#pragma once

#include <utility>
#include <vector>

#include "pipeline/engine.h"
#include "pipeline/inbox.h"

namespace datasync::pipeline {

/// Somebody who is told the outcome once the window is committed.
template <typename T>
struct Asked {
  net::UniqueFunction<void(Result<T>)> callback;
  Result<T> outcome;

  explicit Asked(net::UniqueFunction<void(Result<T>)> asker)
      : callback(std::move(asker)), outcome(fail(ErrorCode::kInternal, "the window has not come so far")) {}
};

/// What callers are told of it: another instance can do what is asked, or nobody can now.
inline Error refusal_for(const Error& error) {
  return {
      error.code == ErrorCode::kMoved ? ErrorCode::kMoved : ErrorCode::kUnavailable, error.message, {}, error.stage};
}

/// All who wait for one window. Each is told once.
struct Callers {
  std::vector<Asked<std::vector<Receipt>>> accepts;
  std::vector<Asked<Redriven>> redrives;
  std::vector<Asked<Conflict>> reviews;
  std::vector<Asked<EventId>> undos;
  std::vector<Asked<Merged>> merges;

  /// Takes the callbacks of those who ask.
  void take(Inbox::Load& load) {
    for (AcceptRequest& request : load.accepts) accepts.emplace_back(std::move(request.callback));
    for (RedriveRequest& request : load.redrives) redrives.emplace_back(std::move(request.callback));
    for (ReviewRequest& request : load.reviews) reviews.emplace_back(std::move(request.callback));
    for (UndoAsked& asked : load.undos) undos.emplace_back(std::move(asked.callback));
    for (MergeAsked& asked : load.merges) merges.emplace_back(std::move(asked.callback));
  }

  void answer_all() {
    each([](auto& one) { one.callback(std::move(one.outcome)); });
  }
  void refuse_all(const Error& error) {
    each([&error](auto& one) { one.callback(fail(error)); });
  }

 private:
  template <typename Tell>
  void each(Tell tell) {
    const auto tell_all = [&tell](auto& all) {
      for (auto& one : all) tell(one);
      all.clear();
    };
    tell_all(accepts);
    tell_all(redrives);
    tell_all(reviews);
    tell_all(undos);
    tell_all(merges);
  }
};

}  // namespace datasync::pipeline
