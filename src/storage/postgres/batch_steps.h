#pragma once

#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "storage/postgres/connection.h"
#include "storage/store.h"

namespace datasync::storage::postgres {

/// A write batch as the statements of one transaction, one for each table that it touches: columns as arrays, sorted by
/// key, several writes of one key folded into the last. Borrows from the batch; buffers are kept from batch to batch.
class BatchSteps {
 public:
  BatchSteps() = default;
  BatchSteps(const BatchSteps&) = delete;
  BatchSteps& operator=(const BatchSteps&) = delete;

  /// `last` is the highest sequence stored so far, `low_water` the mark after this batch. `histories` are whole rows
  /// that take the place of stored ones; without them the batch's own are inserted, and one that is there already
  /// refuses the transaction with `kHistoryState`.
  /// Errors: `kConflict` where the batch contradicts itself or uses a sequence that is taken.
  [[nodiscard]] Result<void> fill(const WriteBatch& batch, Sequence last, Sequence low_water,
                                  std::span<const HistoryEntry> histories);
  /// Identities that are there already and of the same records are no reason any more to refuse the transaction with
  /// `kKnownIdentityState`.
  void allow_known_identities();
  /// Keys that are there already are no reason any more to refuse the transaction with `kKnownKeyState`, where the
  /// events that they were of are gone.
  void free_keys();
  /// Events below it that are completed are listed from now on.
  void list_late_below(Sequence sequence) noexcept { late_below_ = sequence; }
  /// As `fill`, after the batch's own histories were refused.
  [[nodiscard]] Result<void> put_histories(std::span<const HistoryEntry> histories);
  void clear();

  [[nodiscard]] std::span<const Step> steps() const noexcept { return steps_; }

 private:
  Parameters& add(const Sql& sql);
  Result<void> add_events(const WriteBatch& batch, Sequence last);
  void add_keys(const WriteBatch& batch);
  void add_states(const WriteBatch& batch, Sequence last, Sequence low_water);
  struct StateRow;
  void add_waiting(const std::vector<StateRow>& known, const std::vector<StateRow>& fresh);
  Result<void> add_records(const WriteBatch& batch);
  Result<void> add_identities(const WriteBatch& batch);
  void add_identity_round(std::vector<const IdentityWrite*>& rows, bool removes);
  Result<void> add_history(const WriteBatch& batch, std::span<const HistoryEntry> whole);
  void add_conflict(const Conflict& conflict);
  void add_lane_state(const LaneState& state);
  void add_log_positions(const WriteBatch& batch);

  std::vector<Step> steps_;
  std::deque<Parameters> parameters_;  // as many as were ever needed; steps point to them
  std::size_t used_ = 0;
  std::size_t history_from_ = 0;  // among the steps
  std::size_t history_to_ = 0;
  Sequence late_below_{};
  [[nodiscard]] std::string_view body_of(std::size_t at, std::size_t size) const {
    return std::string_view(bodies_).substr(at, size);
  }
  std::string body_;
  std::string bodies_;  // of the rows that are being put
};

}  // namespace datasync::storage::postgres
