#pragma once

#include <memory>

#include "pipeline/accept.h"
#include "pipeline/callers.h"
#include "pipeline/hand_over.h"
#include "pipeline/reconcile.h"
#include "pipeline/redrive.h"
#include "pipeline/window.h"

namespace datasync::pipeline {

/// What people ask for beside events: to retry, decide, assign, undo, merge and split; and reviews that decide
/// themselves when their time is over. Whoever decides looks at what is committed, so nothing else is under way.
///
/// Errors:  of the store; the window must be given up then. What the caller is told goes to his outcome.
/// Threads: the engine's.
class Operations {
 public:
  Operations(storage::Store& store, Acceptor& acceptor, Reconciler& reconciler, Redriver& redriver,
             const HandOver& hand_over);

  /// From where events are looked up by their ids. Before the first `run`.
  void read_from(std::unique_ptr<storage::Reader> reader) { reader_ = std::move(reader); }
  [[nodiscard]] Result<void> run(Window& window, Inbox::Load& load, Callers& callers);
  /// Reviews that nobody has decided in time.
  [[nodiscard]] Result<void> expire_reviews(Window& window);

 private:
  Result<Redriven> redrive(Window& window, const RedriveRequest& request);
  Result<void> decide(Window& window, const ReviewDecision& decision, Result<Conflict>& outcome);
  Result<void> undo(Window& window, const UndoRequest& request, Result<EventId>& outcome);
  Result<void> merge(Window& window, const MergeRequest& request, Result<Merged>& outcome);

  storage::Store& store_;
  Acceptor& acceptor_;
  Reconciler& reconciler_;
  Redriver& redriver_;
  const HandOver& hand_over_;
  std::unique_ptr<storage::Reader> reader_;
  SteadyTime expire_at_{};
};

}  // namespace datasync::pipeline
