#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "net/http_client.h"
#include "pipeline/engine.h"

namespace datasync::pipeline {

/// A client's request to accept events, all or none of it in one window.
struct AcceptRequest {
  std::vector<Submission> submissions;
  AcceptCallback callback;
  std::vector<storage::LogPosition> positions = {};  ///< how far the log was taken with it, where it comes from there
};

struct RedriveRequest {
  storage::Reader::Tenants tenants;
  std::string event_id;                 ///< one event, or
  storage::Reader::EventFilter filter;  ///< all that match, where `event_id` is empty
  RedriveCallback callback;
};

struct ReviewRequest {
  ReviewDecision decision;
  ReviewCallback callback;
};

struct UndoAsked {
  UndoRequest request;
  UndoCallback callback;
};

struct MergeAsked {
  MergeRequest request;
  MergeCallback callback;
};

struct TargetAnswer {
  std::int64_t id = 0;
  net::ClientResult answer;
  /// From the request's leaving to the answer's coming, the network's and the target's alone: were our own windows in
  /// it, a busy engine would take its targets for slow.
  microseconds round_trip{};
  std::size_t changes = 1;  ///< of which it tells
};

/// Where all other threads leave what the next window works on. Bounded: accepts by `accepts_max`, answers by the
/// requests that are under way. Threads: push from any, take and wait from the engine's.
class Inbox {
 public:
  struct Load {
    std::vector<AcceptRequest> accepts;
    std::vector<RedriveRequest> redrives;
    std::vector<ReviewRequest> reviews;
    std::vector<UndoAsked> undos;
    std::vector<MergeAsked> merges;
    std::vector<TargetAnswer> answers;
    [[nodiscard]] std::size_t size() const noexcept { return accepts.size() + persons() + answers.size(); }
    /// What people ask for.
    [[nodiscard]] std::size_t persons() const noexcept {
      return redrives.size() + reviews.size() + undos.size() + merges.size();
    }
  };

  explicit Inbox(std::size_t accepts_max) : accepts_max_(accepts_max) {}

  /// False, and the request comes back untouched, when there is no room or the inbox is closed.
  [[nodiscard]] bool push(AcceptRequest& request);
  [[nodiscard]] bool push(RedriveRequest& request);
  [[nodiscard]] bool push(ReviewRequest& request);
  [[nodiscard]] bool push(UndoAsked& request);
  [[nodiscard]] bool push(MergeAsked& request);
  void push(TargetAnswer answer);

  /// All that people ask for, all answers, and of the accepts the first with up to so many submissions together; at
  /// least one.
  [[nodiscard]] Load take(std::size_t submissions);
  /// How many events, changes that were answered and requests of people wait.
  [[nodiscard]] std::size_t waiting();
  /// Returns when something is there, at `due`, or when it was woken.
  void wait_for_work(SteadyTime due);
  /// Returns at `due` whatever comes in meanwhile, but for a flood or a wake-up: company for the window.
  void wait_for_company(SteadyTime due, std::size_t enough);
  /// Returns when the transaction that is under way has ended, when it was woken, or when so much is waiting.
  void wait_for_much(std::size_t enough);
  /// Whether that has ended: told by who carries it out, and taken back by who has heard it.
  void note_committed(bool is_committed);
  [[nodiscard]] bool is_committed() const noexcept { return committed_.load(std::memory_order_relaxed); }
  void wake();
  /// Refuses new requests from now on; answers are still taken.
  void close();
  [[nodiscard]] bool is_closed() const noexcept { return closed_.load(std::memory_order_relaxed); }

 private:
  void notify_if_needed();
  [[nodiscard]] std::size_t much() const noexcept { return submissions_ + changes_ + load_.persons(); }
  template <typename Request>
  [[nodiscard]] bool push_to(std::vector<Request>& requests, Request& request);

  const std::size_t accepts_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Load load_;
  std::size_t submissions_ = 0;
  std::size_t changes_ = 0;       ///< of the answers
  std::size_t wake_at_ = 0;       ///< the number of items that ends the wait; 0: nobody waits
  std::size_t wake_at_much_ = 0;  ///< the same of all that is in them
  bool woken_ = false;
  std::atomic<bool> committed_{false};
  std::atomic<bool> closed_{false};
};

}  // namespace datasync::pipeline
