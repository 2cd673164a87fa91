#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "domain/event.h"
#include "net/unique_function.h"
#include "pipeline/catalog.h"
#include "pipeline/notice.h"
#include "storage/store.h"

namespace datasync::net {
class HttpSender;
}
namespace datasync {
class Random;
}

namespace datasync::pipeline {

struct Preview;

/// One event on its way in. `api/` has read and validated it: the platforms exist, the entity is known, the order key
/// and the own id are set.
struct Submission {
  std::shared_ptr<Event> event;  ///< without an id the engine makes one
  std::string idempotency_key;   ///< of the request; empty if it had none
};

/// What became of one submission.
struct Receipt {
  enum class Status : std::uint8_t {
    kCreated,
    kDuplicate,
    kMismatch,
    kRefused,   ///< of a batch: this one could not be kept now, and may be sent again
    kTooLarge,  ///< it never will be kept, as `why` says
  };
  Status status = Status::kCreated;
  EventId id;            ///< of the event itself, or of the first one under its id or key; too large: the client's own
  std::string why = {};  ///< for the client
};
using AcceptCallback = net::UniqueFunction<void(Result<std::vector<Receipt>>)>;

/// What became of a redrive. `kNotFound` where there is no such event among the tenants, `kInvalid` where it is neither
/// failed nor waiting.
struct Redriven {
  std::int64_t matched = 0;
  std::int64_t queued = 0;
};
using RedriveCallback = net::UniqueFunction<void(Result<Redriven>)>;

/// The source of events that a person's decisions make, and the writer of merged values; no platform may have that
/// name.
inline const PlatformId kReviewer{"data-sync"};

/// What a person decides about an open review.
struct ReviewDecision {
  enum class Choice : std::uint8_t {
    kSource,  ///< the value that waits
    kTarget,  ///< the golden value stays
    kMerged,  ///< another one, in `data`
    kAssign,  ///< nothing yet: `assignee` is to decide
  };
  storage::Reader::Tenants tenants;  ///< whose conflicts the caller may touch; none: all
  std::string conflict;
  Choice choice = Choice::kTarget;
  PlatformId platform;                   ///< kSource: whose value, where several platforms propose one
  EventId proposal;                      ///< instead: the event that brought it. kTarget: only this one is declined
  Fields data;                           ///< kMerged: the field under its canonical name
  std::optional<std::int64_t> revision;  ///< of the conflict as the person saw it
  EntityId entity_id;                    ///< kTarget, of a review about identity: which record it is
  std::string assignee;                  ///< kAssign; empty: anybody
  std::string by, reason;
};
using ReviewCallback = net::UniqueFunction<void(Result<Conflict>)>;

/// A person says that two records are one thing, or no longer says so.
struct MergeRequest {
  enum class Kind : std::uint8_t {
    kMerge,  ///< `other` becomes part of `keep`
    kSplit,  ///< it was, and becomes a record of its own again
  };
  Kind kind = Kind::kMerge;
  TenantId tenant;
  std::string entity;
  EntityId keep, other;         ///< canonical
  std::vector<FieldName> take;  ///< kMerge: fields whose value of `other` counts, though `keep` has one; canonical
  bool newest = false;          ///< kMerge: so does every newer value of `other` but for natural keys
  std::string review;           ///< kMerge: the open one that it decides; empty: none
  std::string by, reason;
};
/// The id of the event by which `keep` tells the platforms, and of a split that of `other`.
struct Merged {
  EventId event, other_event;
  /// Platforms where each has a copy: the one of `other` is not kept up any more.
  std::vector<std::pair<PlatformId, std::string>> duplicates;
};
using MergeCallback = net::UniqueFunction<void(Result<Merged>)>;

/// A person takes back what an event has changed.
struct UndoRequest {
  storage::Reader::Tenants tenants;
  std::string event_id;
  std::string by, reason;
};
/// The id of the event that does it.
using UndoCallback = net::UniqueFunction<void(Result<EventId>)>;

struct EngineOptions {
  microseconds window{1'500};             ///< how long a commit waits for company while there is load
  std::size_t window_events_max = 2'000;  ///< events accepted or reconciled in one transaction
  /// So many events and answers are worth a window of their own beside the transaction of the one before, and one that
  /// writes so many is not waited for, where the store is far.
  std::size_t beside_min = 32;
  std::size_t inbox_max = 50'000;        ///< submissions that wait for a window; more is `kOverloaded`
  std::size_t unfinished_max = 100'000;  ///< events in memory that are not final; more is `kOverloaded`
  /// Events in memory beyond which what waits for platforms waits in the store.
  std::size_t events_in_memory_max = 20'000;
  std::size_t records_cached = 20'000;  ///< golden records kept in memory
  milliseconds batch_wait{50};          ///< how long a started batch waits for company while another is under way
  int retry_attempts = 3;               ///< quick retries
  double backoff_factor = 2.0;
  milliseconds request_timeout{30'000};      ///< so long a request whose answer nobody heard may still arrive
  std::size_t lane_concurrency_max = 100;    ///< requests of one tenant to one platform under way at once
  std::size_t lane_concurrency_start = 1;    ///< how many of them before anything is known of the platform
  std::size_t origin_concurrency_max = 100;  ///< requests to one origin under way at once
  std::chrono::hours retention{24 * 30};
  std::string verification_link;  ///< where a person answers, up to the token; empty: no link
};

/// How the engine stands; a copy, a moment old.
struct EngineSnapshot {
  std::array<std::size_t, kPriorityCount> waiting{};  ///< accepted, not reconciled
  std::size_t unfinished = 0;                         ///< events that are not final
  std::size_t set_aside = 0;                          ///< of them: wait in the store, since memory has no room
  std::size_t pending = 0, retry = 0;                 ///< deliveries queued or under way; deliveries parked
  std::size_t in_flight = 0;                          ///< requests under way
  /// Why the changes of some tenants to one platform wait, or end at once.
  struct Suspension {
    enum class Reason : std::uint8_t {
      kGone,          ///< it serves `entity` and `verb` no longer (410): dead letters until one is redriven
      kUnauthorized,  ///< it refuses our credential: they are tried again at `until`
      kAskedToWait,   ///< it has said `Retry-After`: they go on at `until`
    };
    Reason reason = Reason::kGone;
    std::string entity;  ///< kGone only, as `verb`
    Verb verb = Verb::kUpdated;
    std::size_t tenants = 0;
    std::optional<Timestamp> since, until;  ///< the first that began, the last that ends
  };
  struct PlatformState {
    PlatformId platform;
    double health = 1.0;  ///< share of good attempts in the last minutes, 0..1
    std::string circuit;  ///< `closed`, `open`, `half_open`
    std::size_t queued = 0, in_flight = 0, parked = 0;
    std::optional<Timestamp> paused_until = {};  ///< it has asked several tenants to wait: all do
    std::vector<Suspension> suspended = {};
  };
  std::vector<PlatformState> platforms;
  bool store_healthy = true;
  std::string store_message;  ///< why not
};

/// `gone`, `unauthorized`, `asked_to_wait`.
[[nodiscard]] std::string_view to_string(EngineSnapshot::Suspension::Reason reason) noexcept;

/// Runs accept → reconcile → deliver in windows. Everything that one window accepts, reconciles and learns becomes
/// durable in one transaction; only then are clients answered, deliveries sent and listeners told.
///
/// A transaction that fails is a crash without the process dying: memory is dropped and rebuilt from the store, clients
/// get `kUnavailable`, and deliveries that were under way are repeated under their idempotency keys.
///
/// Where instances share the store, it works on the tenants that are its own (`storage::Shares`) and answers `kMoved`
/// for others; so it does for a window that was refused because another instance has taken over. When its part changes,
/// it sends nothing new until what is under way is answered, and takes up what is unfinished of its new part.
///
/// Lifetime: everything given to the constructor is borrowed and outlives the engine.
/// Threads:  accept, redrive, decide, undo, preview, snapshot and set_catalog from any; the rest belongs to the one
/// thread that runs it.
class Engine {
 public:
  struct Parts {
    storage::Store& store;
    net::HttpSender& sender;
    const Clock& clock;
    Random& random;
    NoticeSink& notices;
    /// A platform refuses our credential: who can get a fresh one sets a catalog with it. At most once in 5 minutes for
    /// each account. Runs on the engine's thread and must not block. Empty: nobody can.
    std::function<void(const PlatformId&)> credential_refused = {};
  };
  Engine(Parts parts, std::shared_ptr<const Catalog> catalog, EngineOptions options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Durable when the callback says so. The callback runs on the engine's thread and must not block.
  /// Errors: `kOverloaded` (a queue is full) and `kUnavailable` (the store): both mean later, and nothing was kept.
  void accept(std::vector<Submission> submissions, AcceptCallback callback);

  /// The same for events that come from a log, together with how far it was taken: both become durable at once.
  void accept_logged(std::vector<Submission> submissions, std::vector<storage::LogPosition> positions,
                     AcceptCallback callback);

  /// Tries one event again, or all that match.
  void redrive(storage::Reader::Tenants tenants, std::string event_id, RedriveCallback callback);
  void redrive(storage::Reader::EventFilter filter, RedriveCallback callback);

  /// Carries out what a person decided. The conflict as it is from then on, durable when the callback says so.
  /// Errors: `kNotFound`; `kConflict` where it is resolved already or has moved on; `kInvalid` with the JSON pointer of
  /// what is wrong; `kOverloaded` and `kUnavailable` as in `accept`.
  void decide(ReviewDecision decision, ReviewCallback callback);

  /// Takes back what an event has changed, by an event of its own; durable when the callback says so.
  /// Errors: `kNotFound`; `kConflict` with the reason where the record has moved on; as in `accept`.
  void undo(UndoRequest request, UndoCallback callback);
  /// Merges two records, or parts them again. Errors: `kNotFound`; `kInvalid` with the pointer; `kConflict` with the
  /// reason, where they can't be now.
  void merge(MergeRequest request, MergeCallback callback);

  /// What would become of an event now, were `catalog` in force; see `pipeline/preview.h`. Runs on the caller's thread.
  [[nodiscard]] Result<Preview> preview(storage::Reader& reader, std::shared_ptr<Event> event,
                                        std::shared_ptr<const Catalog> catalog) const;

  [[nodiscard]] EngineSnapshot snapshot() const;
  /// Mapping, rules or connectors changed. Takes effect with the next window.
  void set_catalog(std::shared_ptr<const Catalog> catalog);

  /// Reads what is unfinished from the store. Once, before the first `step`.
  [[nodiscard]] Result<void> recover();
  /// The store's `Shares` want a change: the next window begins with it. Any thread.
  void wake();
  /// Runs one window over all that has come in. Returns when the next one has something to do even if nothing comes in.
  SteadyTime step();

  /// `recover()` and then windows until `stop()`, on a thread of its own.
  [[nodiscard]] Result<void> start();
  /// Accepts no more, waits until what is under way has been answered and stored or the deadline is over, ends the
  /// thread. True if nothing was left under way.
  bool stop(milliseconds deadline);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace datasync::pipeline
