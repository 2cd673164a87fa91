#include "delivery/connector.h"

#include <algorithm>
#include <array>

namespace datasync::delivery {
namespace {

constexpr std::array<std::string_view, 9> kKinds{"delivered", "step_done", "repeat",       "refused", "unknown",
                                                 "rejected",  "moved_on",  "unauthorized", "gone"};

}  // namespace

std::string_view to_string(Outcome::Kind kind) noexcept {
  return kKinds[static_cast<std::size_t>(kind)];
}

std::optional<Outcome::Kind> parse_outcome_kind(std::string_view text) {
  const auto at = std::find(kKinds.begin(), kKinds.end(), text);
  if (at == kKinds.end()) return std::nullopt;
  return static_cast<Outcome::Kind>(at - kKinds.begin());
}

bool is_origin_failure(const Outcome& outcome) noexcept {
  using Kind = Outcome::Kind;
  if (outcome.http_status == 0) return outcome.kind == Kind::kRefused || outcome.kind == Kind::kUnknown;
  return outcome.http_status >= 500;
}

bool asks_to_wait(const Outcome& outcome) noexcept {
  return outcome.kind == Outcome::Kind::kRefused && outcome.retry_after && !is_origin_failure(outcome);
}

bool Connector::batches_with(const Change& first, const Change& next) const {
  return first.tenant == next.tenant && first.entity == next.entity && first.verb == next.verb &&
         first.steps_done == next.steps_done && !first.repeat_as_update && !next.repeat_as_update;
}

}  // namespace datasync::delivery
