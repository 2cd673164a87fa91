#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "domain/value.h"

namespace datasync::storage {

/// Appends spaces, which JSON ignores, until what stands in `out` from `from` on is a multiple of `step` long. A row
/// that is written again with its old length is overwritten in place, which spares the database moving its neighbours.
inline void pad_to_step(std::string& out, std::size_t from, std::size_t step) {
  out.append((step - (out.size() - from) % step) % step, ' ');
}

/// Writes compact JSON to the end of a string without asking for room at every character: `need` once for what follows,
/// then puts.
/// Lifecycle: the string has its right length again when the writer is gone, or after `finish`.
class CompactJsonWriter {
 public:
  static constexpr std::size_t kNumberBytesMax = 21;

  explicit CompactJsonWriter(std::string& out) : out_(out), from_(out.size()) { place(from_); }
  ~CompactJsonWriter() { finish(); }
  CompactJsonWriter(const CompactJsonWriter&) = delete;
  CompactJsonWriter& operator=(const CompactJsonWriter&) = delete;

  void need(std::size_t bytes) {
    if (static_cast<std::size_t>(end_ - at_) < bytes) grow(bytes);
  }
  void put(char c) noexcept { *at_++ = c; }
  void put(std::string_view text) noexcept {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  template <typename Integer>
  void integer(Integer number) noexcept {
    at_ = std::to_chars(at_, end_, number).ptr;
  }
  /// A string with its quotes; makes its own room, and leaves `more` bytes of it.
  void quoted(std::string_view text, std::size_t more);
  /// The last character that was put; something was.
  [[nodiscard]] char last() const noexcept { return at_[-1]; }
  /// Bytes put so far.
  [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(at_ - out_.data()) - from_; }
  void finish() {
    const std::size_t used = from_ + size();
    out_.resize(used);
    place(used);
  }

 private:
  void place(std::size_t used) noexcept {
    at_ = out_.data() + used;
    end_ = out_.data() + out_.size();
  }
  void grow(std::size_t bytes);

  std::string& out_;
  std::size_t from_;
  char* at_ = nullptr;
  char* end_ = nullptr;
};

/// Reads the compact JSON that this room's codecs write, and only that: no white space, only the escapes of
/// `append_json_string`. Values are taken over as canonical text without another look, and bytes that are no UTF-8
/// pass, which is why `domain/json.h` does not serve here (and this reads in a third of its time).
///
/// Errors: the first one sticks; from then on everything is empty, zero and at its end, and `finished()` is false. So a
///         codec reads straight through and asks once. Damaged text never leads out of the buffer.
class CompactJsonReader {
 public:
  explicit CompactJsonReader(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {
    while (end_ != at_ && end_[-1] == ' ') --end_;  // see `pad_to_step`
  }

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
