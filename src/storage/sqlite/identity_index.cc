#include "storage/sqlite/identity_index.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "storage/codec/packed_bytes.h"

namespace datasync::storage::sqlite {
namespace {

constexpr std::array kLogs{"identity_log_0", "identity_log_1"};
constexpr std::size_t kMergeMin = 16;  // so that the last few don't take many transactions

}  // namespace

std::optional<RecordKey> PendingIdentities::find(const TenantId& tenant, Hash128 hash) const {
  const std::shared_lock lock(mutex_);
  for (const Log* log : {&filling_, &merging_}) {
    const auto at = log->identities.find(hash);
    if (at != log->identities.end() && *at->second.tenant == tenant.str()) return at->second.record;
  }
  return std::nullopt;
}

std::map<Hash128, IdentityWrite> PendingIdentities::all() const {
  std::map<Hash128, IdentityWrite> all;
  const std::shared_lock lock(mutex_);
  for (const Log* log : {&filling_, &merging_}) {
    for (const auto& [hash, identity] : log->identities) {
      all.try_emplace(hash, IdentityWrite{hash, identity.kind, identity.record, TenantId(*identity.tenant), false});
    }
  }
  return all;
}

void PendingIdentities::Log::add(std::string_view tenant, Hash128 hash, RecordKey record, IdentityKind kind) {
  auto known = tenants.find(tenant);
  if (known == tenants.end()) known = tenants.emplace(tenant).first;
  identities.insert_or_assign(hash, Identity{record, &*known, kind});
}

void PendingIdentities::remove(Hash128 hash) {
  filling_.identities.erase(hash);
  merging_.identities.erase(hash);
}

void IdentityIndex::Row::put(int column, const ColumnOut& out) const {
  switch (column) {
    case 0:
      return out.blob(hash.view());
    case 1:
      return out.integer(static_cast<std::int64_t>(identity.kind));
    case 2:
      return out.integer(identity.record.value);
    default:
      return out.text(*identity.tenant);
  }
}

Result<void> IdentityIndex::open(Connection& connection) {
  DATASYNC_TRY(add_row_source(connection, "batch_identities", "CREATE TABLE x(hash, kind, record_key, tenant_id)",
                              merged_rows_));
  std::vector<std::pair<Statement*, std::string>> all{
      {&find_, "SELECT record_key, tenant_id FROM identities WHERE hash = ?"},
      {&remove_, "DELETE FROM identities WHERE hash = ? AND record_key = ?"},
      // After a restart a log is merged from its beginning again.
      {&merge_,
       "INSERT OR ROLLBACK INTO identities SELECT hash, kind, record_key, tenant_id FROM batch_identities "
       "WHERE true ON CONFLICT(hash) DO NOTHING"},
      {&set_filling_, "INSERT OR REPLACE INTO meta(name, value) VALUES('identity_log_filling', ?)"},
  };
  for (std::size_t log = 0; log < kLogs.size(); ++log) {
    const std::string name = kLogs[log];
    all.emplace_back(&append_[log], "INSERT OR ROLLBACK INTO " + name + "(tenant_id, body) VALUES(?, ?)");
    all.emplace_back(&empty_log_[log], "DELETE FROM " + name);
  }
  for (const auto& [statement, sql] : all) {
    auto prepared = Statement::prepare(connection, sql);
    if (!prepared) return fail(std::move(prepared).error());
    *statement = std::move(*prepared);
  }
  const auto filling = connection.query_integer("SELECT value FROM meta WHERE name = 'identity_log_filling'");
  if (!filling) return fail(filling.error());
  filling_log_ = *filling == 0 ? 0 : 1;
  DATASYNC_TRY(load(connection, other_log(), pending_->merging_));
  DATASYNC_TRY(load(connection, filling_log_, pending_->filling_));
  sort_merging();
  return {};
}

Result<void> IdentityIndex::load(Connection& connection, int log, PendingIdentities::Log& into) {
  const std::string name = kLogs[static_cast<std::size_t>(log)];
  auto rows = Statement::prepare(connection, "SELECT row, tenant_id, body FROM " + name + " ORDER BY row");
  if (!rows) return fail(rows.error());
  for (;;) {
    const auto row = rows->step();
    if (!row) return fail(row.error());
    if (!*row) return {};
    const std::string tenant = rows->text(1);
    PackedReader body(rows->bytes(2));
    for (std::size_t left = body.count(); left > 0; --left) {
      Hash128 hash;
      hash.high = body.fixed64();
      hash.low = body.fixed64();
      const std::uint64_t what = body.varint();
      const RecordKey record{body.zigzag()};
      if ((what & 1U) != 0) {
        pending_->remove(hash);
      } else {
        into.add(tenant, hash, record, static_cast<IdentityKind>(what / 2));
      }
    }
    if (!body.finished()) {
      return fail(ErrorCode::kCorrupt, "a stored value is damaged", name + " row " + std::to_string(rows->integer(0)));
    }
  }
}

void IdentityIndex::sort_merging() {
  merged_ = 0;
  merge_order_.clear();
  merge_order_.reserve(pending_->merging_.identities.size());
  for (const auto& [hash, identity] : pending_->merging_.identities) merge_order_.push_back(hash);
  std::sort(merge_order_.begin(), merge_order_.end());
}

const PendingIdentities::Identity* IdentityIndex::find_pending(Hash128 hash) const noexcept {
  for (const PendingIdentities::Log* log : {&pending_->filling_, &pending_->merging_}) {
    const auto at = log->identities.find(hash);
    if (at != log->identities.end()) return &at->second;
  }
  return nullptr;
}

Result<std::optional<IdentityIndex::Stored>> IdentityIndex::find_stored(Hash128 hash) {
  if (const PendingIdentities::Identity* pending = find_pending(hash)) {
    return Stored{pending->record, *pending->tenant};
  }
  if (absent_.contains(hash)) return std::nullopt;
  const HashBytes bytes(hash);
  const auto row = find_.bind_blob(1, bytes.view()).step();
  if (!row) return fail(row.error());
  if (*row) return Stored{{find_.integer(0)}, find_.bytes(1)};
  if (absent_.size() >= log_max_) absent_.clear();
  absent_.insert(hash);
  return std::nullopt;
}

Result<std::optional<RecordKey>> IdentityIndex::find(const TenantId& tenant, Hash128 hash) {
  const ResetAtEnd reset(find_);
  const auto stored = find_stored(hash);
  if (!stored) return fail(stored.error());
  if (!*stored || (*stored)->tenant != tenant.str()) return std::nullopt;
  return (*stored)->record;
}

Result<std::optional<RecordKey>> IdentityIndex::holder_of(Hash128 hash) {
  if (const auto at = changed_.find(hash); at != changed_.end()) return at->second;
  const ResetAtEnd reset(find_);
  const auto stored = find_stored(hash);
  if (!stored) return fail(stored.error());
  return *stored ? std::optional((*stored)->record) : std::nullopt;
}

Result<void> IdentityIndex::write(std::span<const IdentityWrite> writes) {
  DATASYNC_TRY(judge(writes));
  switches_ = pending_->filling_.identities.size() >= log_max_ && merged_ == merge_order_.size();
  if (switches_) DATASYNC_TRY(set_filling_.bind(1, other_log()).run());
  DATASYNC_TRY(append());
  return merge();
}

/// One write after the other, as they were given; what is removed leaves the table at once.
Result<void> IdentityIndex::judge(std::span<const IdentityWrite> writes) {
  for (const IdentityWrite& write : writes) {
    const auto holder = holder_of(write.hash);
    if (!holder) return fail(holder.error());
    if (write.remove) {
      if (*holder != write.record) continue;
      const HashBytes bytes(write.hash);
      DATASYNC_TRY(remove_.bind_blob(1, bytes.view()).bind(2, write.record.value).run());
      changed_[write.hash] = std::nullopt;
      writes_.push_back(&write);
    } else if (!*holder) {
      changed_[write.hash] = write.record;
      writes_.push_back(&write);
    } else if (**holder != write.record) {
      return fail(ErrorCode::kConflict, "an identity belongs to another record", std::to_string((*holder)->value));
    }
  }
  return {};
}

Result<void> IdentityIndex::append() {
  boost::unordered_flat_map<std::string_view, std::vector<const IdentityWrite*>> by_tenant;
  std::vector<const IdentityWrite*>* same = nullptr;
  for (const IdentityWrite* write : writes_) {
    if (same == nullptr || same->back()->tenant != write->tenant) same = &by_tenant[write->tenant.str()];
    same->push_back(write);
  }
  for (const auto& [tenant, writes] : by_tenant) DATASYNC_TRY(append(tenant, writes));
  return {};
}

Result<void> IdentityIndex::append(std::string_view tenant, std::span<const IdentityWrite* const> writes) {
  constexpr std::size_t kBytesMax = 2 * sizeof(std::uint64_t) + 2 * PackedWriter::kVarintBytesMax;
  PackedWriter body;
  body.need((writes.size() + 1) * kBytesMax);
  body.varint(writes.size());
  for (const IdentityWrite* write : writes) {
    body.fixed64(write->hash.high);
    body.fixed64(write->hash.low);
    body.varint(2 * static_cast<std::uint64_t>(write->kind) + (write->remove ? 1U : 0U));
    body.zigzag(write->record.value);
  }
  Statement& append = append_[static_cast<std::size_t>(switches_ ? other_log() : filling_log_)];
  return append.bind_text(1, tenant).bind_blob(2, body.bytes()).run();
}

/// As much of the full log as keeps it ahead of the one that is being filled, then that log is empty.
Result<void> IdentityIndex::merge() {
  if (merged_ == merge_order_.size()) return {};
  const std::size_t left = merge_order_.size() - merged_;
  const bool late = pending_->filling_.identities.size() >= log_max_;
  merging_now_ = late ? left : std::min(left, writes_.size() + writes_.size() / 4 + kMergeMin);
  merged_rows_.rows.clear();
  for (std::size_t i = merged_; i < merged_ + merging_now_; ++i) {
    const Hash128 hash = merge_order_[i];
    const auto at = pending_->merging_.identities.find(hash);
    if (at == pending_->merging_.identities.end() || changed_.contains(hash)) continue;  // was removed
    merged_rows_.rows.push_back({HashBytes(hash), at->second});
  }
  if (!merged_rows_.rows.empty()) DATASYNC_TRY(merge_.run());
  if (merging_now_ < left) return {};
  return empty_log_[static_cast<std::size_t>(other_log())].run();
}

void IdentityIndex::committed() {
  if (!writes_.empty() || merging_now_ > 0 || switches_) {
    const std::lock_guard lock(pending_->mutex_);
    merged_ += merging_now_;
    if (merging_now_ > 0 && merged_ == merge_order_.size()) pending_->merging_ = {};
    if (switches_) {
      std::swap(pending_->filling_, pending_->merging_);
      filling_log_ = other_log();
      sort_merging();
    }
    for (const IdentityWrite* write : writes_) {
      if (write->remove) {
        pending_->remove(write->hash);
      } else {
        pending_->filling_.add(write->tenant.str(), write->hash, write->record, write->kind);
      }
    }
  }
  given_up();
  absent_.clear();
}

void IdentityIndex::given_up() {
  changed_.clear();
  writes_.clear();
  merging_now_ = 0;
  switches_ = false;
}

}  // namespace datasync::storage::sqlite
