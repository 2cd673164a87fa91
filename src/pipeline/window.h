#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "base/uuid.h"
#include "pipeline/catalog.h"
#include "pipeline/notice.h"
#include "storage/store.h"

namespace datasync::pipeline {

/// One round of the pipeline: what it makes durable in one transaction, and what may leave the house only after that.
struct Window {
  Timestamp now{};
  SteadyTime steady{};  ///< the same moment
  std::shared_ptr<const Catalog> catalog;
  bool wants_notices = false;

  storage::WriteBatch batch;
  std::vector<Notice> notices;
  /// What the house itself has to say of what it has reconciled; accepted in this window.
  std::vector<std::shared_ptr<Event>> made_events;

  /// The wall clock may be set; what waits goes by the steady one, and what is stored of it says when that will be.
  [[nodiscard]] Timestamp wall_at(SteadyTime time) const noexcept { return now + (time - steady); }
};

/// What the verbs share and do not own. Lives in the engine; the engine's thread only.
struct Tools {
  storage::Store& store;
  UuidGenerator& uuids;
  Random& random;
  const Clock& clock;
  const std::function<void(const PlatformId&)>& credential_refused;  ///< may be empty
};

}  // namespace datasync::pipeline
