#include "storage/postgres/text.h"

#include <simdjson.h>

#include <algorithm>

#include "base/any_byte.h"

namespace datasync::storage::postgres {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

bool is_ascii(char c) {
  return static_cast<unsigned char>(c) < 0x80;
}

void append_escaped(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  out += '\\';
  out += kDigits[byte >> 4U];
  out += kDigits[byte & 0xfU];
}

}  // namespace

std::string_view to_text(std::string_view bytes, std::string& buffer) {
  if (!any_byte(bytes, [](auto byte) { return (byte == 0) | (byte == '\\') | (byte >= 0x80); })) return bytes;
  const bool utf8 = simdjson::validate_utf8(bytes.data(), bytes.size());
  const auto must_change = [utf8](char c) { return c == '\\' || c == '\0' || (!utf8 && !is_ascii(c)); };
  if (std::none_of(bytes.begin(), bytes.end(), must_change)) return bytes;
  buffer.clear();
  for (const char c : bytes) {
    if (must_change(c)) {
      append_escaped(buffer, c);
    } else {
      buffer += c;
    }
  }
  return buffer;
}

Result<std::string> from_text(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      bytes += text[i];
      continue;
    }
    const auto high = i + 1 < text.size() ? kDigits.find(text[i + 1]) : std::string_view::npos;
    const auto low = i + 2 < text.size() ? kDigits.find(text[i + 2]) : std::string_view::npos;
    if (high == std::string_view::npos || low == std::string_view::npos) {
      return fail(ErrorCode::kCorrupt, "a stored text is damaged", "a backslash without its two digits");
    }
    bytes += static_cast<char>((high << 4U) | low);
    i += 2;
  }
  return bytes;
}

}  // namespace datasync::storage::postgres
