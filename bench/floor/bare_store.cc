#include "floor/bare_store.h"

#include <sqlite3.h>

#include <stdexcept>

namespace datasync::bench {
namespace {

constexpr std::string_view kPending = "pending,pending", kDone = "completed,completed";

void bind_text(sqlite3_stmt* statement, int index, std::string_view text) {
  sqlite3_bind_text(statement, index, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
}

}  // namespace

BareStore::BareStore(const std::string& file) {
  if (sqlite3_open(file.c_str(), &database_) != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(database_));
  run("PRAGMA journal_mode=WAL");
  run("PRAGMA synchronous=FULL");
  run("CREATE TABLE events(number INTEGER PRIMARY KEY, body TEXT) STRICT");
  run("CREATE TABLE states(number INTEGER PRIMARY KEY, results TEXT) STRICT");
  begin_ = prepare("BEGIN IMMEDIATE");
  commit_ = prepare("COMMIT");
  add_ = prepare("INSERT INTO events(body) VALUES(?)");
  add_state_ = prepare("INSERT INTO states(number, results) VALUES(?, ?)");
  finish_ = prepare("UPDATE states SET results = ?2 WHERE number = ?1");
}

BareStore::~BareStore() {
  for (sqlite3_stmt* statement : {begin_, commit_, add_, add_state_, finish_}) sqlite3_finalize(statement);
  sqlite3_close(database_);
}

void BareStore::begin() {
  step(begin_);
}

std::int64_t BareStore::add_event(std::string_view body) {
  bind_text(add_, 1, body);
  step(add_);
  const std::int64_t number = sqlite3_last_insert_rowid(database_);
  sqlite3_bind_int64(add_state_, 1, number);
  bind_text(add_state_, 2, kPending);
  step(add_state_);
  return number;
}

void BareStore::finish_event(std::int64_t number) {
  sqlite3_bind_int64(finish_, 1, number);
  bind_text(finish_, 2, kDone);
  step(finish_);
}

void BareStore::commit() {
  step(commit_);
}

void BareStore::run(const char* sql) {
  if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw std::runtime_error(sqlite3_errmsg(database_));
  }
}

sqlite3_stmt* BareStore::prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database_, sql, -1, &statement, nullptr) != SQLITE_OK) {
    throw std::runtime_error(sqlite3_errmsg(database_));
  }
  return statement;
}

void BareStore::step(sqlite3_stmt* statement) {
  const int result = sqlite3_step(statement);
  sqlite3_reset(statement);
  if (result != SQLITE_DONE) throw std::runtime_error(sqlite3_errmsg(database_));
}

}  // namespace datasync::bench
