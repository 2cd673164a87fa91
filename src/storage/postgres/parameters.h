#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"

namespace datasync::storage::postgres {

/// The parameters of one statement in PostgreSQL's binary format: single values, and columns of many rows as arrays,
/// which the statement takes apart by `unnest`. The statement names the types (`$1::bigint[]`). Texts go through
/// `to_text`. Buffers are kept from use to use.
class Parameters {
 public:
  Parameters& integer(std::int64_t value);
  Parameters& text(std::string_view value);
  Parameters& bytes(std::string_view value);
  Parameters& uuid(Hash128 value);
  Parameters& null();

  /// The next parameter is an array, and what follows are its elements until `end_array`.
  enum class Element : std::uint8_t { kBigint, kSmallint, kText, kBytes, kUuid };
  Parameters& begin_array(Element type);
  void add_integer(std::int64_t value);
  void add_text(std::string_view value);
  void add_bytes(std::string_view value);
  void add_uuid(Hash128 value);
  void add_null();
  void end_array();

  /// An array of every row's value: `each` adds one element for a row.
  template <typename Rows, typename Each>
  Parameters& column(Element type, const Rows& rows, Each each) {
    begin_array(type);
    for (const auto& row : rows) each(row);
    end_array();
    return *this;
  }

  void clear();

  [[nodiscard]] int size() const noexcept { return static_cast<int>(values_.size()); }
  /// For libpq; valid until the next change.
  struct Native {
    std::vector<const char*> values;
    std::vector<int> lengths;
    std::vector<int> formats;
  };
  void to_native(Native& native) const;

 private:
  struct Value {
    std::size_t at;
    std::size_t size;
    bool is_null;
  };
  void close(std::size_t from) { values_.push_back({from, bytes_.size() - from, false}); }

  std::string bytes_;
  std::string escaped_;
  std::vector<Value> values_;
  std::size_t array_at_ = 0;
  std::int32_t array_size_ = 0;
  bool array_has_null_ = false;
  Element array_type_ = Element::kBigint;
};

}  // namespace datasync::storage::postgres
