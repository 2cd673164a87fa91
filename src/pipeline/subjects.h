#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "pipeline/subject.h"
#include "storage/store.h"
#include "transform/mapper.h"

namespace datasync::pipeline {

/// The golden records in memory: read through from the store, written with the window's transaction. What is here is
/// newer than the store until the window commits, so every look-up asks here first. What was staged counts as stored:
/// the store answers no question before it has written it.
///
/// Errors:  those of the store's reads; the window must be given up then.
/// Threads: the engine's.
class Subjects {
 public:
  Subjects(storage::Store& store, std::size_t records_max) : store_(store), records_max_(records_max) {}

  /// Null if no record of the tenant is known by that identity. Of a record that was merged into another, that one.
  [[nodiscard]] Result<Subject*> find(const TenantId& tenant, Hash128 identity);
  [[nodiscard]] Result<Subject*> load(const TenantId& tenant, RecordKey key);
  /// The record that bears the canonical id, even if it was merged into another.
  [[nodiscard]] Result<Subject*> find_itself(const TenantId& tenant, Hash128 identity);

  // Where the store is far, what a window will look for is fetched ahead, by a few questions instead of one for each.
  // Nothing else changes: what is not here is asked for when it is looked for.

  /// Whether that is worth anybody's while.
  [[nodiscard]] bool fetches_ahead() const noexcept { return store_.is_remote(); }
  [[nodiscard]] bool knows(Hash128 identity) const noexcept { return by_identity_.contains(identity); }
  [[nodiscard]] Result<void> fetch(std::vector<storage::IdentityKey> identities);
  [[nodiscard]] Result<void> fetch(std::vector<storage::RecordAddress> records);

  /// A new record; it gets its key here and is stored with the window.
  [[nodiscard]] Subject& create(TenantId tenant, std::string entity, EntityId id);
  /// A subject for one stateless event, with what it says as its fields; forgotten once nothing of it is under way.
  [[nodiscard]] Subject& create_stateless(const Event& event, const transform::CanonicalChange& change);

  /// From now on `identity` finds the subject; written with the window.
  void identify(Subject& subject, Hash128 identity, storage::IdentityKind kind);
  void forget_identity(Subject& subject, Hash128 identity, storage::IdentityKind kind);

  void mark_dirty(Subject& subject);

  /// Puts what changed into the window's transaction. What changes from now on is of the next one, and before that is
  /// written nothing is trimmed.
  void stage(storage::WriteBatch& batch);
  /// Forgets idle subjects beyond the limit, least recently used first.
  void trim();
  void clear();

  [[nodiscard]] std::size_t size() const noexcept { return subjects_.size(); }

 private:
  [[nodiscard]] Result<std::optional<RecordKey>> find_key(const TenantId& tenant, Hash128 identity);
  [[nodiscard]] Result<Subject*> load_itself(const TenantId& tenant, RecordKey key);
  Subject& keep(Record record);
  void remember(Subject& subject, Hash128 identity);
  void evict(RecordKey key);

  storage::Store& store_;
  std::size_t records_max_;
  boost::unordered_flat_map<RecordKey, std::unique_ptr<Subject>, std::hash<RecordKey>> subjects_;
  boost::unordered_flat_map<Hash128, RecordKey, Hash128Hasher> by_identity_;  ///< before merges are followed
  boost::unordered_flat_set<Hash128, Hash128Hasher> forgotten_;  ///< in this window; the store still finds them
  boost::unordered_flat_set<Hash128, Hash128Hasher> absent_;     ///< in this window; the store has been asked
  std::vector<RecordKey> ring_;                                  ///< all keys, for the clock hand
  std::size_t hand_ = 0;
  std::vector<Subject*> dirty_;
  std::vector<storage::IdentityWrite> identity_writes_;
  std::int64_t last_key_ = 0;  ///< 0: ask the store
};

}  // namespace datasync::pipeline
