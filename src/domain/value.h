#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"

namespace datasync {

/// One JSON value, held as its canonical text: no white space, members sorted by name, strings in UTF-8 with only the
/// escapes that JSON demands, numbers in plain decimal without needless zeros. So two values are equal as parsed JSON
/// exactly when their texts are equal, numbers never pass through a float, and writing a value is copying its text.
class Value {
 public:
  enum class Kind : std::uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };

  Value() : text_("null") {}
  /// `text` must be canonical already, as `domain/json.h` makes it.
  static Value from_canonical(std::string text) { return Value(std::move(text)); }
  static Value string(std::string_view text);
  static Value integer(std::int64_t number) { return Value(std::to_string(number)); }
  static Value boolean(bool truth) { return Value(truth ? "true" : "false"); }

  [[nodiscard]] Kind kind() const noexcept;
  [[nodiscard]] bool is_null() const noexcept { return kind() == Kind::kNull; }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] std::uint64_t hash() const noexcept { return hash64(text_); }

  /// The string without quotes and escapes; none if the value is no string.
  [[nodiscard]] std::optional<std::string> as_string() const;
  /// The number; none if it is no number, has a fraction or does not fit.
  [[nodiscard]] std::optional<std::int64_t> as_integer() const;
  /// A string as it is, a number as its text, and none for the rest: how platforms send ids.
  [[nodiscard]] std::optional<std::string> as_id() const;

  bool operator==(const Value&) const = default;

 private:
  explicit Value(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// Appends `text` as a JSON string, quotes included. `text` must be UTF-8.
void append_json_string(std::string& out, std::string_view text);

/// A named value.
struct Field {
  std::string name;
  Value value;
  bool operator==(const Field&) const = default;
};

/// The members of one JSON object, sorted by name, each name once. Small: a few dozen at most, so look-up is linear.
class Fields {
 public:
  Fields() = default;
  [[nodiscard]] const Value* find(std::string_view name) const noexcept;
  [[nodiscard]] bool contains(std::string_view name) const noexcept { return find(name) != nullptr; }
  /// Adds the field, or replaces its value.
  void set(std::string_view name, Value value);
  /// Removes the field and returns its value; none if there is no such field.
  std::optional<Value> take(std::string_view name);

  [[nodiscard]] bool empty() const noexcept { return fields_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return fields_.size(); }
  [[nodiscard]] auto begin() const noexcept { return fields_.begin(); }
  [[nodiscard]] auto end() const noexcept { return fields_.end(); }
  void reserve(std::size_t count) { fields_.reserve(count); }

  /// Appends `{"a":1,"b":2}`.
  void append_json(std::string& out) const;
  [[nodiscard]] std::string to_json() const;
  [[nodiscard]] Value to_value() const { return Value::from_canonical(to_json()); }

  bool operator==(const Fields&) const = default;

 private:
  std::vector<Field> fields_;
};

}  // namespace datasync
