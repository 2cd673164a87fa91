#include "storage/sqlite/sqlite_contents.h"

#include <map>
#include <utility>
#include <vector>

#include "storage/codec/event_codec.h"
#include "storage/sqlite/conflict_reader.h"
#include "storage/sqlite/event_queries.h"
#include "storage/sqlite/file_guard.h"
#include "storage/sqlite/identity_index.h"
#include "storage/sqlite/lane_states.h"
#include "storage/sqlite/log_positions.h"
#include "storage/sqlite/schema.h"
#include "storage/sqlite/sqlite_store.h"

namespace datasync::storage::sqlite {
namespace {

constexpr std::int64_t kPageRows = 1000;
constexpr std::int64_t kCacheBytes = 16 << 20;

class SqliteContents final : public Contents {
 public:
  explicit SqliteContents(Connection connection) : connection_(std::move(connection)), queries_(connection_) {}

  Result<void> open() {
    DATASYNC_TRY(connection_.run(("PRAGMA cache_size = -" + std::to_string(kCacheBytes / 1024)).c_str()));
    DATASYNC_TRY(connection_.run("BEGIN"));
    DATASYNC_TRY(queries_.prepare());
    DATASYNC_TRY(lane_states_.prepare(connection_));
    DATASYNC_TRY(index_.open(connection_));
    pending_ = index_.pending()->all();
    const std::pair<Statement*, const char*> all[] = {
        {&secret_, "SELECT value FROM meta WHERE name = 'identity_secret'"},
        {&bodies_, "SELECT seq, body FROM event_log WHERE seq > ? ORDER BY seq LIMIT ?"},
        {&records_, "SELECT record_key, tenant_id FROM records WHERE record_key > ? ORDER BY record_key LIMIT ?"},
        {&identities_, "SELECT hash, kind, record_key, tenant_id FROM identities WHERE hash > ? ORDER BY hash LIMIT ?"},
        {&conflicts_, "SELECT row, id FROM sync_conflicts WHERE row > ? ORDER BY row LIMIT ?"},
    };
    for (const auto& [statement, sql] : all) {
      auto prepared = Statement::prepare(connection_, sql);
      if (!prepared) return fail(std::move(prepared).error());
      *statement = std::move(*prepared);
    }
    return {};
  }

  Result<ContentMarks> marks() override {
    ContentMarks marks;
    const auto last = connection_.query_integer(
        "SELECT max(ifnull((SELECT max(seq) FROM event_log), 0), "
        "ifnull((SELECT value FROM meta WHERE name = 'last_sequence'), 0))");
    if (!last) return fail(last.error());
    marks.last_sequence = {*last};
    const ResetAtEnd reset(secret_);
    const auto row = secret_.step();
    if (!row) return fail(row.error());
    if (*row) marks.identity_secret = secret_.text(0);
    auto positions = read_log_positions(connection_);
    if (!positions) return fail(std::move(positions).error());
    marks.log_positions = std::move(*positions);
    return marks;
  }

  Result<std::vector<LaneState>> lane_states() override { return lane_states_.load(); }

  Result<std::vector<Record>> next_records() override {
    std::vector<Record> page;
    const ResetAtEnd reset(records_);
    records_.bind(1, record_.value).bind(2, kPageRows);
    for (;;) {
      const auto row = records_.step();
      if (!row) return fail(row.error());
      if (!*row) return page;
      record_ = {records_.integer(0)};
      auto record = queries_.load_record(TenantId(records_.text(1)), record_);
      if (!record) return fail(std::move(record).error());
      page.push_back(std::move(**record));
    }
  }

  /// The table first; what stands in a log only at the end.
  Result<std::vector<IdentityWrite>> next_identities() override {
    std::vector<IdentityWrite> page;
    const ResetAtEnd reset(identities_);
    identities_.bind_blob(1, identity_).bind(2, kPageRows);
    for (;;) {
      const auto row = identities_.step();
      if (!row) return fail(row.error());
      if (!*row) break;
      page.push_back({HashBytes::read(identities_.bytes(0)),
                      static_cast<IdentityKind>(identities_.integer(1)),
                      {identities_.integer(2)},
                      TenantId(identities_.text(3))});
    }
    if (!page.empty()) {
      identity_ = HashBytes(page.back().hash).view();
      for (const IdentityWrite& stored : page) pending_.erase(stored.hash);
      return page;
    }
    for (auto& [hash, identity] : std::exchange(pending_, {})) page.push_back(std::move(identity));
    return page;
  }

  Result<std::vector<ContentEvent>> next_events() override {
    std::vector<ContentEvent> page;
    auto stored = queries_.after({}, event_, kPageRows);
    if (!stored) return fail(std::move(stored).error());
    const ResetAtEnd reset(bodies_);
    bodies_.bind(1, event_.value).bind(2, kPageRows);
    for (StoredEvent& one : *stored) {
      ContentEvent& content = page.emplace_back();
      event_ = one.event->sequence;
      content.stored = std::move(one);
      const auto row = bodies_.step();
      if (!row) return fail(row.error());
      if (!*row || bodies_.integer(0) != event_.value) return fail(ErrorCode::kInternal, "an event has no row");
      Event ignored;
      DATASYNC_TRY(read_event_body(bodies_.bytes(1), ignored, &content.more_keys));
      auto history = queries_.load_history(event_);
      if (!history) return fail(std::move(history).error());
      content.history = std::move(*history);
    }
    return page;
  }

  Result<std::vector<Conflict>> next_conflicts() override {
    std::vector<Conflict> page;
    const ResetAtEnd reset(conflicts_);
    conflicts_.bind(1, conflict_).bind(2, kPageRows);
    for (;;) {
      const auto row = conflicts_.step();
      if (!row) return fail(row.error());
      if (!*row) return page;
      conflict_ = conflicts_.integer(0);
      Reader::ConflictFilter filter;
      filter.id = conflicts_.text(1);
      auto found = read_conflicts(connection_, filter);
      if (!found) return fail(std::move(found).error());
      for (Conflict& conflict : found->conflicts) page.push_back(std::move(conflict));
    }
  }

 private:
  IdentityIndex index_{1};  // read by the connection, so it goes after it
  Connection connection_;
  EventQueries queries_;
  LaneStates lane_states_;
  Statement secret_, bodies_, records_, identities_, conflicts_;
  std::map<Hash128, IdentityWrite> pending_;  // that the table lacks
  RecordKey record_{};
  std::string identity_;  // the last hash, as it is stored
  Sequence event_{};
  std::int64_t conflict_ = 0;
};

Result<Connection> open_for_import(const std::string& path) {
  auto connection = Connection::open({path, true, {}});
  if (connection) DATASYNC_TRY(connection->run("PRAGMA journal_mode = WAL"));
  return connection;
}

}  // namespace

Result<std::unique_ptr<Contents>> open_sqlite_contents(const std::string& path) {
  DATASYNC_TRY(expect_newest_schema(path));
  auto connection = Connection::open({path, false, {}});
  if (!connection) return fail(std::move(connection).error());
  auto contents = std::make_unique<SqliteContents>(std::move(*connection));
  if (auto opened = contents->open(); !opened) return fail(std::move(opened).error());
  return contents;
}

Result<void> begin_import(const std::string& path, const std::string& secret) {
  const auto guard = FileGuard::take(path, "data-sync import");
  if (!guard) return fail(guard.error());
  auto connection = open_for_import(path);
  if (!connection) return fail(std::move(connection).error());
  DATASYNC_TRY(migrate(*connection));
  const auto rows = connection->query_integer(
      "SELECT EXISTS(SELECT 1 FROM event_log) + EXISTS(SELECT 1 FROM records) + EXISTS(SELECT 1 FROM lane_states)");
  if (!rows) return fail(rows.error());
  if (*rows > 0) return fail(ErrorCode::kInvalid, "there is a database at " + path + " already, and it is not empty");
  auto put = Statement::prepare(*connection,
                                "INSERT OR REPLACE INTO meta(name, value) VALUES('identity_secret', ?), "
                                "('import_unfinished', 1)");
  if (!put) return fail(put.error());
  return put->bind_blob(1, secret).run();
}

Result<void> end_import(const std::string& path, Sequence last) {
  const auto guard = FileGuard::take(path, "data-sync import");
  if (!guard) return fail(guard.error());
  auto connection = open_for_import(path);
  if (!connection) return fail(std::move(connection).error());
  DATASYNC_TRY(connection->run("BEGIN IMMEDIATE"));
  auto put = Statement::prepare(*connection, "INSERT OR REPLACE INTO meta(name, value) VALUES('last_sequence', ?)");
  if (!put) return fail(put.error());
  DATASYNC_TRY(put->bind(1, last.value).run());
  DATASYNC_TRY(connection->run("DELETE FROM meta WHERE name = 'import_unfinished'"));
  return connection->run("COMMIT");
}

}  // namespace datasync::storage::sqlite
