#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/result.h"
#include "storage/sqlite/connection.h"

namespace datasync::storage::sqlite {

/// 128 bits as stored: big-endian, so that ids that rise with time also rise in the index.
class HashBytes {
 public:
  explicit HashBytes(const Hash128& hash) noexcept {
    put(hash.high, bytes_);
    put(hash.low, bytes_ + 8);
  }
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_, sizeof bytes_}; }
  /// Zero for a blob that is not 16 bytes long.
  [[nodiscard]] static Hash128 read(std::string_view bytes) noexcept;

 private:
  static void put(std::uint64_t value, char* out) noexcept {
    for (int i = 7; i >= 0; --i, value >>= 8U) out[i] = static_cast<char>(value & 0xffU);
  }
  char bytes_[16];
};

/// A prepared statement. Bound texts and blobs are borrowed: they must live until the statement is reset.
class Statement {
 public:
  Statement() = default;
  [[nodiscard]] static Result<Statement> prepare(Connection& connection, std::string_view sql);

  /// Parameters count from 1. Binding cannot fail but for a wrong position, which is a defect and asserted.
  Statement& bind(int at, std::int64_t number);
  Statement& bind_null(int at);
  Statement& bind_text(int at, std::string_view text);
  Statement& bind_blob(int at, std::string_view bytes);

  /// True while there is a row. An error resets the statement.
  [[nodiscard]] Result<bool> step();
  /// Steps to the end and resets.
  [[nodiscard]] Result<void> run();
  void reset() noexcept { sqlite3_reset(native_.get()); }

  /// Columns count from 0; views live until the next step.
  [[nodiscard]] std::int64_t integer(int column) const { return sqlite3_column_int64(native_.get(), column); }
  [[nodiscard]] std::string_view bytes(int column) const;
  [[nodiscard]] std::string text(int column) const { return std::string(bytes(column)); }
  [[nodiscard]] bool is_null(int column) const { return sqlite3_column_type(native_.get(), column) == SQLITE_NULL; }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* native) const noexcept { sqlite3_finalize(native); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> native_;
};

/// Resets a statement when the block ends, so that no read transaction stays open behind a return.
class ResetAtEnd {
 public:
  explicit ResetAtEnd(Statement& statement) : statement_(statement) {}
  ~ResetAtEnd() { statement_.reset(); }
  ResetAtEnd(const ResetAtEnd&) = delete;
  ResetAtEnd& operator=(const ResetAtEnd&) = delete;

 private:
  Statement& statement_;
};

}  // namespace datasync::storage::sqlite
