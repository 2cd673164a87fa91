#pragma once

#include <boost/unordered/unordered_flat_set.hpp>

#include <optional>
#include <string>

#include "pipeline/past.h"
#include "storage/store.h"

namespace datasync::pipeline {

/// A store for playing history again: what was there before is the past, what comes of it goes to a throw-away store.
/// Events themselves are kept by neither.
///
/// Errors:  of the throw-away store and of the past.
/// Threads: one. Everything is borrowed.
class ReplayStore final : public storage::Store {
 public:
  ReplayStore(storage::Reader& reader, const Past& past, storage::Store& scratch, const std::string& identity_secret)
      : reader_(reader), past_(past), scratch_(scratch), identity_secret_(identity_secret) {}

  /// Numbers that no record of the store has.
  static constexpr std::int64_t kUnused = std::int64_t{1} << 62;

  /// Writes records, identities, history and conflicts of the batch to the throw-away store; the rest goes.
  [[nodiscard]] Result<void> keep(storage::WriteBatch& batch);

  [[nodiscard]] Result<void> commit(const storage::WriteBatch& batch) override;
  [[nodiscard]] Sequence last_sequence() const override { return {kUnused}; }
  [[nodiscard]] RecordKey last_record_key() const override { return {kUnused}; }
  [[nodiscard]] Result<std::vector<std::optional<storage::KnownEvent>>> find_events(
      std::span<const storage::EventKey> keys) override;
  [[nodiscard]] Result<std::optional<RecordKey>> find_identity(const TenantId& tenant, Hash128 hash) override;
  [[nodiscard]] Result<std::optional<Record>> load_record(const TenantId& tenant, RecordKey key) override;
  [[nodiscard]] Result<std::optional<HistoryEntry>> load_history(Sequence event) override;
  [[nodiscard]] Result<std::optional<storage::StoredEvent>> load_event(Sequence sequence) override;
  [[nodiscard]] Result<std::vector<storage::StoredEvent>> load_unfinished(Sequence after, std::int64_t limit) override;
  [[nodiscard]] Result<std::vector<storage::StoredEvent>> load_retrying(Sequence after, std::int64_t limit) override;
  [[nodiscard]] Result<std::vector<storage::StoredEvent>> load_matching(
      const storage::Reader::EventFilter& filter) override;
  [[nodiscard]] Result<storage::Reader::ConflictPage> load_conflicts(
      const storage::Reader::ConflictFilter& filter) override;
  [[nodiscard]] Result<std::vector<storage::LaneState>> load_lane_states() override;
  [[nodiscard]] Result<std::int64_t> delete_finished(Timestamp before, std::int64_t limit) override;
  [[nodiscard]] const std::string& identity_secret() const override { return identity_secret_; }
  [[nodiscard]] Result<std::unique_ptr<storage::Reader>> make_reader() override;
  [[nodiscard]] std::int64_t epoch() const noexcept override { return 0; }
  [[nodiscard]] std::int64_t bytes_on_disk() const override { return 0; }

 private:
  storage::Reader& reader_;
  const Past& past_;
  storage::Store& scratch_;
  const std::string& identity_secret_;
  boost::unordered_flat_set<RecordKey, std::hash<RecordKey>> kept_;  ///< records that the throw-away store has
  boost::unordered_flat_set<Hash128, Hash128Hasher> forgotten_;      ///< identities that the past still has
  std::optional<Record> found_;                                      ///< the last one that was found: it is loaded next
};

}  // namespace datasync::pipeline
