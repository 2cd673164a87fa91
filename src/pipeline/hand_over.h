#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "base/time.h"
#include "pipeline/engine.h"
#include "storage/shares.h"

namespace datasync::pipeline {

/// When this instance takes up and gives up shards: once nothing that it has sent is under way, or after a second; what
/// is under way then is repeated under its key, as after a crash. Threads: the engine's.
class HandOver {
 public:
  /// `shares` may be null: all tenants are ours, and nothing ever changes.
  explicit HandOver(const storage::Shares* shares) : shares_(shares) {}

  [[nodiscard]] bool is_ours(const TenantId& tenant) const { return shares_ == nullptr || shares_->owns(tenant); }
  [[nodiscard]] bool are_ours(const std::vector<Submission>& submissions) const {
    return shares_ == nullptr || std::all_of(submissions.begin(), submissions.end(), [this](const Submission& one) {
             return shares_->owns(one.event->tenant);
           });
  }
  [[nodiscard]] bool are_ours(const std::vector<storage::LogPosition>& positions) const {
    return shares_ == nullptr || std::all_of(positions.begin(), positions.end(),
                                             [this](const auto& one) { return shares_->owns_shard(one.shard); });
  }
  /// Whether what is asked about tenants (none: all) is of one that another instance works on.
  [[nodiscard]] bool is_elsewhere(const storage::Reader::Tenants& tenants) const {
    return tenants.size() == 1 && !is_ours(tenants.front());
  }
  static Error moved() { return {ErrorCode::kMoved, "another instance works on this tenant", {}}; }

  /// Whether it is to be done now. From the first time that it is wanted on nothing new may be sent.
  [[nodiscard]] bool is_due(SteadyTime now, bool is_under_way) {
    if (shares_ == nullptr || !shares_->change_is_due()) {
      by_.reset();
      return false;
    }
    if (!by_) by_ = now + kWaitMax;
    return !is_under_way || now >= *by_;
  }
  void done() { by_.reset(); }
  [[nodiscard]] bool is_waiting() const noexcept { return by_.has_value(); }
  /// When to look whether what was under way is over.
  [[nodiscard]] SteadyTime look_again(SteadyTime now) const { return by_ ? now + kLook : SteadyTime::max(); }

 private:
  static constexpr milliseconds kWaitMax{1'000};
  static constexpr milliseconds kLook{10};

  const storage::Shares* shares_;
  std::optional<SteadyTime> by_;
};

}  // namespace datasync::pipeline
