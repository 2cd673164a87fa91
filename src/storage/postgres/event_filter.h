#pragma once

#include <string>
#include <string_view>

#include "storage/postgres/parameters.h"
#include "storage/store.h"

namespace datasync::storage::postgres {

/// The columns that `read_event` reads, of `event_log e LEFT JOIN event_state s`.
inline constexpr std::string_view kEventColumns =
    "e.seq, e.tenant_id, e.event_id, e.event_type, e.entity_type, e.source_platform, e.priority, e.created_at, e.body, "
    "s.status, s.record_key, s.processed_at, s.message, s.results";

/// The sequences that fit a filter, as SQL for a sub-select with the one column `seq`, and its parameters.
///
/// The most selective table leads: for a status of `event_waiting` that one, else `event_log`, tenant by tenant, since
/// one scan over several tenants would have to choose between sorting all and skipping most.
class EventFilterSql {
 public:
  enum class Order : std::uint8_t { kNewestFirst, kOldestFirst, kNone };

  EventFilterSql(const Reader::EventFilter& filter, Parameters& parameters)
      : filter_(filter), parameters_(parameters) {}

  /// Only sequences above it. 0: all.
  Sequence above{};
  /// At most so many; negative: all of them.
  std::int64_t wanted = -1;
  /// Only what can be redriven: failed, retry, review, expired.
  bool redrivable = false;
  /// The shards as bits: only their tenants'. Empty: all.
  std::string_view part = {};

  [[nodiscard]] std::string build(Order order);

 private:
  std::string by_status(Order order);
  std::string by_log(Order order);
  std::string conditions(const std::string& seq);
  std::string tail(const std::string& seq, Order order) const;
  std::string integer(std::int64_t value);
  std::string text(std::string_view value);
  std::string tenants();

  const Reader::EventFilter& filter_;
  Parameters& parameters_;
  std::string limit_;
  std::string tenants_;
};

}  // namespace datasync::storage::postgres
