#include "bus/kafka/brokers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace datasync::bus::kafka {
namespace {

constexpr int kUsualPort = 9092;

bool is_host(std::string_view host) {
  const auto is_part = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
  };
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    return !host.empty() && std::all_of(host.begin(), host.end(), [&](char c) { return is_part(c) || c == ':'; });
  }
  return !host.empty() && std::all_of(host.begin(), host.end(), is_part);
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

Result<std::string> read_broker(std::string_view text, std::size_t number) {
  const std::size_t colon = text.ends_with(']') ? std::string_view::npos : text.rfind(':');
  const std::string_view host = text.substr(0, colon);
  int port = kUsualPort;
  if (colon != std::string_view::npos) {
    const std::string_view digits = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc{} || end != digits.data() + digits.size() || port > 65'535) port = 0;
  }
  if (!is_host(host) || port < 1) {
    return fail(ErrorCode::kInvalid, fmt::format("broker {} must be `host:port`, with a port from 1 to 65535", number));
  }
  return fmt::format("{}:{}", host, port);
}

}  // namespace

Result<std::string> read_brokers(std::string_view text) {
  std::string brokers;
  for (std::size_t number = 1;; ++number) {
    const std::size_t comma = text.find(',');
    auto broker = read_broker(trimmed(text.substr(0, comma)), number);
    if (!broker) return broker;
    brokers += (brokers.empty() ? "" : ",") + *broker;
    if (comma == std::string_view::npos) return brokers;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace datasync::bus::kafka
