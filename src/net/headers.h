#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace datasync::net {

/// ASCII only, as HTTP and DNS compare names.
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;

/// The header fields of one message in their order: two allocations, however many fields there are. Names compare
/// without case. The views that it returns live until the next `add` and as long as the object stays where it is.
class Headers {
 public:
  void add(std::string_view name, std::string_view value);

  /// The first value by that name.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;
  /// The same, or the empty text.
  [[nodiscard]] std::string_view get(std::string_view name) const noexcept { return find(name).value_or(""); }
  [[nodiscard]] std::size_t count(std::string_view name) const noexcept;
  /// Whether a comma-separated list by that name (also over several fields) has the word, without case.
  [[nodiscard]] bool has_token(std::string_view name, std::string_view token) const noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] std::string_view name(std::size_t index) const noexcept;
  [[nodiscard]] std::string_view value(std::size_t index) const noexcept;

 private:
  struct Entry {
    std::uint32_t begin;
    std::uint32_t name_bytes;
    std::uint32_t value_bytes;
  };
  std::string text_;
  std::vector<Entry> entries_;
};

/// Appends `Name: value\r\n` to a prebuilt block of headers. False, with nothing appended, when the name is no token or
/// the value holds a control character: such a header could smuggle another one.
[[nodiscard]] bool append_header(std::string& block, std::string_view name, std::string_view value);

}  // namespace datasync::net
