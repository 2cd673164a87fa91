#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "api/services.h"
#include "api/work_pool.h"

namespace datasync::api {

/// So long a caller waits for an event that may still be on its way from the log.
inline constexpr milliseconds kLateEventMax{2'000};

inline Error may_be_late() {
  return {ErrorCode::kUnavailable, "not all accepted events can be looked at yet; try again later", {}};
}

/// What is asked of the backend about one event. Where events are accepted into a log, one that it does not know may be
/// on its way: once the store has all that was accepted before, it is asked again.
/// Threads: `done` runs on the engine's or a query thread.
template <typename T>
void ask_of_event(Services& services, storage::Reader::Tenants tenants,
                  std::function<void(net::UniqueFunction<void(Result<T>)>)> ask,
                  net::UniqueFunction<void(Result<T>)> done) {
  if (!services.event_log) return ask(std::move(done));
  auto shared = std::make_shared<net::UniqueFunction<void(Result<T>)>>(std::move(done));
  ask([&services, tenants = std::move(tenants), ask, shared](Result<T> result) {
    if (result || result.error().code != ErrorCode::kNotFound) return (*shared)(std::move(result));
    WorkPool::Job job = [&services, tenants, ask, shared](const WorkPool::GetReader&) {
      if (!services.catch_up(tenants, kLateEventMax)) return (*shared)(fail(may_be_late()));
      ask([shared](Result<T> again) { (*shared)(std::move(again)); });
    };
    if (!services.queries->post(job)) (*shared)(fail(may_be_late()));
  });
}

}  // namespace datasync::api
