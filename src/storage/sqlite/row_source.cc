#include "storage/sqlite/row_source.h"

#include <memory>
#include <new>

namespace datasync::storage::sqlite {
namespace {

struct Registration {
  const RowSource& source;
  const char* declaration;
};

struct Table : sqlite3_vtab {
  const RowSource* source = nullptr;
};

struct Cursor : sqlite3_vtab_cursor {
  std::size_t row = 0;
};

const RowSource& source_of(sqlite3_vtab_cursor* cursor) {
  return *static_cast<Table*>(cursor->pVtab)->source;
}

int connect(sqlite3* connection, void* data, int, const char* const*, sqlite3_vtab** out, char**) {
  const auto& registration = *static_cast<const Registration*>(data);
  const int code = sqlite3_declare_vtab(connection, registration.declaration);
  if (code != SQLITE_OK) return code;
  auto* table = new (std::nothrow) Table{};
  if (table == nullptr) return SQLITE_NOMEM;
  table->source = &registration.source;
  *out = table;
  return SQLITE_OK;
}

int disconnect(sqlite3_vtab* table) {
  delete static_cast<Table*>(table);
  return SQLITE_OK;
}

/// There is one plan, from the first row to the last, and it is cheap: the batch is always the outer loop.
int best_index(sqlite3_vtab*, sqlite3_index_info* info) {
  info->estimatedCost = 1;
  info->estimatedRows = 1;
  return SQLITE_OK;
}

int open(sqlite3_vtab*, sqlite3_vtab_cursor** out) {
  *out = new (std::nothrow) Cursor{};
  return *out == nullptr ? SQLITE_NOMEM : SQLITE_OK;
}

int close(sqlite3_vtab_cursor* cursor) {
  delete static_cast<Cursor*>(cursor);
  return SQLITE_OK;
}

int filter(sqlite3_vtab_cursor* cursor, int, const char*, int, sqlite3_value**) {
  static_cast<Cursor*>(cursor)->row = 0;
  return SQLITE_OK;
}

int next(sqlite3_vtab_cursor* cursor) {
  ++static_cast<Cursor*>(cursor)->row;
  return SQLITE_OK;
}

int at_end(sqlite3_vtab_cursor* cursor) {
  return static_cast<Cursor*>(cursor)->row >= source_of(cursor).size() ? 1 : 0;
}

int column(sqlite3_vtab_cursor* cursor, sqlite3_context* context, int at) {
  source_of(cursor).put(static_cast<Cursor*>(cursor)->row, at, ColumnOut(context));
  return SQLITE_OK;
}

int row_id(sqlite3_vtab_cursor* cursor, sqlite3_int64* out) {
  *out = static_cast<sqlite3_int64>(static_cast<Cursor*>(cursor)->row);
  return SQLITE_OK;
}

sqlite3_module make_module() {
  sqlite3_module module{};  // no xCreate: the table is there without being created, and can't be
  module.xConnect = connect;
  module.xBestIndex = best_index;
  module.xDisconnect = disconnect;
  module.xDestroy = disconnect;
  module.xOpen = open;
  module.xClose = close;
  module.xFilter = filter;
  module.xNext = next;
  module.xEof = at_end;
  module.xColumn = column;
  module.xRowid = row_id;
  return module;
}

const sqlite3_module kModule = make_module();

}  // namespace

Result<void> add_row_source(Connection& connection, const char* name, const char* declaration,
                            const RowSource& source) {
  auto registration = std::make_unique<Registration>(Registration{source, declaration});
  // SQLite owns the registration from here on, even if the call fails.
  const int code = sqlite3_create_module_v2(connection.native(), name, &kModule, registration.release(),
                                            [](void* data) { delete static_cast<Registration*>(data); });
  if (code != SQLITE_OK) return fail(connection.last_error(name));
  return {};
}

}  // namespace datasync::storage::sqlite
