#include "wire/http_scan.h"

#include <strings.h>

#include <charconv>
#include <stdexcept>

namespace datasync::bench {
namespace {

/// The value of `line` if it is the header `name:` (lower case), without spaces around it.
std::optional<std::string_view> value_of(std::string_view line, std::string_view name) {
  if (line.size() < name.size() || (line[0] | 0x20) != name[0]) return std::nullopt;
  if (::strncasecmp(line.data(), name.data(), name.size()) != 0) return std::nullopt;
  line.remove_prefix(name.size());
  while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  while (!line.empty() && line.back() == ' ') line.remove_suffix(1);
  return line;
}

}  // namespace

std::optional<HttpMessage> scan_http(std::string_view buffer) {
  const std::size_t head_end = buffer.find("\r\n\r\n");
  if (head_end == std::string_view::npos) return std::nullopt;

  HttpMessage message;
  std::size_t body_bytes = 0;
  std::size_t line_end = buffer.find("\r\n");
  message.start_line = buffer.substr(0, line_end);
  while (line_end < head_end) {
    const std::size_t begin = line_end + 2;
    line_end = buffer.find("\r\n", begin);
    const std::string_view line = buffer.substr(begin, line_end - begin);
    if (const auto length = value_of(line, "content-length:")) {
      std::from_chars(length->data(), length->data() + length->size(), body_bytes);
    } else if (const auto connection = value_of(line, "connection:")) {
      message.closes = ::strncasecmp(connection->data(), "close", 5) == 0;
    } else if (value_of(line, "transfer-encoding:")) {
      throw std::runtime_error("the benchmark reads no chunked messages");
    }
  }

  message.bytes = head_end + 4 + body_bytes;
  if (buffer.size() < message.bytes) return std::nullopt;
  message.body = buffer.substr(head_end + 4, body_bytes);
  return message;
}

int status_of(std::string_view start_line) {
  if (start_line.size() < 12 || !start_line.starts_with("HTTP/1.")) return 0;
  int status = 0;
  std::from_chars(start_line.data() + 9, start_line.data() + 12, status);
  return status;
}

std::string_view target_of(std::string_view start_line) {
  const std::size_t begin = start_line.find(' ');
  if (begin == std::string_view::npos) return {};
  const std::size_t end = start_line.find(' ', begin + 1);
  if (end == std::string_view::npos) return {};
  return start_line.substr(begin + 1, end - begin - 1);
}

}  // namespace datasync::bench
