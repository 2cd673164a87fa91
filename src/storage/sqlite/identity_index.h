#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/ids.h"
#include "base/result.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/row_source.h"
#include "storage/sqlite/statement.h"
#include "storage/store.h"

namespace datasync::storage::sqlite {

/// Identities that are stored in a log, and not in the table `identities` yet.
/// Threads: `find` any; the rest is for the thread that writes.
class PendingIdentities {
 public:
  struct Identity {
    RecordKey record{};
    const std::string* tenant = nullptr;
    IdentityKind kind{};
  };

  [[nodiscard]] std::optional<RecordKey> find(const TenantId& tenant, Hash128 hash) const;
  [[nodiscard]] std::map<Hash128, IdentityWrite> all() const;

 private:
  friend class IdentityIndex;

  /// What stands in one of the two logs.
  struct Log {
    boost::unordered_flat_map<Hash128, Identity, Hash128Hasher> identities;
    std::set<std::string, std::less<>> tenants;

    void add(std::string_view tenant, Hash128 hash, RecordKey record, IdentityKind kind);
  };

  void remove(Hash128 hash);

  mutable std::shared_mutex mutex_;  // held by the writing thread to change what follows
  Log filling_;
  Log merging_;
};

/// The table `identities`, which finds a record by a hash. Hashes fall anywhere: a row put there at once is a page of
/// its own in every transaction, and a new record has five. So what changes is appended to a log first, packed, and
/// held in memory. When one of the two logs is full, the other one is filled, and with each transaction a run of the
/// full one, in the order of the hashes, moves to the table: then several of them share a page.
///
/// Lifecycle: `write` belongs to a transaction; then `committed` or `given_up` says what became of it.
/// Threads:   one at a time; `pending` is for readers.
class IdentityIndex {
 public:
  /// A log is full with `log_max` identities.
  explicit IdentityIndex(std::int64_t log_max) : log_max_(static_cast<std::size_t>(log_max)) {}

  /// Reads what the table lacks.
  [[nodiscard]] Result<void> open(Connection& connection);

  [[nodiscard]] Result<std::optional<RecordKey>> find(const TenantId& tenant, Hash128 hash);

  /// Errors: `kConflict` if an identity belongs to another record.
  [[nodiscard]] Result<void> write(std::span<const IdentityWrite> writes);
  void committed();
  void given_up();

  [[nodiscard]] std::shared_ptr<const PendingIdentities> pending() const noexcept { return pending_; }

 private:
  struct Row {
    HashBytes hash;
    PendingIdentities::Identity identity;
    void put(int column, const ColumnOut& out) const;
  };
  struct Stored {
    RecordKey record{};
    std::string_view tenant;  ///< until the next statement
  };

  [[nodiscard]] Result<void> load(Connection& connection, int log, PendingIdentities::Log& into);
  [[nodiscard]] const PendingIdentities::Identity* find_pending(Hash128 hash) const noexcept;
  [[nodiscard]] Result<std::optional<Stored>> find_stored(Hash128 hash);
  [[nodiscard]] Result<std::optional<RecordKey>> holder_of(Hash128 hash);
  [[nodiscard]] Result<void> judge(std::span<const IdentityWrite> writes);
  [[nodiscard]] Result<void> append();
  [[nodiscard]] Result<void> append(std::string_view tenant, std::span<const IdentityWrite* const> writes);
  [[nodiscard]] Result<void> merge();
  void sort_merging();
  [[nodiscard]] int other_log() const noexcept { return 1 - filling_log_; }

  const std::size_t log_max_;
  const std::shared_ptr<PendingIdentities> pending_ = std::make_shared<PendingIdentities>();
  int filling_log_ = 0;
  std::vector<Hash128> merge_order_;  // what stood in the full log when it was full, by hash
  std::size_t merged_ = 0;            // of them already in the table
  boost::unordered_flat_set<Hash128, Hash128Hasher>
      absent_;  // was looked for since the last transaction, and not found

  // What the present transaction does.
  boost::unordered_flat_map<Hash128, std::optional<RecordKey>, Hash128Hasher> changed_;
  std::vector<const IdentityWrite*> writes_;  // those that change something
  std::size_t merging_now_ = 0;
  bool switches_ = false;

  Rows<Row> merged_rows_;
  Statement find_, remove_, merge_, set_filling_;
  std::array<Statement, 2> append_, empty_log_;
};

}  // namespace datasync::storage::sqlite
