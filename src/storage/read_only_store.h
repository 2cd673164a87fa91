#pragma once

#include <string>

#include "storage/store.h"

namespace datasync::storage {

/// A store that reads through a reader and keeps nothing: for finding out what would become of an event. It knows
/// records, their history and conflicts; events that came before are none of its business.
///
/// Errors:  as of the reader; `commit` fails with `kInternal`.
/// Threads: the reader's.
class ReadOnlyStore final : public Store {
 public:
  /// `identity_secret` is the one of the store that the reader reads. Both are borrowed.
  ReadOnlyStore(Reader& reader, const std::string& identity_secret)
      : reader_(reader), identity_secret_(identity_secret) {}

  /// Numbers that no event and no record of the store has.
  static constexpr std::int64_t kUnused = std::int64_t{1} << 62;

  [[nodiscard]] Result<void> commit(const WriteBatch& batch) override;
  [[nodiscard]] Sequence last_sequence() const override { return {kUnused}; }
  [[nodiscard]] RecordKey last_record_key() const override { return {kUnused}; }
  [[nodiscard]] Result<std::vector<std::optional<KnownEvent>>> find_events(std::span<const EventKey> keys) override;
  [[nodiscard]] Result<std::optional<RecordKey>> find_identity(const TenantId& tenant, Hash128 hash) override;
  [[nodiscard]] Result<std::optional<Record>> load_record(const TenantId& tenant, RecordKey key) override;
  [[nodiscard]] Result<std::optional<HistoryEntry>> load_history(Sequence event) override;
  [[nodiscard]] Result<std::optional<StoredEvent>> load_event(Sequence sequence) override;
  [[nodiscard]] Result<std::vector<StoredEvent>> load_unfinished(Sequence after, std::int64_t limit) override;
  [[nodiscard]] Result<std::vector<StoredEvent>> load_retrying(Sequence after, std::int64_t limit) override;
  [[nodiscard]] Result<std::vector<StoredEvent>> load_matching(const Reader::EventFilter& filter) override;
  [[nodiscard]] Result<Reader::ConflictPage> load_conflicts(const Reader::ConflictFilter& filter) override;
  [[nodiscard]] Result<std::vector<LaneState>> load_lane_states() override;
  [[nodiscard]] Result<std::int64_t> delete_finished(Timestamp before, std::int64_t limit) override;
  [[nodiscard]] const std::string& identity_secret() const override { return identity_secret_; }
  [[nodiscard]] Result<std::unique_ptr<Reader>> make_reader() override;
  [[nodiscard]] std::int64_t epoch() const noexcept override { return 0; }
  [[nodiscard]] std::int64_t bytes_on_disk() const override { return 0; }

 private:
  Reader& reader_;
  const std::string& identity_secret_;
};

}  // namespace datasync::storage
