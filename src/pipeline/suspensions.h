#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "domain/event.h"
#include "storage/store.h"

namespace datasync::pipeline {

/// A kind of change: what one tenant wants done to one entity of one platform.
struct ChangeKind {
  TenantId tenant;
  PlatformId platform;
  std::string entity;
  Verb verb = Verb::kUpdated;
  auto operator<=>(const ChangeKind&) const = default;
};

/// The kinds of change that a platform has said it serves no longer (410). They are dead letters at once, until a
/// person asks for one of them again. Kept over restarts.
/// Threads: the engine's.
class Suspensions {
 public:
  void suspend(ChangeKind kind, Timestamp since);
  /// Since when; none if it is not suspended.
  [[nodiscard]] std::optional<Timestamp> since(const ChangeKind& kind) const;
  [[nodiscard]] bool empty() const noexcept { return since_.empty(); }
  [[nodiscard]] const auto& all() const noexcept { return since_; }
  /// Every verb of that entity is tried again.
  void lift(const TenantId& tenant, const PlatformId& platform, std::string_view entity);

  /// Takes up what the store kept. Words that it can't read are left where they are: a later version may have written
  /// them.
  void load(const std::vector<storage::LaneState>& stored);
  /// What changed since the last transaction; said again until `committed`.
  void stage(storage::WriteBatch& batch) const;
  void committed() noexcept { changed_.clear(); }

 private:
  std::map<ChangeKind, Timestamp> since_;
  std::map<ChangeKind, std::optional<Timestamp>> changed_;
};

}  // namespace datasync::pipeline
