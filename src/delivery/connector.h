#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "delivery/rate_limit.h"
#include "domain/event.h"
#include "domain/record.h"
#include "net/http_client.h"

namespace datasync::delivery {

/// One change on its way to one target. Its content is frozen when its first attempt begins: every attempt under the
/// same idempotency key says the same.
struct Change {
  std::string idempotency_key;
  EventId event;
  std::string event_type;  ///< the event's own: `user_updated`
  TenantId tenant;
  PlatformId source;
  PlatformId target;
  std::string user_id;
  std::string entity;
  Verb verb =
      Verb::kUpdated;  ///< what the target needs, not what the event says: an update of what it lacks is a create
  EntityId entity_id;  ///< canonical
  RecordVersion version{};
  Fields data;                   ///< in the target's names and shapes, with its id and its context block
  std::vector<OwnId> known_ids;  ///< the target's own ids by role, as far as known; grows with each step
  std::string traceparent;
  std::uint32_t steps_done = 0;  ///< as the last outcome said it, 0 at first; only the connector reads it
  /// An earlier attempt has or may have been applied: set it after `kRepeat` and `kUnknown`, whatever the verb.
  bool repeat_as_update = false;
};

/// What an attempt came to.
struct Outcome {
  enum class Kind : std::uint8_t {
    kDelivered,     ///< the target has it
    kStepDone,      ///< one step of several is done: send the next at once
    kRepeat,        ///< the target has the record already: learn its ids, set `repeat_as_update`, send again at once
    kRefused,       ///< seen refused, may be accepted later: 408, 425, 429, 5xx, connection refused
    kUnknown,       ///< cut or timed out after the request had begun: may or may not have been applied
    kRejected,      ///< refused for good: another 4xx, an error code of GraphQL that says so, a redirect
    kMovedOn,       ///< 409 or 412: the target's state is another than we thought; back to reconcile
    kUnauthorized,  ///< 401 or 403: the credential does not hold
    kGone,          ///< 410: this entity and verb are no longer served
  };
  Kind kind = Kind::kUnknown;
  std::string message;  ///< for the operator: who refused and why; no personal data beyond what the target wrote
  int http_status = 0;  ///< 0 without an answer
  std::optional<milliseconds> retry_after;
  std::vector<OwnId> learned;    ///< the target's ids that the answer told
  std::uint32_t steps_done = 0;  ///< the change's next `steps_done`, whatever the kind
  /// The target says that it has no such record, though we thought so (with `kRejected`): whoever forgets what it is
  /// known to hold can send a create.
  bool record_lost = false;
  /// The answer was about the request as a whole: of a batch, nothing is known of this change alone, so a rejected
  /// batch is sent again one by one.
  bool whole_request = false;
};

/// `delivered`, `step_done`, `repeat`, `refused`, …: as configuration, metrics and logs name it.
[[nodiscard]] std::string_view to_string(Outcome::Kind kind) noexcept;
[[nodiscard]] std::optional<Outcome::Kind> parse_outcome_kind(std::string_view text);

/// Whether the outcome of an attempt speaks against the origin, for its circuit breaker and its concurrency: no answer,
/// or a 5xx. A 4xx means that the platform is alive and said no.
[[nodiscard]] bool is_origin_failure(const Outcome& outcome) noexcept;

/// It is alive and wants to be asked later, at a time that it names: 429 and its like with a `Retry-After`.
[[nodiscard]] bool asks_to_wait(const Outcome& outcome) noexcept;

/// How one platform is spoken to. Builds requests and reads answers; sends nothing itself, knows no lane, no retry and
/// no clock. A new kind of platform is one file beside this one and one line in `connectors.h`. Threads: immutable;
/// any.
class Connector {
 public:
  virtual ~Connector() = default;

  [[nodiscard]] virtual const PlatformId& platform() const noexcept = 0;
  [[nodiscard]] virtual const net::Origin& origin() const noexcept = 0;
  /// Tells the accounts that we have at one origin apart, by a hash of the credential; 0 without one. What goes to one
  /// origin under one account shares its connections, its rate limit and its breaker.
  [[nodiscard]] virtual std::uint64_t account() const noexcept = 0;
  /// How often the account may call; none: as often as it is answered.
  [[nodiscard]] virtual std::optional<TokenBucket::Options> rate_limit() const noexcept = 0;
  /// False where the platform has no endpoint or document for it: the result is `skipped`.
  [[nodiscard]] virtual bool serves(std::string_view entity, Verb verb) const = 0;
  /// How many changes of that kind fit into one request; 1 where the platform has no bulk form.
  [[nodiscard]] virtual std::size_t batch_max(std::string_view entity, Verb verb) const = 0;
  /// Whether two changes of one entity and verb may share a request: a create that is repeated as an update shares none
  /// with a first attempt. It holds pairwise, so each further change need only be compared with the first.
  [[nodiscard]] virtual bool batches_with(const Change& first, const Change& next) const;

  /// The next request of these changes: all of one entity and verb, 1 to `batch_max` of them.
  /// `batch_key` is the idempotency key of the request as a whole where there are several.
  /// Errors:  `kInvalid` if a change can't be said to this platform (a variable without a value): it is a rejection.
  ///          `kNotFound` if nothing of it is left to say (no step of its plan needs its fields): it is delivered.
  ///          Of several changes the error spoils all: build them one by one.
  [[nodiscard]] virtual Result<net::ClientRequest> build(std::span<const Change* const> changes,
                                                         std::string_view batch_key) const = 0;

  /// One outcome per change, in their order. Trusts nothing in the answer.
  [[nodiscard]] virtual std::vector<Outcome> read(std::span<const Change* const> changes,
                                                  const Result<net::ClientResponse>& answer) const = 0;
};

}  // namespace datasync::delivery
