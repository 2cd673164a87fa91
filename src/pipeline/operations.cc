#include "pipeline/operations.h"

#include <utility>

#include "base/log.h"

namespace datasync::pipeline {
namespace {

constexpr seconds kExpireEvery{10};
constexpr std::int64_t kRedriveMax = 10'000;

}  // namespace

Operations::Operations(storage::Store& store, Acceptor& acceptor, Reconciler& reconciler, Redriver& redriver,
                       const HandOver& hand_over)
    : store_(store), acceptor_(acceptor), reconciler_(reconciler), redriver_(redriver), hand_over_(hand_over) {}

Result<void> Operations::run(Window& window, Inbox::Load& load, Callers& callers) {
  for (std::size_t i = 0; i < load.redrives.size(); ++i) {
    callers.redrives[i].outcome = redrive(window, load.redrives[i]);
  }
  for (std::size_t i = 0; i < load.reviews.size(); ++i) {
    DATASYNC_TRY(decide(window, load.reviews[i].decision, callers.reviews[i].outcome));
  }
  for (std::size_t i = 0; i < load.undos.size(); ++i) {
    DATASYNC_TRY(undo(window, load.undos[i].request, callers.undos[i].outcome));
  }
  for (std::size_t i = 0; i < load.merges.size(); ++i) {
    DATASYNC_TRY(merge(window, load.merges[i].request, callers.merges[i].outcome));
  }
  return {};
}

Result<void> Operations::expire_reviews(Window& window) {
  if (window.steady < expire_at_) return {};
  expire_at_ = window.steady + kExpireEvery;
  const auto expired = reconciler_.expired_reviews(window);
  if (!expired) return fail(expired.error());
  std::size_t undecided = 0;
  for (const ReviewDecision& decision : *expired) {
    Result<Conflict> outcome;
    DATASYNC_TRY(decide(window, decision, outcome));
    if (outcome) continue;
    DATASYNC_TRY(reconciler_.stop_expiry(window, decision, outcome.error()));
    ++undecided;
  }
  if (undecided > 0) log::warning("{} reviews expired and could not decide themselves; each says why", undecided);
  return {};
}

Result<Redriven> Operations::redrive(Window& window, const RedriveRequest& request) {
  const auto& tenants = request.event_id.empty() ? request.filter.tenants : request.tenants;
  if (hand_over_.is_elsewhere(tenants)) return fail(HandOver::moved());
  Redriven redriven;
  Result<std::vector<storage::StoredEvent>> events;
  if (request.event_id.empty()) {
    storage::Reader::EventFilter filter = request.filter;
    filter.limit = kRedriveMax;
    events = store_.load_matching(filter);
  } else {
    events = reader_->find_event(request.tenants, request.event_id);
    if (events) std::erase_if(*events, [this](const auto& found) { return !hand_over_.is_ours(found.event->tenant); });
    if (events && events->empty()) return fail(ErrorCode::kNotFound, "no such event");
  }
  if (!events) return fail(std::move(events).error());
  for (const storage::StoredEvent& event : *events) {
    ++redriven.matched;
    const auto queued = redriver_.redrive(window, event);
    if (!queued) return fail(queued.error());
    if (*queued) ++redriven.queued;
  }
  if (!request.event_id.empty() && redriven.queued == 0) {
    return fail(ErrorCode::kInvalid, "the event is neither failed nor waiting for a retry");
  }
  return redriven;
}

Result<void> Operations::decide(Window& window, const ReviewDecision& decision, Result<Conflict>& outcome) {
  if (hand_over_.is_elsewhere(decision.tenants)) {
    outcome = fail(HandOver::moved());
    return {};
  }
  if (decision.choice == ReviewDecision::Choice::kAssign) {
    outcome = reconciler_.assign(window, decision);
    return {};
  }
  auto settlement = reconciler_.prepare(window, decision);
  if (!settlement) {
    outcome = fail(std::move(settlement).error());
    return {};
  }
  Entry& entry = acceptor_.admit(window, settlement->event);
  outcome = reconciler_.settle(window, entry, std::move(*settlement));
  if (!outcome) return fail(outcome.error());
  return {};
}

Result<void> Operations::undo(Window& window, const UndoRequest& request, Result<EventId>& outcome) {
  if (hand_over_.is_elsewhere(request.tenants)) {
    outcome = fail(HandOver::moved());
    return {};
  }
  auto found = reader_->find_event(request.tenants, request.event_id);
  if (found) std::erase_if(*found, [this](const auto& one) { return !hand_over_.is_ours(one.event->tenant); });
  auto compensation = !found           ? Result<Compensation>(fail(found.error()))
                      : found->empty() ? Result<Compensation>(fail(ErrorCode::kNotFound, "no such event"))
                                       : reconciler_.prepare(window, found->front(), request);
  if (!compensation) {
    outcome = fail(std::move(compensation).error());
    return {};
  }
  Entry& entry = acceptor_.admit(window, compensation->event);
  DATASYNC_TRY(reconciler_.compensate(window, entry, *compensation));
  outcome = compensation->event->id;
  return {};
}

Result<void> Operations::merge(Window& window, const MergeRequest& request, Result<Merged>& outcome) {
  if (!hand_over_.is_ours(request.tenant)) {
    outcome = fail(HandOver::moved());
    return {};
  }
  auto joint = reconciler_.prepare(window, request);
  if (!joint) {
    outcome = fail(std::move(joint).error());
    return {};
  }
  Entry& entry = acceptor_.admit(window, joint->event);
  Merged merged{joint->event->id, {}, joint->duplicates};
  if (request.kind == MergeRequest::Kind::kMerge) {
    DATASYNC_TRY(reconciler_.merge(window, entry, *joint));
  } else {
    Entry& other_entry = acceptor_.admit(window, joint->other_event);
    merged.other_event = joint->other_event->id;
    DATASYNC_TRY(reconciler_.split(window, entry, other_entry, *joint));
  }
  outcome = std::move(merged);
  return {};
}

}  // namespace datasync::pipeline
