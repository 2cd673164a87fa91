#include "storage/sqlite/statement.h"

#include <cassert>

namespace datasync::storage::sqlite {

Hash128 HashBytes::read(std::string_view bytes) noexcept {
  if (bytes.size() != 16) return {};
  Hash128 hash;
  for (std::size_t i = 0; i < 8; ++i) hash.high = (hash.high << 8U) | static_cast<unsigned char>(bytes[i]);
  for (std::size_t i = 8; i < 16; ++i) hash.low = (hash.low << 8U) | static_cast<unsigned char>(bytes[i]);
  return hash;
}

Result<Statement> Statement::prepare(Connection& connection, std::string_view sql) {
  Statement statement;
  sqlite3_stmt* native = nullptr;
  const int code = sqlite3_prepare_v3(connection.native(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &native, nullptr);
  statement.native_.reset(native);
  if (code != SQLITE_OK) return fail(connection.last_error(sql));
  return statement;
}

Statement& Statement::bind(int at, std::int64_t number) {
  [[maybe_unused]] const int code = sqlite3_bind_int64(native_.get(), at, number);
  assert(code == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_null(int at) {
  [[maybe_unused]] const int code = sqlite3_bind_null(native_.get(), at);
  assert(code == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_text(int at, std::string_view text) {
  // A null pointer would bind NULL, so an empty view gets an address of its own.
  const char* data = text.data() == nullptr ? "" : text.data();
  [[maybe_unused]] const int code =
      sqlite3_bind_text64(native_.get(), at, data, text.size(), SQLITE_STATIC, SQLITE_UTF8);
  assert(code == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_blob(int at, std::string_view bytes) {
  const char* data = bytes.data() == nullptr ? "" : bytes.data();
  [[maybe_unused]] const int code = sqlite3_bind_blob64(native_.get(), at, data, bytes.size(), SQLITE_STATIC);
  assert(code == SQLITE_OK);
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(native_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  sqlite3* connection = sqlite3_db_handle(native_.get());
  Error error = error_of(sqlite3_extended_errcode(connection), sqlite3_errmsg(connection), sqlite3_sql(native_.get()));
  reset();
  return fail(std::move(error));
}

Result<void> Statement::run() {
  for (;;) {
    const auto row = step();
    if (!row) return fail(row.error());
    if (*row) continue;
    reset();
    return {};
  }
}

std::string_view Statement::bytes(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(native_.get(), column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(native_.get(), column))};
}

}  // namespace datasync::storage::sqlite
