#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "domain/value.h"

namespace datasync::storage {

/// Appends a JSON number.
template <typename Integer>
void append_integer(std::string& out, Integer number) {
  char digits[24];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, end);
}

/// Reads the compact JSON that this room's codecs write, and only that: no white space, only the escapes of
/// `append_json_string`. Values are taken over as canonical text without another look, and bytes that are no UTF-8
/// pass, which is why `domain/json.h` does not serve here (and this reads in a third of its time).
///
/// Errors: the first one sticks; from then on everything is empty, zero and at its end, and `finished()` is false. So a
///         codec reads straight through and asks once. Damaged text never leads out of the buffer.
class CompactJsonReader {
 public:
  explicit CompactJsonReader(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  /// Enters an array or object; then `more()` tells before each element or member whether there is one, and leaves.
  void enter_array() { enter('['); }
  void enter_object() { enter('{'); }
  [[nodiscard]] bool more();
  /// The name of a member; its value follows.
  [[nodiscard]] std::string name();

  [[nodiscard]] std::int64_t integer();
  [[nodiscard]] std::uint64_t unsigned_integer();
  [[nodiscard]] std::string string();
  [[nodiscard]] Value value() { return Value::from_canonical(std::string(raw())); }
  /// The members of an object.
  [[nodiscard]] Fields fields();
  /// Takes a `null`, if one stands here.
  [[nodiscard]] bool null();
  /// True if a string stands here.
  [[nodiscard]] bool at_string() const noexcept { return at_ != end_ && *at_ == '"'; }

  /// Everything was read, and all of it had the right shape.
  [[nodiscard]] bool finished() const noexcept { return !failed_ && at_ == end_; }
  [[nodiscard]] bool failed() const noexcept { return failed_; }
  void refuse() noexcept;

 private:
  void enter(char bracket);
  bool take(char wanted) noexcept;
  std::string_view raw();
  std::string_view raw_string();
  template <typename Integer>
  Integer number();

  const char* at_;
  const char* end_;
  bool first_ = false;  // the next element is the first of its array or object
  bool failed_ = false;
};

}  // namespace datasync::storage
