#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "domain/event.h"
#include "domain/platform.h"
#include "domain/record.h"
#include "transform/mapping.h"

namespace datasync::transform {

struct EntityPlan;

/// A part of a value that came without the rest of it: a first name without the last, a currency without an amount.
/// Only the record can complete it (`Mapper::complete`).
struct LonePart {
  enum class Kind : std::uint8_t { kFirstName, kLastName, kCurrency };
  Kind kind = Kind::kFirstName;
  std::string field;  ///< the canonical field that it is a part of; empty for a currency: it is part of every amount
  std::string text;
  std::string pointer;  ///< where it stood: `/data/first_name`
};

/// What a platform's event says, in our words.
struct CanonicalChange {
  std::string own_id;  ///< the platform's id of the entity; empty if `data` has none
  Fields fields;       ///< canonical names; money is one value (`Money::to_value`); no id, no context blocks
  std::vector<LonePart> lone_parts;
};

/// What the context block of an outgoing change tells.
struct OutboundContext {
  EntityId entity_id;
  RecordVersion version{};
  PlatformId source;
  Timestamp time{};  ///< of the event, not of the attempt: the content under one idempotency key never changes
};

/// Turns platform words into canonical ones and back, by configuration alone. Immutable once made, so a reload makes a
/// new one and readers of the old one go on undisturbed. A platform or entity without configuration has canonical
/// names. Threads: any.
class Mapper {
 public:
  Mapper(Mapping mapping, RateTable rates);

  /// The same with other rates from the source. Cheap: all that is compiled is shared.
  [[nodiscard]] Mapper with_quotes(Quotes quotes) const;

  [[nodiscard]] const Mapping& mapping() const noexcept { return *mapping_; }
  [[nodiscard]] const RateTable& rates() const noexcept { return rates_; }

  /// Of several names for one canonical field the platform's own wins, then the parts of a split field, the canonical
  /// name, and last an alias. Context blocks and `_deleted` are dropped. An amount and `currency` become one value; the
  /// currency of an amount that comes without is the platform's. Errors: `kInvalid` with the JSON pointer (under
  /// `/data`) of a value that can't be read, such as an amount `abc`.
  [[nodiscard]] Result<CanonicalChange> to_canonical(const PlatformId& source, std::string_view entity,
                                                     const Fields& data) const;

  /// Settles `change.lone_parts` with what `record` holds, null if the entity is new: a lone first name replaces the
  /// first name of the record's. A currency that is already that of the amounts, as the source sees them, changes
  /// nothing. Errors: `kInvalid` for another currency: nobody can know whether it relabels or converts the amount.
  [[nodiscard]] Result<void> complete(const PlatformId& source, std::string_view entity, const Record* record,
                                      CanonicalChange& change) const;

  /// Adds the canonical values that a create gets where it has none: a lead's `source`. Null and "" count as none.
  void add_create_defaults(std::string_view entity, Fields& fields) const;

  /// The platform's own id alone, without mapping the rest; empty if there is none.
  [[nodiscard]] std::string own_id(const PlatformId& source, std::string_view entity, const Fields& data) const;

  /// Canonical fields in the target's names and shapes. `fields` may be any subset of the record's. What the target
  /// can't write is written too where it is given, since natural keys go along in any case: the caller asks `writable`.
  /// Errors: `kInvalid` where no rate of exchange is known between two currencies.
  [[nodiscard]] Result<Fields> to_platform(const PlatformId& target, std::string_view entity,
                                           const Fields& fields) const;
  /// Adds the target's id field and its `_platform_context` or `_sync_metadata`.
  void add_context(const PlatformId& target, std::string_view entity, std::string_view id,
                   const OutboundContext& context, Fields& data) const;

  /// How a platform reads and writes an entity: looked up once where many fields are asked for. Lives as the mapper
  /// does.
  [[nodiscard]] const EntityPlan& plan(const PlatformId& platform, std::string_view entity) const noexcept;

  /// Hash of one canonical value as the platform of `plan` writes it: equal for two values that it writes alike, so a
  /// value that comes back from the platform has the hash of the one that went out.
  [[nodiscard]] std::uint64_t held_hash(const EntityPlan& plan, std::string_view field, const Value& value) const;
  [[nodiscard]] std::uint64_t held_hash(const PlatformId& platform, std::string_view entity, std::string_view field,
                                        const Value& value) const {
    return held_hash(plan(platform, entity), field, value);
  }
  /// An amount as the platform of `plan` is told it at the rate of now, in its own currency; none for what is no
  /// amount, or is in that currency already. Written again it stays as it is, whatever the rate is by then.
  [[nodiscard]] std::optional<Value> amount_as_written(const EntityPlan& plan, std::string_view field,
                                                       const Value& value) const;
  /// False for fields that the platform of `plan` can't write; they are outside convergence. Some it takes with a
  /// create only, such as the lines of an order.
  [[nodiscard]] static bool writable(const EntityPlan& plan, std::string_view field, Verb verb = Verb::kUpdated);
  [[nodiscard]] bool writable(const PlatformId& platform, std::string_view entity, std::string_view field,
                              Verb verb = Verb::kUpdated) const {
    return writable(plan(platform, entity), field, verb);
  }

  /// The amount's worth in another currency, by the table of today.
  /// Errors: `kInvalid` where no rate is known.
  [[nodiscard]] Result<Money> worth_in(const Money& money, Currency currency) const;

  /// Canonical fields as clients of our API read them: money unfolded into a number and its `currency`.
  [[nodiscard]] Fields present(std::string_view entity, const Fields& fields) const;

  /// Names of the canonical fields that identify an entity of this kind (`email` of a user).
  [[nodiscard]] const std::vector<std::string>& natural_keys(std::string_view entity) const;
  /// The value of a natural key as it is compared: trimmed and in small letters; a number as its text; none if it is
  /// empty or anything else.
  [[nodiscard]] std::optional<std::string> normalised_key(std::string_view entity, std::string_view field,
                                                          const Value& value) const;

 private:
  struct Plans;
  std::shared_ptr<const Mapping> mapping_;
  RateTable rates_;
  std::shared_ptr<const Plans> plans_;
};

}  // namespace datasync::transform
