#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace datasync::bench {

/// The least that SQLite must do to keep an event and what became of it: a wide row for the event, a narrow one for its
/// state with two results in it, in a WAL with `synchronous=FULL`. Not a store: nothing here can be asked or recovered.
/// Errors (thrown): `std::runtime_error` with SQLite's words.
/// Threads: one.
class BareStore {
 public:
  explicit BareStore(const std::string& file);
  ~BareStore();
  BareStore(const BareStore&) = delete;
  BareStore& operator=(const BareStore&) = delete;

  void begin();
  /// Returns the event's number.
  std::int64_t add_event(std::string_view body);
  void finish_event(std::int64_t number);
  /// Durable when it returns.
  void commit();

 private:
  void run(const char* sql);
  sqlite3_stmt* prepare(const char* sql);
  void step(sqlite3_stmt* statement);

  sqlite3* database_ = nullptr;
  sqlite3_stmt *begin_ = nullptr, *commit_ = nullptr, *add_ = nullptr, *add_state_ = nullptr, *finish_ = nullptr;
};

}  // namespace datasync::bench
