#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/time.h"

namespace datasync::api {

/// Numbers as eight bytes, the lowest first, and texts with their length before them: any bytes may be in them.
class ByteWriter {
 public:
  ByteWriter& number(std::int64_t value) {
    auto bits = static_cast<std::uint64_t>(value);
    for (int i = 0; i < 8; ++i, bits >>= 8) out_ += static_cast<char>(bits & 0xff);
    return *this;
  }
  ByteWriter& text(std::string_view value) {
    number(static_cast<std::int64_t>(value.size()));
    out_ += value;
    return *this;
  }
  ByteWriter& time(const std::optional<Timestamp>& value) {
    number(value ? 1 : 0);
    return value ? number(value->time_since_epoch().count()) : *this;
  }
  template <typename T>
  requires std::is_enum_v<T> ByteWriter& word(T value) { return number(static_cast<std::int64_t>(value)); }

  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

/// Reads what `ByteWriter` wrote. What is not there reads as nothing, and `ok` tells at the end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : left_(bytes) {}

  std::int64_t number() {
    if (left_.size() < 8) return refuse();
    std::uint64_t bits = 0;
    for (std::size_t i = 8; i-- > 0;) bits = bits << 8 | static_cast<unsigned char>(left_[i]);
    left_.remove_prefix(8);
    return static_cast<std::int64_t>(bits);
  }
  std::string text() {
    const auto size = static_cast<std::uint64_t>(number());
    if (size > left_.size()) return refuse(), std::string();
    std::string value(left_.substr(0, size));
    left_.remove_prefix(size);
    return value;
  }
  std::optional<Timestamp> time() {
    if (number() == 0) return std::nullopt;
    return Timestamp{microseconds{number()}};
  }
  /// `last` is the highest value that the enumeration has.
  template <typename T>
  requires std::is_enum_v<T> T word(T last) {
    const std::int64_t value = number();
    if (value < 0 || value > static_cast<std::int64_t>(last)) return refuse(), T{};
    return static_cast<T>(value);
  }
  /// How many elements follow; each takes eight bytes at least.
  std::size_t count() {
    const std::int64_t value = number();
    if (value < 0 || static_cast<std::uint64_t>(value) > left_.size() / 8) return static_cast<std::size_t>(refuse());
    return static_cast<std::size_t>(value);
  }
  /// All was there, and nothing is left.
  [[nodiscard]] bool ok() const noexcept { return ok_ && left_.empty(); }

 private:
  std::int64_t refuse() {
    ok_ = false;
    left_ = {};
    return 0;
  }

  std::string_view left_;
  bool ok_ = true;
};

}  // namespace datasync::api
