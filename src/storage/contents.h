#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "domain/event.h"
#include "domain/record.h"
#include "storage/store.h"

namespace datasync::storage {

/// What is said of a database whose import has not come to its end.
inline constexpr std::string_view kUnfinishedImport =
    "an import into this database was cut short: delete what is in it, and import again";

/// An event with all that is kept under its sequence.
struct ContentEvent {
  StoredEvent stored;
  std::vector<Hash128> more_keys;  ///< besides its id
  std::optional<HistoryEntry> history;
};

/// What belongs to a store as a whole.
struct ContentMarks {
  std::string identity_secret;  ///< the links are hashes under it
  Sequence last_sequence{};     ///< the highest that was ever given out
  std::vector<LogPosition> log_positions;
};

/// All that a store holds, as of the moment when it was opened, page by page. Each `next_…` gives the next page; an
/// empty one says that there are no more.
///
/// Errors:  as `Reader`; a connection that is lost ends it.
/// Threads: one at a time.
class Contents {
 public:
  virtual ~Contents() = default;
  [[nodiscard]] virtual Result<ContentMarks> marks() = 0;
  [[nodiscard]] virtual Result<std::vector<LaneState>> lane_states() = 0;
  [[nodiscard]] virtual Result<std::vector<Record>> next_records() = 0;  ///< by key
  [[nodiscard]] virtual Result<std::vector<IdentityWrite>> next_identities() = 0;
  [[nodiscard]] virtual Result<std::vector<ContentEvent>> next_events() = 0;  ///< by sequence
  [[nodiscard]] virtual Result<std::vector<Conflict>> next_conflicts() = 0;   ///< oldest first
};

/// How many of each kind were written or read.
struct ContentCounts {
  std::int64_t events = 0;
  std::int64_t records = 0;
  std::int64_t identities = 0;
  std::int64_t conflicts = 0;
  std::int64_t lane_states = 0;
  bool operator==(const ContentCounts&) const = default;
};

}  // namespace datasync::storage
