#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "pipeline/catalog.h"
#include "storage/store.h"

namespace datasync::pipeline {

/// What would have become of a stored history under two configurations.
struct WhatIf {
  /// Under one of them.
  struct Side {
    std::int64_t deliveries = 0;        ///< requests that would have been sent
    std::int64_t waits_for_person = 0;  ///< events of which something waits
    std::int64_t failed = 0;            ///< events that end without effect
    std::int64_t not_asked = 0;         ///< decisions of people about what nobody asked
  };
  /// Something that differs. Values are personal: whoever shows them decides to.
  struct Example {
    TenantId tenant;
    std::string entity;
    EntityId id;        ///< canonical
    PlatformId target;  ///< of a delivery; empty: the golden record
    struct Difference {
      std::string field;                   ///< canonical, of a delivery the target's own
      std::optional<Value> now, proposed;  ///< none: not there
    };
    std::vector<Difference> fields;  ///< the first few; none: what it says is not known any more
  };
  std::int64_t events = 0;
  std::int64_t records = 0;  ///< that they touch
  Side now, proposed;
  std::int64_t records_differ = 0, deliveries_differ = 0;
  std::map<std::string, std::int64_t> by_field;     ///< `lead.status`: records whose golden value differs
  std::map<std::string, std::int64_t> by_platform;  ///< deliveries that differ
  std::map<std::string, std::int64_t> by_sent;      ///< `bizosaas lead.lead_status`: deliveries, by what they say
  std::vector<Example> record_examples, delivery_examples;

  [[nodiscard]] bool differs() const noexcept {
    return records_differ > 0 || deliveries_differ > 0 || now.waits_for_person != proposed.waits_for_person ||
           now.failed != proposed.failed;
  }
};

struct WhatIfOptions {
  Timestamp since{};                 ///< by accept time, inclusive
  Sequence until{};                  ///< the last event
  storage::Reader::Tenants tenants;  ///< none: all
  std::size_t examples_max = 10;     ///< of either kind
  /// Told now and then: so many events are done, and which share of all.
  std::function<void(std::int64_t events, double share)> progress = {};
};

struct WhatIfParts {
  storage::Reader& reader;
  const std::string& identity_secret;  ///< of the store that `reader` reads
  storage::Store& scratch_now;         ///< empty throw-away stores
  storage::Store& scratch_proposed;
};

/// Plays the events since then twice, side by side: see `Replay`, and `Past` for how records begin.
///
/// Memory:  some hundred bytes for each record that differs, some for each delivery that is under way or differs, and
///          16 bytes for each record; all else is in the stores.
/// Errors:  of the stores.
/// Threads: one.
[[nodiscard]] Result<WhatIf> what_if(const WhatIfParts& parts, const std::shared_ptr<const Catalog>& now,
                                     const std::shared_ptr<const Catalog>& proposed, const WhatIfOptions& options);

}  // namespace datasync::pipeline
