#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/hash.h"
#include "base/ids.h"
#include "domain/event.h"
#include "domain/record.h"
#include "storage/postgres/connection.h"
#include "storage/postgres/queries.h"

namespace datasync::storage::postgres {

/// The writing connection, and the right to write: shards that are leased to us under an epoch, which every transaction
/// checks.
///
/// A connection that is lost is made anew within the call that finds it so, once; that raises our epoch, so what the
/// former connection had under way is over by then, or will be refused. Each transaction leaves its number in the
/// lease: so one whose answer was lost is known to be committed, or is done again. Nobody has to guess.
///
/// Errors: `kUnavailable` where there is no connection, or the database has lost transactions that it acknowledged (a
///         standby that lagged was promoted): then the next call works on what is left. Where a transaction's outcome
///         could not be learned any more, the stage is `kDuring`; the next call that succeeds has learned it, and the
///         marks tell. `kConflict` once another one has taken the lease.
/// Threads: one at a time.
class Lease final : public Link {
 public:
  /// What the database holds; read whenever a connection is made.
  struct Marks {
    Sequence last_sequence{};
    RecordKey last_record_key{};
    Sequence low_water{};
    std::int64_t bytes = 0;
  };

  Lease(Location location, std::string instance);

  /// Makes or migrates the schema, and takes all shards.
  [[nodiscard]] Result<void> take();
  /// Runs the steps in one transaction, and returns when it is durable.
  [[nodiscard]] Outcome<void> transact(std::span<const Step> steps);
  [[nodiscard]] Result<Answer> read(const Sql& sql, const Parameters& parameters) override;

  [[nodiscard]] std::int64_t epoch() const noexcept { return epoch_; }
  [[nodiscard]] const std::string& secret() const noexcept { return secret_; }
  [[nodiscard]] Marks& marks() noexcept { return marks_; }
  [[nodiscard]] const Marks& marks() const noexcept { return marks_; }
  [[nodiscard]] bool connected() const noexcept { return connection_.has_value(); }

 private:
  Outcome<void> try_to_take();
  Result<void> connect();
  Outcome<void> claim(const Sql& how, const Parameters& parameters);

  Location location_;
  std::string instance_;
  Hash128 holder_{};
  std::optional<Connection> connection_;
  std::int64_t epoch_ = 0;
  std::int64_t last_commit_ = 0;  // as far as we know
  std::int64_t in_doubt_ = 0;     // its answer was lost; 0: none
  std::string secret_;
  bool syncs_ = true;
  Marks marks_;
  Parameters claim_;
  std::vector<Step> steps_;
};

}  // namespace datasync::storage::postgres
