#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "delivery/connector.h"
#include "pipeline/catalog.h"
#include "pipeline/past.h"
#include "storage/store.h"

namespace datasync::pipeline {

/// Stored events played again, through the real reconcile and deliver code, under one configuration and over a
/// throw-away store. Nothing is sent: each target answers when and as the history says that it did, and at once where
/// the history knows of no such delivery. What failed or is still open there was never held.
///
/// What people have decided is decided again where the replay asks the same; where it does not ask, nobody answers.
///
/// Lifecycle: `step` for each event in order, `commit` now and then, `finish` at the end.
/// Errors:    of the stores. What is wrong with an event ends the event.
/// Threads:   one. Everything is borrowed.
class Replay {
 public:
  /// An event of the history, and what the replay can't find out by itself.
  struct Told {
    const storage::StoredEvent& stored;
    /// The canonical id of the record that the event made then: it is to have the same again, since later events name
    /// it. Empty: it made none.
    EntityId made;
    /// Its record was there before, and is met for the first time.
    bool is_met = false;
  };
  /// A request is sent. `event`: the newest one that it speaks for.
  using Sent = std::function<void(Sequence event, const delivery::Change& change)>;
  struct Parts {
    storage::Reader& reader;
    const Past& past;
    storage::Store& scratch;
    const std::string& identity_secret;
  };

  Replay(Parts parts, std::shared_ptr<const Catalog> catalog, Sent sent);
  ~Replay();
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  struct Outcome {
    const Record* record = nullptr;  ///< as it is after the event, until the next call; null: none was touched
    bool waits_for_person = false;
    bool failed = false;
    bool was_decided = true;  ///< false: a decision about what was not asked
  };
  [[nodiscard]] Result<Outcome> step(const Told& told);
  [[nodiscard]] Result<void> commit();
  /// After the last event: what is under way is answered, and what waited for that is sent.
  [[nodiscard]] Result<void> finish();
  /// By its canonical id; none if there is none.
  [[nodiscard]] Result<const Record*> find(const TenantId& tenant, const std::string& entity, const EntityId& id);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace datasync::pipeline
