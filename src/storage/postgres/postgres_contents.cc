#include "storage/postgres/postgres_contents.h"

#include <utility>
#include <vector>

#include "storage/codec/event_codec.h"
#include "storage/codec/record_codec.h"
#include "storage/postgres/connection.h"
#include "storage/postgres/postgres_store.h"
#include "storage/postgres/queries.h"
#include "storage/postgres/schema.h"

namespace datasync::storage::postgres {
namespace {

constexpr std::int64_t kPageRows = 1000;

/// The server keeps the snapshot as long as the transaction is open, also while nobody reads on.
constexpr const char* kBegin =
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = 0";
constexpr Sql kMarks{
    "",
    "SELECT (SELECT bytes FROM meta WHERE name = 'identity_secret'), greatest((SELECT max(seq) FROM event_log), "
    "(SELECT number FROM meta WHERE name = 'last_sequence'))"};
constexpr Sql kRecords{"export_records",
                       "SELECT record_key, tenant_id FROM records WHERE record_key > $1::bigint ORDER BY record_key "
                       "LIMIT $2::bigint"};
constexpr Sql kIdentities{"export_identities",
                          "SELECT hash, kind, record_key, tenant_id FROM identities WHERE hash > $1::uuid "
                          "ORDER BY hash LIMIT $2::bigint"};
constexpr Sql kFirstIdentities{
    "", "SELECT hash, kind, record_key, tenant_id FROM identities ORDER BY hash LIMIT $1::bigint"};
constexpr Sql kBodies{"export_bodies",
                      "SELECT e.seq, e.body, h.record_key, h.version, h.body FROM event_log e LEFT JOIN histories "
                      "h ON h.seq = e.seq WHERE e.seq > $1::bigint ORDER BY e.seq LIMIT $2::bigint"};
constexpr Sql kConflicts{"export_conflicts",
                         "SELECT row_number, id FROM sync_conflicts WHERE row_number > $1::bigint ORDER BY row_number "
                         "LIMIT $2::bigint"};

/// Within one transaction: what is lost with its connection can't be read on.
class SnapshotLink final : public Link {
 public:
  explicit SnapshotLink(Connection connection) : connection_(std::move(connection)) {}

  Result<void> begin() {
    if (auto begun = connection_.run_script(kBegin, Connection::kStatementMax); !begun) {
      return fail(std::move(begun).error().error);
    }
    return {};
  }
  Result<Answer> read(const Sql& sql, const Parameters& parameters) override {
    const Step step{&sql, &parameters};
    auto answers = connection_.run({&step, 1});
    if (!answers) return fail(std::move(answers).error().error);
    return std::move(answers->front());
  }

 private:
  Connection connection_;
};

class PostgresContents final : public Contents {
 public:
  explicit PostgresContents(Connection connection) : link_(std::move(connection)), queries_(link_) {}

  Result<void> open() { return link_.begin(); }

  Result<ContentMarks> marks() override {
    const auto answer = link_.read(kMarks, {});
    if (!answer) return fail(answer.error());
    auto positions = queries_.log_positions();
    if (!positions) return fail(std::move(positions).error());
    return ContentMarks{std::string(answer->bytes(0, 0)), {answer->integer(0, 1)}, std::move(*positions)};
  }

  Result<std::vector<LaneState>> lane_states() override { return queries_.lane_states(); }

  Result<std::vector<Record>> next_records() override {
    const auto answer = next(kRecords, record_.value);
    if (!answer) return fail(answer.error());
    std::vector<Record> page;
    for (int row = 0; row < answer->rows(); ++row) {
      record_ = {answer->integer(row, 0)};
      auto tenant = answer->text(row, 1);
      if (!tenant) return fail(std::move(tenant).error());
      auto record = queries_.load_record(TenantId(*tenant), record_);
      if (!record) return fail(std::move(record).error());
      if (!*record) return fail(ErrorCode::kInternal, "a record is gone within a snapshot");
      page.push_back(std::move(**record));
    }
    return page;
  }

  Result<std::vector<IdentityWrite>> next_identities() override {
    parameters_.clear();
    if (identity_) parameters_.uuid(*identity_);
    parameters_.integer(kPageRows);
    const auto answer = link_.read(identity_ ? kIdentities : kFirstIdentities, parameters_);
    if (!answer) return fail(answer.error());
    std::vector<IdentityWrite> page;
    for (int row = 0; row < answer->rows(); ++row) {
      auto tenant = answer->text(row, 3);
      if (!tenant) return fail(std::move(tenant).error());
      identity_ = answer->uuid(row, 0);
      page.push_back({*identity_,
                      static_cast<IdentityKind>(answer->integer(row, 1)),
                      {answer->integer(row, 2)},
                      TenantId(*tenant),
                      false});
    }
    return page;
  }

  Result<std::vector<ContentEvent>> next_events() override {
    auto stored = queries_.after({}, event_, kPageRows);
    if (!stored) return fail(std::move(stored).error());
    const auto answer = next(kBodies, event_.value);
    if (!answer) return fail(answer.error());
    std::vector<ContentEvent> page;
    for (StoredEvent& one : *stored) {
      const auto row = static_cast<int>(page.size());
      ContentEvent& content = page.emplace_back();
      event_ = one.event->sequence;
      if (row >= answer->rows() || answer->integer(row, 0) != event_.value) {
        return fail(ErrorCode::kInternal, "an event is gone within a snapshot");
      }
      Event ignored;
      DATASYNC_TRY(read_event_body(answer->bytes(row, 1), ignored, &content.more_keys));
      if (!answer->is_null(row, 2)) {
        auto overwritten = read_history_body(answer->bytes(row, 4));
        if (!overwritten) return fail(std::move(overwritten).error());
        content.history = HistoryEntry{
            event_, {answer->integer(row, 2)}, one.event->tenant, {answer->integer(row, 3)}, std::move(*overwritten)};
      }
      content.stored = std::move(one);
    }
    return page;
  }

  Result<std::vector<Conflict>> next_conflicts() override {
    const auto answer = next(kConflicts, conflict_);
    if (!answer) return fail(answer.error());
    std::vector<Conflict> page;
    for (int row = 0; row < answer->rows(); ++row) {
      conflict_ = answer->integer(row, 0);
      auto id = answer->text(row, 1);
      if (!id) return fail(std::move(id).error());
      Reader::ConflictFilter filter;
      filter.id = std::move(*id);
      auto found = queries_.conflicts(filter);
      if (!found) return fail(std::move(found).error());
      for (Conflict& conflict : found->conflicts) page.push_back(std::move(conflict));
    }
    return page;
  }

 private:
  Result<Answer> next(const Sql& sql, std::int64_t after) {
    parameters_.clear();
    parameters_.integer(after).integer(kPageRows);
    return link_.read(sql, parameters_);
  }

  SnapshotLink link_;
  Queries queries_;
  Parameters parameters_;
  RecordKey record_{};
  std::optional<Hash128> identity_;
  Sequence event_{};
  std::int64_t conflict_ = 0;
};

Result<Connection> connect(const std::string& url, Connection::Use use) {
  const auto location = read_location(url);
  if (!location) return fail(location.error());
  auto connection = Connection::open(*location, use);
  if (!connection) return fail(std::move(connection).error().error);
  return std::move(*connection);
}

Result<Answer> ask(Connection& connection, const Sql& sql, const Parameters& parameters = {}) {
  const Step step{&sql, &parameters};
  auto answers = connection.run({&step, 1});
  if (!answers) return fail(std::move(answers).error().error);
  return std::move(answers->front());
}

}  // namespace

Result<std::unique_ptr<Contents>> open_postgres_contents(const std::string& url) {
  DATASYNC_TRY(expect_newest_schema(url));
  auto connection = connect(url, Connection::Use::kRead);
  if (!connection) return fail(std::move(connection).error());
  auto contents = std::make_unique<PostgresContents>(std::move(*connection));
  if (auto opened = contents->open(); !opened) return fail(std::move(opened).error());
  return contents;
}

Result<void> begin_import(const std::string& url, const ContentMarks& marks) {
  auto connection = connect(url, Connection::Use::kWrite);
  if (!connection) return fail(std::move(connection).error());
  if (auto done = migrate(*connection); !done) return fail(std::move(done).error().error);
  static constexpr Sql kIsEmpty{
      "",
      "SELECT NOT EXISTS(SELECT FROM event_log) AND NOT EXISTS(SELECT FROM records) AND NOT EXISTS(SELECT FROM "
      "lane_states)"};
  const auto empty = ask(*connection, kIsEmpty);
  if (!empty) return fail(empty.error());
  if (empty->integer(0, 0) == 0) {
    return fail(ErrorCode::kInvalid, "there is a database at " + describe_url(url) + " already, and it is not empty");
  }
  static constexpr Sql kKeep{"", "SELECT datasync_keep_up_to($1::bigint)"};
  Parameters last;
  last.integer(marks.last_sequence.value);
  if (const auto kept = ask(*connection, kKeep, last); !kept) return fail(kept.error());
  static constexpr Sql kBeginImport{
      "",
      "INSERT INTO meta(name, number, bytes) VALUES('identity_secret', NULL, $1::bytea), "
      "('import_unfinished', 1, NULL) ON CONFLICT(name) DO UPDATE SET number = excluded.number, bytes = "
      "excluded.bytes"};
  Parameters parameters;
  parameters.bytes(marks.identity_secret);
  const auto begun = ask(*connection, kBeginImport, parameters);
  if (!begun) return fail(begun.error());
  return {};
}

Result<void> end_import(const std::string& url, Sequence last) {
  auto connection = connect(url, Connection::Use::kWrite);
  if (!connection) return fail(std::move(connection).error());
  static constexpr Sql kEndImport{
      "",
      "WITH done AS (DELETE FROM meta WHERE name = 'import_unfinished') INSERT INTO meta(name, number) "
      "VALUES('last_sequence', $1::bigint) ON CONFLICT(name) DO UPDATE SET number = excluded.number"};
  Parameters parameters;
  parameters.integer(last.value);
  const auto ended = ask(*connection, kEndImport, parameters);
  if (!ended) return fail(ended.error());
  return {};
}

Result<void> expect_no_import(const std::string& url) {
  auto connection = connect(url, Connection::Use::kRead);
  if (!connection) return fail(std::move(connection).error());
  static constexpr Sql kIsThere{"", "SELECT to_regclass('meta') IS NOT NULL"};
  static constexpr Sql kIsUnfinished{"", "SELECT EXISTS(SELECT FROM meta WHERE name = 'import_unfinished')"};
  const auto there = ask(*connection, kIsThere);
  if (!there) return fail(there.error());
  if (there->integer(0, 0) == 0) return {};
  const auto unfinished = ask(*connection, kIsUnfinished);
  if (!unfinished) return fail(unfinished.error());
  if (unfinished->integer(0, 0) == 0) return {};
  return fail(ErrorCode::kInvalid, std::string(kUnfinishedImport), describe_url(url));
}

}  // namespace datasync::storage::postgres
