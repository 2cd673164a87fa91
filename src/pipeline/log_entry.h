#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/uuid.h"
#include "pipeline/engine.h"

namespace datasync::pipeline {

/// The id of an event that came without one: under an Idempotency-Key always the same, so that whoever repeats his
/// request has the id of the event that there will be, also where nobody can know yet that it came before.
[[nodiscard]] EventId id_of_logged(const Submission& submission, UuidGenerator& uuids);

/// A submission as an entry of a log: what whoever looks there may read as headers, all else in an envelope, as a store
/// keeps it.
struct LogEntry {
  std::vector<std::pair<const char*, std::string>> headers;
  std::string value;
};

/// The event has an id and an accept time.
[[nodiscard]] LogEntry write_log_entry(const Submission& submission);

/// `header` finds one by its name, or none. Errors: `kCorrupt`, with what is wrong, for what was not written by
/// `write_log_entry`.
template <typename Header>
[[nodiscard]] Result<Submission> read_log_entry(Header header, std::string_view value);

/// The same with the headers in the order of `kLogHeaders`.
inline constexpr std::array<const char*, 8> kLogHeaders{"id",     "tenant_id", "event_type", "entity_type",
                                                        "source", "priority",  "accepted",   "idempotency_key"};
[[nodiscard]] Result<Submission> read_log_entry(std::array<std::string, kLogHeaders.size()> headers,
                                                std::string_view value);

template <typename Header>
Result<Submission> read_log_entry(Header header, std::string_view value) {
  std::array<std::string, kLogHeaders.size()> found;
  for (std::size_t i = 0; i < found.size(); ++i) found[i] = header(kLogHeaders[i]).value_or(std::string());
  return read_log_entry(std::move(found), value);
}

}  // namespace datasync::pipeline
