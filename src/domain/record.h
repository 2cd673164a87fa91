#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "domain/event.h"
#include "domain/value.h"

namespace datasync {

/// A microsecond clock that follows events instead of machines: max(event time, the field's last time + 1). Compared
/// exactly; ties go to platform priority, then to the platform's name.
/// Source: Kulkarni et al., Logical Physical Clocks (2014), with the counter folded into the microseconds.
struct HybridTime {
  std::int64_t microseconds = 0;
  auto operator<=>(const HybridTime&) const = default;
};

/// The field that a delete changes; its value is `true` on a tombstone.
inline const FieldName kDeletedField = "_deleted";

/// What a review is about where a person must say which record an event speaks of. No record has a field of that name.
inline const FieldName kIdentityField = "_identity";

/// What a review is about where a platform keeps two records in one copy of its own. No record has a field of that
/// name.
[[nodiscard]] FieldName copy_field_of(const PlatformId& platform);
[[nodiscard]] bool is_copy_field(const FieldName& field) noexcept;
struct Hold;
struct Record;
/// The record's hold of that name; null if there is none.
[[nodiscard]] const Hold* find_copy_hold(const Record& record, const PlatformId& platform) noexcept;

/// The golden value of one field, who wrote it and when.
struct FieldState {
  FieldName name;  ///< canonical
  Value value;
  PlatformId writer;
  HybridTime time;
  RecordVersion version{};                     ///< the record version that last changed it
  Sequence event{};                            ///< the event that wrote it; its history row holds what it overwrote
  Timestamp source_time{};                     ///< event time of that write: what the writer's older events are told by
  std::optional<std::int64_t> source_version;  ///< the writer's own rising number, if it sent one
  bool operator==(const FieldState&) const = default;
};

/// That a platform holds a value of one field, by its own write or by an acknowledged delivery.
struct KnownValue {
  FieldName field;
  RecordVersion version{};  ///< 0: not the golden value
  std::uint64_t hash = 0;   ///< of the value as this platform writes it (`Mapper::held_hash`); 0: in doubt
  Timestamp acknowledged{};
  bool operator==(const KnownValue&) const = default;
};

/// A platform's own id of the record. `role` is empty for the record itself; GraphQL platforms know others too
/// (`variant`).
struct OwnId {
  std::string role;
  std::string id;
  bool operator==(const OwnId&) const = default;
};

/// The role of the id of a copy that its platform told us of beside the present one, and of whose end we heard nothing.
/// Nothing is asked of such a copy unless the present one is gone.
inline constexpr std::string_view kBesideRole = "_beside";

/// Whether one of them is the record's own, and not only a part's.
[[nodiscard]] bool names_record(const std::vector<OwnId>& ids) noexcept;

/// What a change that is on its way to a platform says. Its values need not be noted: they are the record's in that
/// version, by its history; but for amounts, since the rate of exchange may be another one by then.
struct FrozenWords {
  RecordVersion version{};
  Verb verb = Verb::kUpdated;
  std::vector<FieldName> fields;
  std::vector<OwnId> ids;  ///< that it names; none: those of the present copy; an empty one: none of the record itself
  Fields amounts;          ///< those of `fields` that were converted, as the platform was told them
  bool operator==(const FrozenWords&) const = default;
};

/// All that we know of one platform's copy of the record.
struct Knowledge {
  PlatformId platform;
  std::vector<OwnId> ids;  ///< oldest first; of several with one role the newest is used outward; empty: not known
  std::vector<KnownValue> values;
  /// Values that it held within the last 24 h before the present ones, two of a field at most, oldest first; a late
  /// event may still echo them.
  std::vector<KnownValue> earlier;
  std::vector<FrozenWords> frozen;  ///< of the change that is under way; one at most
  RecordVersion told{};             ///< the highest that it was told, as far as `values` no longer say so
  RecordVersion told_again{};       ///< it was told this one, and then more under it: to know it says little

  [[nodiscard]] const KnownValue* find(const FieldName& field) const noexcept;
  /// What is known of the field or, where nothing is, of the copy as a whole.
  [[nodiscard]] const KnownValue* find_last_contact(const FieldName& field) const noexcept;
  /// Notes that the platform now holds `value`; what it held before moves to `earlier`.
  void hold(KnownValue value);
  /// What is in doubt of the field is not: the platform still holds what it held before. Where that is not known, it
  /// stays in doubt.
  void end_doubt(const FieldName& field);
  /// The newest id of that role; empty if none.
  [[nodiscard]] std::string_view own_id(std::string_view role = {}) const noexcept;
  /// True if this is news.
  bool learn_id(std::string_view role, std::string_view id);
  /// The present copy of the record itself has none of the ids that are known; those name former ones.
  void forget_own_id();
  /// The ids that name the present copy and its parts: all, but those of copies beside it, and those of former ones
  /// where its own is not known.
  [[nodiscard]] std::vector<OwnId> present_ids() const;
  bool operator==(const Knowledge&) const = default;
};

/// Finds what is known of many fields, one after the other: at once where values stand in the order in which they are
/// asked for, as they mostly do. Lifetime: the knowledge stays as it is meanwhile.
class KnowledgeCursor {
 public:
  /// `known` may be null: nothing is known.
  explicit KnowledgeCursor(const Knowledge* known) noexcept : known_(known) {}
  [[nodiscard]] const KnownValue* find(const FieldName& field) noexcept {
    if (known_ == nullptr) return nullptr;
    if (next_ < known_->values.size() && known_->values[next_].field == field) return &known_->values[next_++];
    const KnownValue* value = known_->find(field);
    if (value != nullptr) next_ = static_cast<std::size_t>(value - known_->values.data()) + 1;
    return value;
  }

 private:
  const Knowledge* known_;
  std::size_t next_ = 0;
};

/// A field that waits for a person: nobody is told of it, and its golden value stays until the review is decided.
struct Hold {
  /// One platform's proposal; its value stands in the review.
  struct Candidate {
    PlatformId platform;
    Sequence event{};
    Timestamp source_time{};                     ///< what the platform's older events are told by, as in `FieldState`
    std::optional<std::int64_t> source_version;  ///< the same
    bool operator==(const Candidate&) const = default;
  };
  FieldName field;
  std::string review;                 ///< id of the open conflict
  std::vector<Candidate> candidates;  ///< one a platform, in the order in which they came
  bool operator==(const Hold&) const = default;
};

/// A person has said that a record is the same thing as another one.
struct MergedInto {
  RecordKey record{};
  Sequence event{};  ///< by which the other one took over what it lacked
  bool operator==(const MergedInto&) const = default;
};

/// A field that a platform held and no longer says, though it sends whole records. Its golden value stays.
struct MissingField {
  PlatformId platform;
  FieldName field;
  std::string conflict;                        ///< that tells of it
  Timestamp since{};                           ///< event time of the first event without it
  std::optional<std::int64_t> source_version;  ///< of that event
  bool operator==(const MissingField&) const = default;
};

/// The one truth about one entity of one tenant.
struct Record {
  RecordKey key{};
  TenantId tenant;
  std::string entity;
  EntityId id;  ///< canonical: the same on every platform
  RecordVersion version{};
  Timestamp created_at{};
  Timestamp updated_at{};
  std::vector<FieldState> fields;  ///< sorted by name
  std::vector<Knowledge> knowledge;
  std::vector<Hold> holds;            ///< one a field
  std::vector<MissingField> missing;  ///< one a platform and field
  /// Whatever finds this record finds that one. Its fields and copies stay as they were, so that both can be parted.
  std::optional<MergedInto> merged_into;
  std::vector<EntityId> absorbed;  ///< those that were merged into this one, in their order
  /// By its last merge, or by the split that made it a record of its own again. A lower number that a platform names
  /// may be one of the other record.
  RecordVersion joined{};

  [[nodiscard]] const Hold* find_hold(const FieldName& field) const noexcept;
  [[nodiscard]] Hold* find_hold(const FieldName& field) noexcept;
  [[nodiscard]] const FieldState* find(const FieldName& field) const noexcept;
  [[nodiscard]] FieldState& at_or_new(const FieldName& field);
  [[nodiscard]] const Knowledge* known_by(const PlatformId& platform) const noexcept;
  [[nodiscard]] Knowledge& knowledge_of(const PlatformId& platform);
  [[nodiscard]] bool is_deleted() const noexcept;
  bool operator==(const Record&) const = default;
};

/// One overwritten value: the base for three-way merge, undo and explain. `FieldState::event` of the new value names
/// the history row; `previous.event` of the old one names the row before it: a chain back to the creation.
struct HistoryEntry {
  Sequence event{};  ///< the event that overwrote
  RecordKey record{};
  TenantId tenant;
  RecordVersion version{};  ///< the record version that the event made
  std::vector<FieldState> overwritten;
};

/// A difference that was concurrent, or that a rule sent to a person, and how it was settled. Names as on the wire.
struct Conflict {
  std::string id;    ///< UUIDv7
  std::string type;  ///< `concurrent_update`, …
  TenantId tenant;
  RecordKey record{};
  std::string entity;
  EntityId entity_id;
  Sequence event{};
  EventId event_id;
  PlatformId source;  ///< the platform of the incoming change
  PlatformId target;  ///< the writer of the golden value
  enum class Outcome : std::uint8_t {
    kTarget,  ///< the golden value stayed
    kSource,  ///< the incoming value survived
    kMerged,  ///< both gave way to another one
    kOpen,    ///< a person has yet to decide
  };
  struct Side {
    std::string field;
    Value source_value;
    Value target_value;
    std::string strategy;
    Outcome outcome = Outcome::kTarget;
    std::optional<Value> base;    ///< what both were made from, where that is known
    std::optional<Value> merged;  ///< kMerged: what survived; kOpen: what is suggested, if anything is
    PlatformId platform;          ///< whose `source_value` it is
    EventId event;                ///< that brought it
    bool operator==(const Side&) const = default;
  };
  /// Of a review: one field, and a side for each platform that proposes another value for it.
  std::vector<Side> fields;
  std::string status;         ///< `open` or `resolved`
  std::string reason;         ///< of a review: why a person must decide
  std::int64_t revision = 1;  ///< grows with each change of an open review
  std::string assignee;       ///< of a review: who is to decide; empty: anybody
  /// Of a review: when it decides itself, and how: kTarget, or kSource if one platform alone proposes something then.
  std::optional<Timestamp> expires_at;
  Outcome expires_to = Outcome::kTarget;
  RecordVersion version{};
  Timestamp created_at{};
  std::optional<Timestamp> resolved_at;
  std::string resolved_by;   ///< who decided, as the token says; empty: no person
  std::string resolved_why;  ///< the person's reason
  EventId resolved_event;    ///< the event that told the platforms; empty: no person
};

/// `target`, `source`, `merged`, `open`.
[[nodiscard]] std::string_view to_string(Conflict::Outcome outcome) noexcept;

}  // namespace datasync
