#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/hash.h"
#include "base/ids.h"
#include "domain/event.h"
#include "domain/record.h"
#include "storage/postgres/connection.h"
#include "storage/postgres/queries.h"
#include "storage/shares.h"

namespace datasync::storage::postgres {

/// The writing connection, and the right to write: shards that are leased to us under an epoch, which every transaction
/// checks. Either all shards, until another one takes them (`take_all`), or a part of them (`take_part`).
///
/// A connection that is lost is made anew within the call that finds it so, once; that raises our epoch, so what the
/// former connection had under way is over by then, or will be refused. Each transaction leaves its number in the
/// lease: so one whose answer was lost is known to be committed, or is done again. Nobody has to guess.
///
/// Errors: `kUnavailable` where there is no connection, or the database has lost transactions that it acknowledged (a
///         standby that lagged was promoted): then the next call works on what is left. Where a transaction's outcome
///         could not be learned any more, the stage is `kDuring`; the next call that succeeds has learned it, and the
///         marks tell. Once another one has taken the lease, `kConflict` for who had all, `kMoved` for who had a part.
/// Threads: one at a time, but for `fence`, `is_fenced`, `are_numbers_in_doubt` and, once it has begun, `secret`.
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
  [[nodiscard]] Result<void> take_all();
  /// Makes or migrates the schema, and takes none. What is stored can be read.
  [[nodiscard]] Result<void> look();

  struct Part {
    std::string address;      ///< where other instances reach this one
    milliseconds lease{};     ///< so long it counts as alive without a heartbeat
    bool is_leaving = false;  ///< it is to have none
    bool is_first = false;    ///< this process enters for the first time: who had the address is gone
  };
  /// Takes up and gives up shards, so that this instance has its part of them; one that is new, or was fenced off,
  /// begins as another holder. Nothing is written meanwhile.
  [[nodiscard]] Result<void> take_part(const Part& part);
  /// Numbers are reserved by so many; more than one window can use.
  static constexpr std::int64_t kNumberBlock = 65'536;
  /// Reserves numbers above all that were given out so far, by whomever.
  [[nodiscard]] Result<void> reserve_numbers();
  /// The connection was made anew: of the reserved numbers, a transaction that was given up may have used some.
  [[nodiscard]] bool are_numbers_in_doubt() const noexcept { return numbers_in_doubt_; }
  /// Once after the database has lost transactions that it had acknowledged: what was open then may be open again.
  [[nodiscard]] bool take_gone_back() noexcept { return std::exchange(gone_back_, false); }
  /// Gives up what is left. Whoever comes need not wait for the lease to run out.
  void depart() noexcept;

  /// Another instance has buried this one, as far as is known: `take_part` begins anew.
  void fence() noexcept { fenced_ = true; }
  [[nodiscard]] bool is_fenced() const noexcept { return fenced_; }
  /// Runs the steps in one transaction, and returns when it is durable.
  [[nodiscard]] Outcome<void> transact(std::span<const Step> steps);
  [[nodiscard]] Result<Answer> read(const Sql& sql, const Parameters& parameters) override;

  [[nodiscard]] std::int64_t epoch() const noexcept { return epoch_; }
  [[nodiscard]] const std::string& secret() const noexcept { return secret_; }
  [[nodiscard]] Marks& marks() noexcept { return marks_; }
  [[nodiscard]] const Marks& marks() const noexcept { return marks_; }
  [[nodiscard]] bool connected() const noexcept { return connection_.has_value(); }
  [[nodiscard]] const Shards& shards() const noexcept { return shards_; }
  [[nodiscard]] Hash128 holder() const noexcept { return holder_; }
  [[nodiscard]] const std::string& instance() const noexcept { return instance_; }

 private:
  enum class Kind : std::uint8_t { kAll, kPart };
  [[nodiscard]] Result<void> begin(Kind kind);
  Outcome<void> try_to_begin();
  Result<void> connect();
  Outcome<void> claim(const Step& how);
  void note_failure(Failure& failure);

  Location location_;
  std::string instance_;
  Kind kind_ = Kind::kAll;
  Hash128 holder_{};
  bool has_entered_ = false;  // kPart: there is, or was, a row of this holder's
  std::atomic<bool> fenced_ = false;
  std::atomic<bool> numbers_in_doubt_ = false;
  bool gone_back_ = false;
  Shards shards_;
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
