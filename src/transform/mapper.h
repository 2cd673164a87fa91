#pragma once

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

/// What a platform's event says, in our words.
struct CanonicalChange {
  std::string own_id;  ///< the platform's id of the entity; empty if `data` has none
  Fields fields;       ///< canonical names; money is one value (`Money::to_value`); no id, no context blocks
};

/// What the context block of an outgoing change tells.
struct OutboundContext {
  EntityId entity_id;
  RecordVersion version{};
  PlatformId source;
  Timestamp time{};  ///< of the event, not of the attempt: the content under one idempotency key never changes
};

/// Turns platform words into canonical ones and back, by configuration alone. Immutable once made, so a reload makes a new
/// one and readers of the old one go on undisturbed.
/// Threads: any.
class Mapper {
 public:
  Mapper(Mapping mapping, RateTable rates);

  [[nodiscard]] const Mapping& mapping() const noexcept { return mapping_; }

  /// Errors: `kInvalid` with the JSON pointer (under `/data`) of a value that can't be read, such as an amount `abc`.
  [[nodiscard]] Result<CanonicalChange> to_canonical(const PlatformId& source, std::string_view entity,
                                                     const Fields& data) const;

  /// The platform's own id alone, without mapping the rest; empty if there is none.
  [[nodiscard]] std::string own_id(const PlatformId& source, std::string_view entity, const Fields& data) const;

  /// Canonical fields in the target's names and shapes. `fields` may be any subset of the record's.
  /// Errors: `kInvalid` where no rate of exchange is known between two currencies.
  [[nodiscard]] Result<Fields> to_platform(const PlatformId& target, std::string_view entity, const Fields& fields) const;
  /// Adds the target's id field and its `_platform_context` or `_sync_metadata`.
  void add_context(const PlatformId& target, std::string_view entity, std::string_view id, const OutboundContext& context,
                   Fields& data) const;

  /// Hash of one canonical value after the target's own round trip: equal for two values that the target writes alike.
  [[nodiscard]] std::uint64_t held_hash(const PlatformId& platform, std::string_view entity, std::string_view field,
                                        const Value& value) const;
  /// False for fields that the platform can't write; they are outside convergence.
  [[nodiscard]] bool writable(const PlatformId& platform, std::string_view entity, std::string_view field) const;

  /// Canonical fields as clients of our API read them: money unfolded into a number and its `currency`.
  [[nodiscard]] Fields present(std::string_view entity, const Fields& fields) const;

  /// Names of the canonical fields that identify an entity of this kind (`email` of a user).
  [[nodiscard]] const std::vector<std::string>& natural_keys(std::string_view entity) const;
  /// The value of a natural key as it is compared: trimmed and in small letters; none if it is empty or no string.
  [[nodiscard]] std::optional<std::string> normalised_key(std::string_view entity, std::string_view field,
                                                          const Value& value) const;

 private:
  Mapping mapping_;
  RateTable rates_;
};

}  // namespace datasync::transform
