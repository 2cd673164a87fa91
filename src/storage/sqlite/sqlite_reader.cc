#include "storage/sqlite/sqlite_reader.h"

#include <limits>
#include <utility>

#include "storage/codec/record_codec.h"
#include "storage/sqlite/event_queries.h"

namespace datasync::storage::sqlite {
namespace {

constexpr std::string_view kConflictColumns =
    "SELECT row, id, tenant_id, conflict_type, entity_type, entity_id, record_key, seq, event_id, source_platform, "
    "target_platform, fields, source_data, target_data, status, version, created_at, resolved_at";

Result<Conflict> read_conflict(Statement& row) {
  Conflict conflict;
  conflict.id = row.text(1);
  conflict.tenant = TenantId(row.text(2));
  conflict.type = row.text(3);
  conflict.entity = row.text(4);
  conflict.entity_id = EntityId(row.text(5));
  conflict.record = {row.integer(6)};
  conflict.event = {row.integer(7)};
  conflict.event_id = EventId(row.text(8));
  conflict.source = PlatformId(row.text(9));
  conflict.target = PlatformId(row.text(10));
  auto fields = read_conflict_fields(row.bytes(11), row.bytes(12), row.bytes(13));
  if (!fields) {
    Error error = std::move(fields).error();
    error.detail = "sync_conflicts row " + std::to_string(row.integer(0)) + ": " + error.detail;
    return fail(std::move(error));
  }
  conflict.fields = std::move(*fields);
  conflict.status = row.text(14);
  conflict.version = {row.integer(15)};
  conflict.created_at = Timestamp{microseconds{row.integer(16)}};
  if (!row.is_null(17)) conflict.resolved_at = Timestamp{microseconds{row.integer(17)}};
  return conflict;
}

/// FROM and WHERE of a conflict query; the parameters are bound in the same order.
struct ConflictQuery {
  std::string where = "1";
  std::vector<std::string> texts;

  explicit ConflictQuery(const Reader::ConflictFilter& filter) {
    if (!filter.tenants.empty()) {
      where += " AND tenant_id IN (";
      for (const TenantId& tenant : filter.tenants) {
        where += texts.empty() ? "?" : ", ?";
        texts.push_back(tenant.str());
      }
      where += ')';
    }
    // Spelled out, so that the partial index on open conflicts can serve.
    if (filter.status == "open") {
      where += " AND status = 'open'";
    } else {
      add("status", filter.status);
    }
    add("entity_type", filter.entity);
    add("conflict_type", filter.type);
    add("entity_id", filter.entity_id.str());
  }

  void add(std::string_view column, const std::string& value) {
    if (value.empty()) return;
    where += " AND " + std::string(column) + " = ?";
    texts.push_back(value);
  }

  [[nodiscard]] Result<Statement> prepare(Connection& connection, const std::string& head,
                                          const std::string& tail) const {
    auto statement = Statement::prepare(connection, head + " FROM sync_conflicts WHERE " + where + tail);
    if (!statement) return statement;
    int at = 0;
    for (const std::string& text : texts) statement->bind_text(++at, text);
    return statement;
  }
};

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
    return in_transaction([&] { return read_conflicts(filter); });
  }

 private:
  template <typename Read>
  auto in_transaction(Read read) -> decltype(read()) {
    DATASYNC_TRY(connection_.run("BEGIN"));
    auto result = read();
    connection_.roll_back();
    return result;
  }

  Result<ConflictPage> read_conflicts(const ConflictFilter& filter) {
    const ConflictQuery query(filter);
    ConflictPage page;
    auto total = query.prepare(connection_, "SELECT count(*)", "");
    if (!total) return fail(total.error());
    if (const auto row = total->step(); !row) return fail(row.error());
    page.total = total->integer(0);
    total->reset();

    constexpr std::int64_t kNewest = std::numeric_limits<std::int64_t>::max();
    auto rows = query.prepare(connection_, std::string(kConflictColumns), " AND row < ? ORDER BY row DESC LIMIT ?");
    if (!rows) return fail(rows.error());
    const auto before = static_cast<int>(query.texts.size()) + 1;
    rows->bind(before, filter.before > 0 ? filter.before : kNewest)
        .bind(before + 1, std::max<std::int64_t>(filter.limit, 0) + 1);
    std::int64_t last_row = 0;
    for (;;) {
      const auto row = rows->step();
      if (!row) return fail(row.error());
      if (!*row) break;
      if (static_cast<std::int64_t>(page.conflicts.size()) >= filter.limit) {
        page.next = last_row;
        break;
      }
      last_row = rows->integer(0);
      auto conflict = read_conflict(*rows);
      if (!conflict) return fail(std::move(conflict).error());
      page.conflicts.push_back(std::move(*conflict));
    }
    return page;
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
