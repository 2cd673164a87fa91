#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/store.h"

namespace datasync::pipeline {

/// A store in memory for the pipeline's own tests. It outlives the engines that crash on it, fails when it is told to,
/// and is stricter than a real one: whatever a single writer may never do is an `kInternal` error with the reason.
/// Threads: one.
class MemoryStore final : public storage::Store {
 public:
  enum class Fault {
    kNone,
    kNothingWritten,  ///< the transaction failed
    kAnswerLost,      ///< it was written, but nobody heard of it
  };
  std::function<Fault()> on_commit;     ///< asked before each commit
  bool is_far = false;                  ///< a commit that was started ends when it is waited for
  std::function<void()> on_start;       ///< told of each commit that was started
  std::function<bool()> on_read_fails;  ///< asked before each read of the engine

  [[nodiscard]] Result<void> commit(const storage::WriteBatch& batch) override;
  [[nodiscard]] bool is_remote() const noexcept override { return is_far; }
  [[nodiscard]] Result<std::vector<std::optional<RecordKey>>> find_identities(
      std::span<const storage::IdentityKey> identities) override;
  [[nodiscard]] Result<std::vector<std::optional<Record>>> load_records(
      std::span<const storage::RecordAddress> addresses) override;
  [[nodiscard]] Result<void> start_commit(const storage::WriteBatch& batch, std::function<void()> done) override;
  [[nodiscard]] Result<void> finish_commit() override;
  [[nodiscard]] bool is_busy() const noexcept { return under_way_.has_value(); }
  /// Who waits for the commit is gone. It is written, or not.
  void abandon(bool writes);
  [[nodiscard]] Sequence last_sequence() const override;
  [[nodiscard]] RecordKey last_record_key() const override;
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
  [[nodiscard]] const std::string& identity_secret() const override { return secret_; }
  [[nodiscard]] Result<std::unique_ptr<storage::Reader>> make_reader() override;
  void maintain() override { ++maintained; }
  [[nodiscard]] std::int64_t epoch() const noexcept override { return 1; }
  [[nodiscard]] std::int64_t bytes_on_disk() const override { return 0; }

  /// As if all events so far were older than events are kept.
  void forget_history() { history_.clear(); }

  // For the checks of a test.
  std::size_t staged_events = 0;  ///< new ones of the transaction that `on_commit` is asked about
  std::size_t commits = 0;        ///< that were written
  std::size_t started = 0;        ///< of them: were under way beside other work
  std::size_t questions = 0;      ///< that were asked about identities and records
  std::size_t maintained = 0;     ///< quiet moments that it was given
  [[nodiscard]] const std::map<Sequence, storage::StoredEvent>& events() const noexcept { return events_; }
  [[nodiscard]] const std::map<RecordKey, Record>& records() const noexcept { return records_; }
  [[nodiscard]] const std::vector<Conflict>& conflicts() const noexcept { return conflicts_; }
  /// What the event has overwritten; null if nothing.
  [[nodiscard]] const HistoryEntry* history_of(Sequence event) const;
  /// By tenant and name.
  [[nodiscard]] const auto& lane_states() const noexcept { return lane_states_; }
  [[nodiscard]] const storage::StoredEvent* find(std::string_view event_id) const;
  [[nodiscard]] const RecordKey* find_link(Hash128 identity) const;
  [[nodiscard]] const std::string& broken_rule() const noexcept { return broken_rule_; }

 private:
  [[nodiscard]] std::string broken_by(const storage::WriteBatch& batch) const;
  void write(const storage::WriteBatch& batch);
  /// What is under way ends before anything is read.
  [[nodiscard]] bool read_fails() { return !settle() || (on_read_fails && on_read_fails()); }
  Result<void> settle();

  std::map<Sequence, storage::StoredEvent> events_;
  std::map<std::pair<TenantId, Hash128>, storage::KnownEvent> keys_;
  std::map<RecordKey, Record> records_;
  std::map<Hash128, RecordKey> identities_;
  std::map<Sequence, HistoryEntry> history_;
  std::vector<Conflict> conflicts_;
  std::map<std::pair<TenantId, std::string>, std::string> lane_states_;
  Sequence low_water_{};
  std::int64_t last_sequence_ = 0;
  std::int64_t last_key_ = 0;
  std::string secret_ = std::string(32, 's');
  std::string broken_rule_;
  std::optional<storage::WriteBatch> under_way_;
  std::function<void()> when_done_;  // of that
  std::optional<Error> failure_;
};

}  // namespace datasync::pipeline
