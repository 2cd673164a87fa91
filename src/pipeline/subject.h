#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/time.h"
#include "delivery/connector.h"
#include "domain/record.h"

namespace datasync::pipeline {

struct Subject;
struct Lane;

/// One field of a frozen change: what the target holds once it has acknowledged it.
struct SentField {
  FieldName name;
  RecordVersion version{};
  std::uint64_t hash = 0;  ///< as the target writes it
  bool echoed = false;     ///< the target told the same while it was on its way
  bool doubted =
      false;  ///< what the target holds of it is in doubt, because it spoke of it meanwhile and of nothing else
};

/// A change whose content is frozen: every request under its idempotency key says the same.
struct Attempt {
  delivery::Change change;
  std::vector<SentField> fields;
  Fields amounts;           ///< those that were converted, as the target is told them
  Timestamp started{};      ///< of its first request: what its target wrote later may have been overwritten by it
  Sequence newest{};        ///< the last event that it speaks for; its id is the key
  std::size_t covered = 0;  ///< how many of the outbox's waiting events, from the first, it speaks for
  bool unknown = false;     ///< the last request may have been applied: it is repeated before anything else is said
  bool alone = false;       ///< was refused in a batch: it is sent by itself, so that one bad change spoils no other
  bool goes_on = false;     ///< its next request is the next step of the same attempt, which is counted already
  int repeats = 0;          ///< how often the target asked for it in another form (`kRepeat`)
  /// Until then a request whose answer nobody heard may still arrive, also after the change has been acknowledged.
  SteadyTime arrives_until{};
};

/// All that one target still has to hear of one record: at most one change under way or parked, the rest waits for it.
struct Outbox {
  enum class Phase : std::uint8_t {
    kIdle,      ///< nothing to say
    kQueued,    ///< in its lane, to be sent when there is room
    kInFlight,  ///< a request is under way
    kParked,    ///< refused; waits for `due`
  };
  Subject* subject = nullptr;
  PlatformId target;
  Phase phase = Phase::kIdle;
  std::vector<Sequence> waiting;  ///< events whose result for this target is open, as they were reconciled
  std::unique_ptr<Attempt> attempt;
  int losses = 0;  ///< how often in a row the target had no such record
  Lane* lane = nullptr;
  std::multimap<SteadyTime, Outbox*>::iterator due{};  ///< valid while parked
};

/// A record in memory, with what is on its way to its targets. A stateless event is a subject of its own that is never
/// stored.
struct Subject {
  Record record;
  RecordVersion stored{};  ///< the version that the store holds; 0 before the first commit
  bool stateless = false;
  bool dirty = false;   ///< differs from the store
  bool touched = true;  ///< used since the cache's hand last passed
  std::vector<std::unique_ptr<Outbox>> outboxes;
  std::vector<Hash128> identities;  ///< by which the cache finds it

  [[nodiscard]] Outbox& outbox(const PlatformId& target);
  [[nodiscard]] Outbox* find_outbox(const PlatformId& target) noexcept;
  /// Something is under way, so it must stay in memory.
  [[nodiscard]] bool is_pinned() const noexcept;
};

}  // namespace datasync::pipeline
