#include "storage/sqlite/sqlite_store.h"

#include <openssl/rand.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"
#include "storage/codec/event_codec.h"
#include "storage/codec/record_codec.h"
#include "storage/contents.h"
#include "storage/sqlite/batch_rows.h"
#include "storage/sqlite/conflict_reader.h"
#include "storage/sqlite/conflict_writer.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/event_queries.h"
#include "storage/sqlite/file_guard.h"
#include "storage/sqlite/identity_index.h"
#include "storage/sqlite/lane_states.h"
#include "storage/sqlite/log_positions.h"
#include "storage/sqlite/retention.h"
#include "storage/sqlite/row_source.h"
#include "storage/sqlite/schema.h"
#include "storage/sqlite/sqlite_reader.h"
#include "storage/sqlite/statement.h"
#include "storage/sqlite/tenant_index.h"

namespace datasync::storage::sqlite {
namespace {

constexpr int kShards = 256;
constexpr std::int64_t kPageBytes = 4096;
constexpr int kSecretBytes = 32;
/// `event_tenants` follows the log in steps of so many events, sorted: an index entry then shares its page with others.
constexpr std::int64_t kIndexStep = 4096;
constexpr std::int64_t kIndexStepIdle = 512;
/// The stored low-water mark may lag by so many events: it only says where a restart begins to look.
constexpr std::int64_t kLowWaterStep = 4096;

std::int64_t file_bytes(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? static_cast<std::int64_t>(status.st_size) : 0;
}

struct WantedRow {
  HashBytes key;
  const TenantId* tenant;
  std::int64_t at;
  void put(int column, const ColumnOut& out) const {
    switch (column) {
      case 0:
        return out.blob(key.view());
      case 1:
        return out.text(tenant->str());
      default:
        return out.integer(at);
    }
  }
};

/// Statements of the writing connection. `OR ROLLBACK`: a broken constraint ends the whole transaction, which is what
/// we want, and spares SQLite the copies that it would need to undo one statement alone.
struct Statements {
  Statement begin_reading, begin, commit, epoch, insert_events, insert_keys, insert_states, replace_states,
      check_records, replace_records, insert_history, clashing_history, update_history, set_meta, find_events;

  Result<void> prepare(Connection& connection) {
    const std::pair<Statement*, const char*> all[] = {
        {&begin_reading, "BEGIN"},
        {&begin, "BEGIN IMMEDIATE"},
        {&commit, "COMMIT"},
        {&epoch, "SELECT epoch, instance FROM shard_leases WHERE shard = 0"},
        {&insert_events,
         "INSERT OR ROLLBACK INTO event_log SELECT seq, tenant_id, event_id, event_type, entity_type, source_platform, "
         "priority, created_at, body FROM batch_events"},
        {&insert_keys,
         "INSERT OR ROLLBACK INTO event_keys SELECT key, tenant_id, seq, created_at, content_hash FROM batch_keys"},
        {&insert_states,
         "INSERT OR ROLLBACK INTO event_state SELECT seq, tenant_id, status, record_key, processed_at, message, "
         "results "
         "FROM batch_new_states"},
        {&replace_states,
         "INSERT OR REPLACE INTO event_state SELECT b.seq, e.tenant_id, b.status, b.record_key, b.processed_at, "
         "b.message, "
         "b.results FROM batch_states b CROSS JOIN event_log e ON e.seq = b.seq"},
        {&check_records,
         "SELECT b.record_key FROM batch_records b LEFT JOIN records r ON r.record_key = b.record_key "
         "WHERE ifnull(r.version, 0) <> b.expected OR r.tenant_id <> b.tenant_id"},
        {&replace_records,
         "INSERT OR REPLACE INTO records SELECT record_key, tenant_id, entity_type, entity_id, version, updated_at, "
         "body, marks FROM batch_records"},
        {&insert_history,
         "INSERT OR ROLLBACK INTO record_history SELECT seq, tenant_id, record_key, version, body FROM batch_history "
         "WHERE true ON CONFLICT(seq) DO NOTHING"},
        {&clashing_history,
         "SELECT b.rowid FROM batch_history b CROSS JOIN record_history h ON h.seq = b.seq WHERE h.body <> b.body"},
        {&update_history, "UPDATE record_history SET version = ?, body = ? WHERE seq = ?"},
        {&set_meta, "INSERT OR REPLACE INTO meta(name, value) VALUES(?, ?)"},
        {&find_events,
         "SELECT w.at, k.seq, k.content_hash, e.event_id FROM batch_wanted w "
         "CROSS JOIN event_keys k ON k.key = w.key AND k.tenant_id = w.tenant_id JOIN event_log e ON e.seq = k.seq"},
    };
    for (const auto& [statement, sql] : all) {
      auto prepared = Statement::prepare(connection, sql);
      if (!prepared) return fail(std::move(prepared).error());
      *statement = std::move(*prepared);
    }
    return {};
  }
};

class SqliteStore final : public Store {
 public:
  SqliteStore(SqliteOptions options, std::optional<FileGuard> guard, Connection connection)
      : options_(std::move(options)),
        guard_(std::move(guard)),
        identities_(options_.identity_log_max),
        connection_(std::move(connection)),
        queries_(connection_) {}

  ~SqliteStore() override { store_low_water(); }

  Result<void> open() {
    DATASYNC_TRY(configure());
    connection_.settle_old_log();
    DATASYNC_TRY(migrate(connection_));
    if (!options_.import) DATASYNC_TRY(expect_whole());
    DATASYNC_TRY(rows_.attach(connection_));
    DATASYNC_TRY(add_row_source(connection_, "batch_wanted", "CREATE TABLE x(key, tenant_id, at)", wanted_));
    DATASYNC_TRY(statements_.prepare(connection_));
    DATASYNC_TRY(retention_.open(connection_));
    DATASYNC_TRY(conflicts_.prepare(connection_));
    DATASYNC_TRY(lane_states_.prepare(connection_));
    DATASYNC_TRY(log_positions_.prepare(connection_));
    DATASYNC_TRY(queries_.prepare());
    sqlite3_wal_hook(connection_.native(), &SqliteStore::note_log_size, this);
    DATASYNC_TRY(take_shards());
    return read_marks();
  }

  Result<void> commit(const WriteBatch& batch) override {
    const Sequence mark = std::max(low_water_, batch.low_water);
    auto written = rows_.fill(batch, last_sequence_, mark);
    if (written) written = in_transaction([&] { return write(batch, mark); });
    if (written) {
      note_committed(mark);
      retention_.note(batch.states);
    } else {
      identities_.given_up();
    }
    rows_.clear();
    if (written && log_pages_ >= checkpoint_at_pages_) checkpoint();
    return written;
  }

  Sequence last_sequence() const override { return last_sequence_; }
  RecordKey last_record_key() const override { return last_record_key_; }

  Result<std::vector<std::optional<KnownEvent>>> find_events(std::span<const EventKey> keys) override {
    DATASYNC_TRY(begin_reading());
    std::vector<std::optional<KnownEvent>> known(keys.size());
    wanted_.rows.clear();
    for (std::size_t i = 0; i < keys.size(); ++i) {
      wanted_.rows.push_back({HashBytes(keys[i].key), &keys[i].tenant, static_cast<std::int64_t>(i)});
    }
    Statement& find = statements_.find_events;
    const ResetAtEnd reset(find);
    for (;;) {
      const auto row = find.step();
      if (!row) return fail(row.error());
      if (!*row) return known;
      known[static_cast<std::size_t>(find.integer(0))] =
          KnownEvent{{find.integer(1)}, EventId(find.text(3)), HashBytes::read(find.bytes(2))};
    }
  }

  Result<std::optional<RecordKey>> find_identity(const TenantId& tenant, Hash128 hash) override {
    DATASYNC_TRY(begin_reading());
    return identities_.find(tenant, hash);
  }
  Result<std::optional<Record>> load_record(const TenantId& tenant, RecordKey key) override {
    DATASYNC_TRY(begin_reading());
    return queries_.load_record(tenant, key);
  }
  Result<std::optional<HistoryEntry>> load_history(Sequence event) override {
    DATASYNC_TRY(begin_reading());
    return queries_.load_history(event);
  }
  Result<std::optional<StoredEvent>> load_event(Sequence sequence) override {
    DATASYNC_TRY(begin_reading());
    return queries_.load(sequence);
  }
  Result<std::vector<StoredEvent>> load_unfinished(Sequence after, std::int64_t limit) override {
    DATASYNC_TRY(begin_reading());
    return queries_.unfinished(after, low_water_, limit);
  }
  Result<std::vector<StoredEvent>> load_retrying(Sequence after, std::int64_t limit) override {
    DATASYNC_TRY(begin_reading());
    return queries_.retrying(after, limit);
  }
  Result<std::vector<StoredEvent>> load_matching(const Reader::EventFilter& filter) override {
    DATASYNC_TRY(begin_reading());
    return queries_.redrivable(filter);
  }
  Result<Reader::ConflictPage> load_conflicts(const Reader::ConflictFilter& filter) override {
    DATASYNC_TRY(begin_reading());
    return read_conflicts(connection_, filter);
  }

  Result<std::vector<LaneState>> load_lane_states() override { return lane_states_.load(); }

  Result<std::int64_t> delete_finished(Timestamp before, std::int64_t limit) override {
    DATASYNC_TRY(begin_reading());
    DATASYNC_TRY(retention_.look(before, limit));
    const std::vector<std::int64_t> found = retention_.found();
    if (found.empty()) return 0;
    const auto removed = in_transaction([this]() -> Result<void> {
      DATASYNC_TRY(retention_.remove());
      // Numbers are never given out twice, though the rows that held the highest are gone.
      return set_meta("last_sequence", last_sequence_.value);
    });
    if (!removed) return fail(removed.error());
    for (const std::int64_t sequence : found) tenants_.remove(sequence);
    return static_cast<std::int64_t>(found.size());
  }

  const std::string& identity_secret() const override { return secret_; }

  Result<std::unique_ptr<Reader>> make_reader() override {
    return open_sqlite_reader({options_.path, false, options_.base_vfs}, options_.cache_bytes / 8,
                              identities_.pending());
  }

  void maintain() override {
    end_reading();
    if (tenants_.pending() >= kIndexStepIdle) {
      const std::int64_t until = last_sequence_.value;
      if (in_transaction([&] { return tenants_.write(until); })) tenants_.written(until);
    }
    const bool is_worth_it = (log_pages_ - copied_pages_) * kPageBytes >= options_.wal_bytes_max / 8;
    if (is_worth_it && log_pages_ != refused_at_pages_) checkpoint();
  }

  std::int64_t epoch() const noexcept override { return epoch_; }

  std::int64_t bytes_on_disk() const override { return file_bytes(options_.path) + file_bytes(options_.path + "-wal"); }

 private:
  Result<void> configure() {
    const std::string cache = "PRAGMA cache_size = -" + std::to_string(options_.cache_bytes / 1024);
    for (const char* pragma : {
             "PRAGMA page_size = 4096",
             "PRAGMA auto_vacuum = NONE",  // freed pages are taken again; a map of all pages would be written with each
             "PRAGMA journal_mode = WAL",
             options_.durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = OFF",
             "PRAGMA wal_autocheckpoint = 0",  // this class decides when
             "PRAGMA temp_store = MEMORY",
             "PRAGMA secure_delete = FAST",  // Debian's default also writes zeros into pages that are not written
                                             // anyway
             cache.c_str(),
         }) {
      DATASYNC_TRY(connection_.run(pragma));
    }
    checkpoint_at_pages_ = options_.wal_bytes_max / kPageBytes;
    return {};
  }

  Result<void> expect_whole() {
    const auto unfinished = connection_.query_integer("SELECT value FROM meta WHERE name = 'import_unfinished'");
    if (!unfinished) return fail(unfinished.error());
    if (*unfinished == 0) return {};
    return fail(ErrorCode::kInvalid, std::string(kUnfinishedImport), options_.path);
  }

  /// Every shard is ours from here on; whoever held them before finds that out at its next commit.
  Result<void> take_shards() {
    DATASYNC_TRY(statements_.begin.run());
    auto taken = [this]() -> Result<void> {
      const auto highest = connection_.query_integer("SELECT max(epoch) FROM shard_leases");
      if (!highest) return fail(highest.error());
      epoch_ = *highest + 1;
      auto take = Statement::prepare(connection_,
                                     "INSERT OR REPLACE INTO shard_leases(shard, instance, epoch) VALUES(?, ?, ?)");
      if (!take) return fail(take.error());
      for (int shard = 0; shard < kShards; ++shard) {
        DATASYNC_TRY(take->bind(1, shard).bind_text(2, options_.instance).bind(3, epoch_).run());
      }
      DATASYNC_TRY(make_secret());
      return statements_.commit.run();
    }();
    if (!taken) connection_.roll_back();
    return taken;
  }

  Result<void> make_secret() {
    auto find = Statement::prepare(connection_, "SELECT value FROM meta WHERE name = 'identity_secret'");
    if (!find) return fail(find.error());
    const auto row = find->step();
    if (!row) return fail(row.error());
    if (*row) {
      secret_ = find->text(0);
      return {};
    }
    std::array<unsigned char, kSecretBytes> bytes{};
    if (RAND_bytes(bytes.data(), kSecretBytes) != 1) {
      return fail(ErrorCode::kUnavailable, "the system gives no random bytes for the store's secret");
    }
    secret_.assign(bytes.begin(), bytes.end());
    return statements_.set_meta.bind_text(1, "identity_secret").bind_blob(2, secret_).run();
  }

  Result<void> read_marks() {
    const std::pair<std::int64_t*, const char*> marks[] = {
        {&last_sequence_.value,
         "SELECT max(ifnull((SELECT max(seq) FROM event_log), 0), "
         "ifnull((SELECT value FROM meta WHERE name = 'last_sequence'), 0))"},
        {&last_record_key_.value, "SELECT ifnull(max(record_key), 0) FROM records"},
        {&low_water_.value, "SELECT value FROM meta WHERE name = 'low_water'"},
    };
    for (const auto& [mark, sql] : marks) {
      const auto value = connection_.query_integer(sql);
      if (!value) return fail(value.error());
      *mark = *value;
    }
    stored_low_water_ = low_water_;
    DATASYNC_TRY(identities_.open(connection_));
    return tenants_.open(connection_, last_sequence_.value);
  }

  /// What is read between two transactions shares one snapshot: taking and giving back the log's lock costs several
  /// times as much as to look up an identity. Nobody else writes, so it is never behind; and it keeps nobody from
  /// emptying the log, since that is done here, too.
  Result<void> begin_reading() {
    if (sqlite3_get_autocommit(connection_.native()) == 0) return {};
    return statements_.begin_reading.run();
  }
  void end_reading() noexcept {
    if (sqlite3_get_autocommit(connection_.native()) != 0) return;
    if (!statements_.commit.run()) connection_.roll_back();
  }

  /// Runs `body` between BEGIN and COMMIT if we still hold the shards; whatever fails, nothing is left of it.
  template <typename Body>
  Result<void> in_transaction(Body body) {
    end_reading();
    auto done = [&]() -> Result<void> {
      DATASYNC_TRY(statements_.begin.run());
      DATASYNC_TRY(check_epoch());
      DATASYNC_TRY(body());
      return statements_.commit.run();
    }();
    if (!done) connection_.roll_back();
    return done;
  }

  Result<void> check_epoch() {
    const ResetAtEnd reset(statements_.epoch);
    const auto row = statements_.epoch.step();
    if (!row) return fail(row.error());
    if (*row && statements_.epoch.integer(0) == epoch_) return {};
    return fail(ErrorCode::kConflict, "another instance has taken over this database: " + statements_.epoch.text(1));
  }

  Result<void> write(const WriteBatch& batch, Sequence mark) {
    if (batch.empty()) return set_meta("last_sequence", last_sequence_.value);  // one page, whose content is true
    if (!rows_.events.rows.empty()) DATASYNC_TRY(write_events());
    if (tenants_.pending() >= kIndexStep) DATASYNC_TRY(tenants_.write(last_sequence_.value));
    if (!rows_.new_states.rows.empty()) DATASYNC_TRY(statements_.insert_states.run());
    if (!rows_.states.rows.empty()) DATASYNC_TRY(statements_.replace_states.run());
    if (!rows_.records.rows.empty()) DATASYNC_TRY(write_records());
    DATASYNC_TRY(identities_.write(batch.identities));
    if (!rows_.history.rows.empty()) DATASYNC_TRY(write_history());
    for (const Conflict& conflict : batch.conflicts) DATASYNC_TRY(conflicts_.write(conflict));
    DATASYNC_TRY(lane_states_.write(batch.lane_states));
    DATASYNC_TRY(log_positions_.write(batch.log_positions));
    if (mark.value >= stored_low_water_.value + kLowWaterStep) DATASYNC_TRY(set_meta("low_water", mark.value));
    return {};
  }

  Result<void> write_events() {
    DATASYNC_TRY(statements_.insert_events.run());
    if (auto inserted = statements_.insert_keys.run(); !inserted) {
      Error error = std::move(inserted).error();
      if (error.code == ErrorCode::kConflict) error.message = "an event with this id was stored meanwhile";
      return fail(std::move(error));
    }
    return {};
  }

  Result<void> write_records() {
    DATASYNC_TRY(expect_no_row(statements_.check_records, "the record was changed meanwhile"));
    return statements_.replace_records.run();
  }

  static Result<void> expect_no_row(Statement& check, std::string message) {
    const ResetAtEnd reset(check);
    const auto row = check.step();
    if (!row) return fail(row.error());
    if (*row) return fail(ErrorCode::kConflict, std::move(message), std::to_string(check.integer(0)));
    return {};
  }

  Result<void> write_history() {
    DATASYNC_TRY(statements_.insert_history.run());
    if (sqlite3_changes64(connection_.native()) == static_cast<std::int64_t>(rows_.history.rows.size())) return {};
    std::vector<std::size_t> clashing;
    {
      const ResetAtEnd reset(statements_.clashing_history);
      for (;;) {
        const auto row = statements_.clashing_history.step();
        if (!row) return fail(row.error());
        if (!*row) break;
        clashing.push_back(static_cast<std::size_t>(statements_.clashing_history.integer(0)));
      }
    }
    for (const std::size_t at : clashing) DATASYNC_TRY(add_to_history(*rows_.history.rows[at].entry));
    return {};
  }

  /// A resolution changes a record in the name of the event that it resolves, which may have overwritten something
  /// before.
  Result<void> add_to_history(const HistoryEntry& entry) {
    auto stored = queries_.load_history(entry.event);
    if (!stored) return fail(std::move(stored).error());
    if (!*stored) return fail(ErrorCode::kInternal, "a history row is missing");
    std::vector<FieldState> fields = std::move((*stored)->overwritten);
    fields.insert(fields.end(), entry.overwritten.begin(), entry.overwritten.end());
    std::string body;
    append_history_body(body, fields);
    return statements_.update_history.bind(1, entry.version.value).bind_blob(2, body).bind(3, entry.event.value).run();
  }

  Result<void> set_meta(std::string_view name, std::int64_t value) {
    return statements_.set_meta.bind_text(1, name).bind(2, value).run();
  }

  void note_committed(Sequence mark) {
    low_water_ = mark;
    identities_.committed();
    if (mark.value >= stored_low_water_.value + kLowWaterStep) stored_low_water_ = mark;
    if (tenants_.pending() >= kIndexStep) tenants_.written(last_sequence_.value);
    for (const BatchRows::EventRow& row : rows_.events.rows) {
      tenants_.add(row.event->tenant, row.event->sequence);
      last_sequence_ = row.event->sequence;
    }
    if (!rows_.records.rows.empty()) {
      last_record_key_ = std::max(last_record_key_, rows_.records.rows.back().record->key);
    }
  }

  /// At the end of a run, so that the next one begins to look where this one stopped; without it, it looks a little
  /// longer.
  void store_low_water() noexcept {
    if (low_water_ == stored_low_water_) return;
    static_cast<void>(in_transaction([this] { return set_meta("low_water", low_water_.value); }));
  }

  static int note_log_size(void* self, sqlite3*, const char*, int pages) {
    auto& store = *static_cast<SqliteStore*>(self);
    if (pages < store.log_pages_) {  // it was begun anew
      store.copied_pages_ = 0;
      store.checkpoint_at_pages_ = store.options_.wal_bytes_max / kPageBytes;
    }
    store.log_pages_ = pages;
    return SQLITE_OK;
  }

  /// Copies the log into the database. PASSIVE: never waits for readers. The next transaction begins the log anew if
  /// all was copied and no reader looks at it; else it goes on growing, and another quarter later we try again.
  void checkpoint() {
    int log = 0;
    int copied = 0;
    const int code = sqlite3_wal_checkpoint_v2(connection_.native(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &log, &copied);
    if (code == SQLITE_OK) {
      copied_pages_ = copied;
      refused_at_pages_ = -1;
    } else {
      refused_at_pages_ = log_pages_;
      const Error error = connection_.last_error("checkpoint");
      log::warning("the log could not be copied into the database: {} ({})", error.message, error.detail);
    }
    checkpoint_at_pages_ = log_pages_ + options_.wal_bytes_max / kPageBytes / 4;
  }

  SqliteOptions options_;
  std::optional<FileGuard> guard_;
  BatchRows rows_;  // this and the next ones are read by the connection, so they go after it
  Rows<WantedRow> wanted_;
  Retention retention_;
  TenantIndex tenants_;
  IdentityIndex identities_;
  Connection connection_;
  Statements statements_;
  ConflictWriter conflicts_;
  LaneStates lane_states_;
  LogPositions log_positions_;
  EventQueries queries_;

  std::string secret_;
  std::int64_t epoch_ = 0;
  Sequence last_sequence_{};
  RecordKey last_record_key_{};
  Sequence low_water_{};
  Sequence stored_low_water_{};
  std::int64_t log_pages_ = 0;     // in the log
  std::int64_t copied_pages_ = 0;  // of them also in the database
  std::int64_t checkpoint_at_pages_ = 0;
  std::int64_t refused_at_pages_ = -1;  // so long was the log when it last couldn't be copied; -1: it could
};

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(SqliteOptions options) {
  std::optional<FileGuard> guard;
  if (options.guard) {
    auto taken = FileGuard::take(options.path, options.instance);
    if (!taken) return fail(std::move(taken).error());
    guard.emplace(std::move(*taken));
  }
  auto connection = Connection::open({options.path, true, options.base_vfs});
  if (!connection) return fail(std::move(connection).error());
  auto store = std::make_unique<SqliteStore>(std::move(options), std::move(guard), std::move(*connection));
  if (auto opened = store->open(); !opened) return fail(std::move(opened).error());
  return store;
}

}  // namespace datasync::storage::sqlite
