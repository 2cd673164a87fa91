#include "pipeline/history_rows.h"

#include <utility>

namespace datasync::pipeline {
namespace {

const FieldState* find_in(const std::vector<FieldState>& overwritten, const FieldName& name) {
  for (const FieldState& field : overwritten) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

}  // namespace

const FieldState* HistoryRows::find_staged(const FieldState& field) const noexcept {
  if (staged_ == nullptr) return nullptr;
  for (const HistoryEntry& entry : staged_->history) {
    const FieldState* found = entry.event == field.event ? find_in(entry.overwritten, field.name) : nullptr;
    if (found != nullptr) return found;
  }
  return nullptr;
}

Result<const FieldState*> HistoryRows::overwritten_by(const FieldState& field) {
  if (const FieldState* staged = find_staged(field)) return staged;
  auto row = rows_.find(field.event);
  if (row == rows_.end()) {
    if (rows_.size() >= rows_max_) return nullptr;
    auto stored = store_.load_history(field.event);
    if (!stored) return fail(std::move(stored).error());
    auto overwritten = *stored ? std::move((*stored)->overwritten) : std::vector<FieldState>{};
    row = rows_.emplace(field.event, std::move(overwritten)).first;
  }
  return find_in(row->second, field.name);
}

Result<std::optional<FieldState>> HistoryRows::field_at(FieldState field, RecordVersion version) {
  while (field.version > version) {
    const auto previous = overwritten_by(field);
    if (!previous) return fail(previous.error());
    // What does not go back is no chain: it would never end.
    if (*previous == nullptr || (*previous)->version >= field.version) return std::nullopt;
    field = FieldState(**previous);
  }
  return field;
}

Result<Record> HistoryRows::record_at(const Record& record, RecordVersion version) {
  Record then = record;
  then.version = version;
  then.fields.clear();
  for (const FieldState& field : record.fields) {
    auto past = field_at(field, version);
    if (!past) return fail(std::move(past).error());
    if (*past) then.fields.push_back(std::move(**past));
  }
  return then;
}

}  // namespace datasync::pipeline
