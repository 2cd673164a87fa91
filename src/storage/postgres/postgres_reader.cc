#include "storage/postgres/postgres_reader.h"

#include <optional>

#include "storage/postgres/connection.h"
#include "storage/postgres/queries.h"

namespace datasync::storage::postgres {
namespace {

constexpr int kTriesMax = 2;

/// The store was opened with the same address before, so whatever keeps a reader out now is no mistake of who asks.
Error not_now(Error error) {
  if (error.code == ErrorCode::kUnavailable) return error;
  return {ErrorCode::kUnavailable, "the database lets nobody in; try again later", error.message + ": " + error.detail};
}

/// A lost connection is made anew within the call, once.
class ReadingLink final : public Link {
 public:
  ReadingLink(Location location, Connection connection)
      : location_(std::move(location)), connection_(std::move(connection)) {}

  Result<Answer> read(const Sql& sql, const Parameters& parameters) override {
    for (int attempt = 1;; ++attempt) {
      if (connection_.lost()) {
        auto opened = Connection::open(location_, Connection::Use::kRead);
        if (!opened) return fail(not_now(std::move(opened).error().error));
        connection_ = std::move(*opened);
      }
      const Step step{&sql, &parameters};
      auto answers = connection_.run({&step, 1});
      if (answers) return std::move(answers->front());
      if (!answers.error().lost || attempt == kTriesMax) return fail(std::move(answers).error().error);
    }
  }

 private:
  Location location_;
  Connection connection_;
};

class PostgresReader final : public Reader {
 public:
  PostgresReader(Location location, Connection connection)
      : link_(std::move(location), std::move(connection)), queries_(link_) {}

  Result<EventPage> list_events(const EventFilter& filter) override { return queries_.list(filter); }
  Result<std::int64_t> count_events(const EventFilter& filter) override { return queries_.count(filter); }
  Result<std::vector<StoredEvent>> find_event(const Tenants& tenants, std::string_view id) override {
    return queries_.find(tenants, id);
  }
  Result<std::vector<StoredEvent>> events_after(const Tenants& tenants, Sequence after, std::int64_t limit) override {
    return queries_.after(tenants, after, limit);
  }
  Result<std::optional<RecordKey>> find_identity(const TenantId& tenant, Hash128 hash) override {
    return queries_.find_identity(tenant, hash);
  }
  Result<std::optional<Record>> load_record(const TenantId& tenant, RecordKey key) override {
    return queries_.load_record(tenant, key);
  }
  Result<std::optional<HistoryEntry>> load_history(Sequence event) override { return queries_.load_history(event); }
  Result<ConflictPage> list_conflicts(const ConflictFilter& filter) override { return queries_.conflicts(filter); }
  Result<std::vector<LogPosition>> log_positions() override { return queries_.log_positions(); }

 private:
  ReadingLink link_;
  Queries queries_;
};

}  // namespace

Result<std::unique_ptr<Reader>> open_postgres_reader(const Location& location) {
  auto connection = Connection::open(location, Connection::Use::kRead);
  if (!connection) return fail(not_now(std::move(connection).error().error));
  return std::make_unique<PostgresReader>(location, std::move(*connection));
}

}  // namespace datasync::storage::postgres
