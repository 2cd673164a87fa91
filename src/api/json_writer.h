#pragma once

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "domain/value.h"

namespace datasync::api {

/// Writes one JSON text, front to back; commas and quotes are its own business. Text that it gets must be UTF-8.
class JsonWriter {
 public:
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }

  JsonWriter& key(std::string_view name) {
    separate();
    append_json_string(out_, name);
    out_ += ':';
    separated_ = true;
    return *this;
  }
  JsonWriter& text(std::string_view value) {
    separate();
    append_json_string(out_, value);
    return *this;
  }
  /// JSON that is right already.
  JsonWriter& raw(std::string_view json) {
    separate();
    out_ += json;
    return *this;
  }
  JsonWriter& integer(std::int64_t value) {
    separate();
    std::array<char, std::numeric_limits<std::int64_t>::digits10 + 2> digits;
    char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out_.append(digits.data(), end);
    return *this;
  }
  /// At most six decimals, none that say nothing.
  JsonWriter& number(double value) {
    separate();
    fmt::format_to(std::back_inserter(out_), "{}", static_cast<double>(static_cast<std::int64_t>(value * 1e6)) / 1e6);
    return *this;
  }
  JsonWriter& boolean(bool value) { return raw(value ? "true" : "false"); }
  JsonWriter& null() { return raw("null"); }

  JsonWriter& field(std::string_view name, std::string_view value) { return key(name).text(value); }
  JsonWriter& field(std::string_view name, const char* value) { return key(name).text(value); }
  JsonWriter& field(std::string_view name, const std::string& value) { return key(name).text(value); }
  JsonWriter& field(std::string_view name, bool value) { return key(name).boolean(value); }
  JsonWriter& field(std::string_view name, std::int64_t value) { return key(name).integer(value); }
  JsonWriter& field(std::string_view name, int value) { return key(name).integer(value); }
  JsonWriter& field(std::string_view name, std::size_t value) {
    return key(name).integer(static_cast<std::int64_t>(value));
  }
  JsonWriter& field(std::string_view name, double value) { return key(name).number(value); }
  JsonWriter& field(std::string_view name, Timestamp value) { return key(name).text(format_rfc3339(value)); }
  template <typename T>
  JsonWriter& field(std::string_view name, const std::optional<T>& value) {
    return value ? field(name, *value) : key(name).null();
  }
  /// Null where the text is empty: how an absent id stands in an answer.
  JsonWriter& field_or_null(std::string_view name, std::string_view value) {
    return value.empty() ? key(name).null() : field(name, value);
  }

  [[nodiscard]] std::size_t size() const noexcept { return out_.size(); }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  void separate() {
    if (!separated_) out_ += ',';
    separated_ = false;
  }
  JsonWriter& open(char bracket) {
    separate();
    out_ += bracket;
    separated_ = true;
    return *this;
  }
  JsonWriter& close(char bracket) {
    out_ += bracket;
    separated_ = false;
    return *this;
  }

  std::string out_;
  bool separated_ = true;  // nothing stands before the next value that a comma must part it from
};

}  // namespace datasync::api
