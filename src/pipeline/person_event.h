#pragma once

#include <memory>
#include <string>

#include "domain/event.h"
#include "domain/record.h"
#include "pipeline/catalog.h"

namespace datasync::pipeline {

/// Members of such an event's metadata: the canonical id of the record that was merged into this one, or parted from
/// it.
inline constexpr std::string_view kMerges = "merges";
inline constexpr std::string_view kParts = "parts";
/// Of an event of our own that changes nothing: why its target is told again what it may have lost.
inline constexpr std::string_view kRepairs = "repairs";

/// The event that tells all platforms what a person has made of a record: `said` is in it under the names of the
/// contract, `reason` in its metadata. It has no id and no sequence yet. Pure.
[[nodiscard]] std::shared_ptr<Event> event_of_person(const Catalog& catalog, const Record& record, const Fields& said,
                                                     const std::string& by, const std::string& reason);

/// The event of our own by which the target is told again what it may have lost of the record, and why. Pure.
[[nodiscard]] std::shared_ptr<Event> repair_of(const Record& record, const PlatformId& target, const std::string& why);

}  // namespace datasync::pipeline
