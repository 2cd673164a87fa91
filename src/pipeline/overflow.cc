#include "pipeline/overflow.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace datasync::pipeline {
namespace {

constexpr std::int64_t kPage = 500;     // events read in one window
constexpr milliseconds kTryEvery{50};   // a look at all that waits, if little of it could be set aside
constexpr std::size_t kStepShare = 16;  // so large a part of what memory holds is set aside at once

}  // namespace

bool Overflow::leaves(const Window& window, const storage::StoredEvent& stored) {
  if (stored.state.status != EventStatus::kRetry || stored.state.results.empty()) return false;
  if (ledger_.size() < options_.events_in_memory_max) return false;
  // What may have arrived must be said again before anything newer is, so it waits in memory.
  const auto& results = stored.state.results;
  const bool said = std::any_of(results.begin(), results.end(), [](const DeliveryResult& result) {
    return result.status == ResultStatus::kRetry && (result.outcome_unknown || result.sent_version.value > 0);
  });
  if (said || !deliverer_.leave(window, stored)) return false;
  ++count_;
  has_some_ = true;
  return true;
}

Result<void> Overflow::take_up(Window& window) {
  looks_on_ = false;
  if (!has_some_) return {};
  const auto from = deliverer_.look_from(window, kept());
  if (!from) return {};
  looks_on_ = true;
  auto page = tools_.store.load_retrying(Sequence{from->value - 1}, kPage);
  if (!page) return fail(std::move(page).error());
  std::optional<Sequence> last;
  if (std::ssize(*page) == kPage) last = page->back().event->sequence;
  DATASYNC_TRY(redriver_.fetch(*page));
  for (storage::StoredEvent& stored : *page) {
    if (ledger_.find(stored.event->sequence) != nullptr || !deliverer_.takes_up(window, stored)) continue;
    DATASYNC_TRY(redriver_.resume(window, std::move(stored)));
    if (count_ > 0) --count_;
  }
  has_some_ = deliverer_.looked(last);
  if (!has_some_) count_ = 0;
  return {};
}

void Overflow::set_aside(Window& window) {
  const std::size_t most = options_.events_in_memory_max;
  if (ledger_.size() <= most || window.steady < set_aside_at_) return;
  const std::size_t count = ledger_.size() - most + most / kStepShare;
  const std::size_t done = deliverer_.set_aside(window, count, kept());
  if (done < count) set_aside_at_ = window.steady + kTryEvery;  // the rest is under way, or yet to be reconciled
  if (done == 0) return;
  if (!has_some_) log::info("more than {} events are open: what would go last waits in the store", most);
  has_some_ = true;
  count_ += done;
}

SteadyTime Overflow::next_due(const Window& window) const {
  if (looks_on_) return window.steady;
  const SteadyTime latest = window.steady + std::chrono::hours{1};
  if (!has_some_) return latest;
  return std::min(latest, deliverer_.next_set_aside_due());
}

void Overflow::clear() noexcept {
  count_ = 0;
  has_some_ = looks_on_ = false;
  set_aside_at_ = SteadyTime{};
}

}  // namespace datasync::pipeline
