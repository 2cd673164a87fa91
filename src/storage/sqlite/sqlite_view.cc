#include <utility>

#include "storage/sqlite/connection.h"
#include "storage/sqlite/identity_index.h"
#include "storage/sqlite/schema.h"
#include "storage/sqlite/sqlite_reader.h"
#include "storage/sqlite/sqlite_store.h"
#include "storage/sqlite/statement.h"

namespace datasync::storage::sqlite {
namespace {

constexpr std::int64_t kCacheBytes = 16 << 20;

/// All in one read transaction, which is over when this returns: one that stays open keeps the service's log growing.
Result<std::shared_ptr<const PendingIdentities>> read_marks(Connection& connection, SqliteView& view) {
  DATASYNC_TRY(connection.run("BEGIN"));
  const auto last = connection.query_integer(
      "SELECT max(ifnull((SELECT max(seq) FROM event_log), 0), "
      "ifnull((SELECT value FROM meta WHERE name = 'last_sequence'), 0))");
  if (!last) return fail(last.error());
  view.last_sequence = {*last};
  auto find = Statement::prepare(connection, "SELECT value FROM meta WHERE name = 'identity_secret'");
  if (!find) return fail(find.error());
  const auto row = find->step();
  if (!row) return fail(row.error());
  if (*row) view.identity_secret = find->text(0);
  IdentityIndex identities(1);
  DATASYNC_TRY(identities.open(connection));
  return identities.pending();
}

}  // namespace

Result<SqliteView> open_sqlite_view(const std::string& path) {
  DATASYNC_TRY(expect_newest_schema(path));
  auto connection = Connection::open({path, false, {}});
  if (!connection) return fail(std::move(connection).error());
  SqliteView view;
  auto pending = read_marks(*connection, view);
  if (!pending) return fail(std::move(pending).error());
  connection->roll_back();
  auto reader = open_sqlite_reader({path, false, {}}, kCacheBytes, std::move(*pending));
  if (!reader) return fail(std::move(reader).error());
  view.reader = std::move(*reader);
  return view;
}

}  // namespace datasync::storage::sqlite
