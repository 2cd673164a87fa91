#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/ids.h"
#include "base/time.h"
#include "domain/value.h"

namespace datasync {

/// What happened to the entity. `kUpdated` is also what a word we don't know by heart means (`analytics_updated`).
enum class Verb : std::uint8_t { kCreated, kUpdated, kDeleted };
[[nodiscard]] std::string_view to_string(Verb verb) noexcept;  ///< `created`

/// `user_created` split into what and how. None if there is no `_created`, `_updated` or `_deleted` at the end.
struct EventType {
  std::string entity;
  Verb verb = Verb::kUpdated;
};
[[nodiscard]] std::optional<EventType> parse_event_type(std::string_view text);

/// The four queues. On the wire an integer 1–10: 1 critical, 2–3 high, 4–6 normal, 7–10 low.
enum class Priority : std::uint8_t { kCritical, kHigh, kNormal, kLow };
inline constexpr std::size_t kPriorityCount = 4;
inline constexpr int kWirePriorityDefault = 5;
[[nodiscard]] std::string_view to_string(Priority priority) noexcept;
/// `wire` must be 1..10.
[[nodiscard]] Priority priority_of_wire(int wire) noexcept;
/// The wire number of a name (`critical` 1, `high` 2, `normal` 5, `low` 8); none for another word.
[[nodiscard]] std::optional<int> wire_of_priority_name(std::string_view name);

/// How far an event is as a whole; the fold of its results (`fold_status`).
enum class EventStatus : std::uint8_t { kPending, kProcessing, kCompleted, kFailed, kRetry, kReview, kExpired };
[[nodiscard]] std::string_view to_string(EventStatus status) noexcept;
[[nodiscard]] std::optional<EventStatus> parse_event_status(std::string_view text);
/// Nothing more will happen to it by itself.
[[nodiscard]] constexpr bool is_final(EventStatus status) noexcept {
  return status == EventStatus::kCompleted || status == EventStatus::kFailed || status == EventStatus::kExpired;
}

/// How far one target is with one event.
enum class ResultStatus : std::uint8_t { kPending, kCompleted, kFailed, kRetry, kReview, kSkipped };
[[nodiscard]] std::string_view to_string(ResultStatus status) noexcept;
[[nodiscard]] std::optional<ResultStatus> parse_result_status(std::string_view text);

/// The event as it was accepted. `data` has the source platform's own field names and values, untouched.
struct Event {
  Sequence sequence{};  ///< the store's order; 0 until accepted
  EventId id;
  TenantId tenant;
  std::string type;    ///< `user_created`
  std::string entity;  ///< `user`
  Verb verb = Verb::kUpdated;
  PlatformId source;
  std::vector<PlatformId> targets;  ///< as sent, each once; may name the source
  Fields data;

  std::string user_id;  ///< who did it, as the client says; empty if not sent
  EntityId entity_id;   ///< canonical id, if the client sent one
  std::string own_id;   ///< `data.id` after mapping: the source platform's id of the entity; empty if none
  int wire_priority = kWirePriorityDefault;
  std::optional<std::int64_t> version;       ///< the source platform's own rising number
  std::optional<std::int64_t> base_version;  ///< the record version that the change was made on
  std::optional<Timestamp> occurred_at;
  std::optional<Timestamp> expires_at;
  std::optional<int> max_retries;
  std::string correlation_id;
  std::string traceparent;  ///< W3C trace context of the request, if it had one
  Fields metadata;          ///< what the client called metadata, and every field that we do not know
  Timestamp created_at{};   ///< accept time

  std::uint64_t order_key = 0;  ///< hash of (tenant, entity, entity_id else source + own id); equal keys are in order

  [[nodiscard]] Priority priority() const noexcept { return priority_of_wire(wire_priority); }
};

/// min(occurred_at, accept time + 2 s), else accept time: a client's clock may lag as it likes but not run ahead.
[[nodiscard]] Timestamp event_time(const Event& event) noexcept;

/// The order key of an event; its parts are length-prefixed, so no two different triples are written alike.
[[nodiscard]] std::uint64_t order_key_of(const Event& event);

/// What makes two events with one id the same: type, platforms, entity_id, base_version and data, as parsed JSON.
[[nodiscard]] Hash128 content_hash_of(const Event& event);

/// How one event fares with one target.
struct DeliveryResult {
  PlatformId target;
  ResultStatus status = ResultStatus::kPending;
  int attempts = 0;
  int redrive = 0;               ///< how often other words were said than before; part of the idempotency key from 1 on
  int moved_on = 0;              ///< how often the target answered that its state is another one (409, 412)
  bool outcome_unknown = false;  ///< the last attempt may or may not have been applied
  RecordVersion
      sent_version{};  ///< record version whose content is frozen under the idempotency key; 0 before attempt 1
  std::optional<Timestamp> first_attempt_at;
  std::optional<Timestamp> next_attempt_at;
  std::optional<Timestamp> processed_at;
  std::string error_message;  ///< fit for an operator: says who refused and why; empty when all is well

  bool operator==(const DeliveryResult&) const = default;
};

/// All that changes about an event after it was accepted. One narrow row.
struct EventState {
  Sequence sequence{};
  EventStatus status = EventStatus::kPending;
  RecordKey record{};  ///< 0 until reconciled, and for stateless events
  std::optional<Timestamp> processed_at;
  std::string message;  ///< why the event as a whole failed or expired
  std::vector<DeliveryResult> results;

  bool operator==(const EventState&) const = default;
};

/// First that fits: pending while a result is pending, retry, review, failed, completed.
[[nodiscard]] EventStatus fold_status(const std::vector<DeliveryResult>& results) noexcept;

}  // namespace datasync
