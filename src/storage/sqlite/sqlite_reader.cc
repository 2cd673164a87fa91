#include "storage/sqlite/sqlite_reader.h"

#include <limits>
#include <utility>

#include "storage/sqlite/conflict_reader.h"
#include "storage/sqlite/event_queries.h"
#include "storage/sqlite/log_positions.h"

namespace datasync::storage::sqlite {
namespace {

class SqliteReader final : public Reader {
 public:
  SqliteReader(Connection connection, std::shared_ptr<const PendingIdentities> pending)
      : pending_(std::move(pending)), connection_(std::move(connection)), queries_(connection_) {}

  Result<void> prepare(std::int64_t cache_bytes) {
    DATASYNC_TRY(connection_.run(("PRAGMA cache_size = -" + std::to_string(cache_bytes / 1024)).c_str()));
    DATASYNC_TRY(connection_.run("PRAGMA temp_store = MEMORY"));
    return queries_.prepare();
  }

  Result<EventPage> list_events(const EventFilter& filter) override {
    return in_transaction([&] { return queries_.list(filter); });
  }
  Result<std::int64_t> count_events(const EventFilter& filter) override {
    return in_transaction([&] { return queries_.count(filter); });
  }
  Result<std::vector<StoredEvent>> find_event(const Tenants& tenants, std::string_view id) override {
    return in_transaction([&] { return queries_.find(tenants, id); });
  }
  Result<std::vector<StoredEvent>> events_after(const Tenants& tenants, Sequence after, std::int64_t limit) override {
    return in_transaction([&] { return queries_.after(tenants, after, limit); });
  }
  Result<std::optional<RecordKey>> find_identity(const TenantId& tenant, Hash128 hash) override {
    // In this order: what leaves the log is in the table by then.
    if (const auto pending = pending_->find(tenant, hash)) return pending;
    return queries_.find_identity(tenant, hash);
  }
  Result<std::optional<Record>> load_record(const TenantId& tenant, RecordKey key) override {
    return queries_.load_record(tenant, key);
  }
  Result<std::optional<HistoryEntry>> load_history(Sequence event) override { return queries_.load_history(event); }
  Result<ConflictPage> list_conflicts(const ConflictFilter& filter) override {
    return in_transaction([&] { return read_conflicts(connection_, filter); });
  }
  Result<std::vector<LogPosition>> log_positions() override { return read_log_positions(connection_); }

 private:
  template <typename Read>
  auto in_transaction(Read read) -> decltype(read()) {
    DATASYNC_TRY(connection_.run("BEGIN"));
    auto result = read();
    connection_.roll_back();
    return result;
  }

  std::shared_ptr<const PendingIdentities> pending_;
  Connection connection_;
  EventQueries queries_;
};

}  // namespace

Result<std::unique_ptr<Reader>> open_sqlite_reader(const Connection::Options& options, std::int64_t cache_bytes,
                                                   std::shared_ptr<const PendingIdentities> pending) {
  auto connection = Connection::open(options);
  if (!connection) return fail(std::move(connection).error());
  auto reader = std::make_unique<SqliteReader>(std::move(*connection), std::move(pending));
  if (auto prepared = reader->prepare(cache_bytes); !prepared) return fail(std::move(prepared).error());
  return reader;
}

}  // namespace datasync::storage::sqlite
