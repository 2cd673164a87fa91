#include "base/uuid.h"

#include <algorithm>

#include "base/hash.h"

namespace datasync {
namespace {

constexpr std::uint32_t kCounterMax = 0xfff;

void put_big_endian(std::uint64_t value, std::uint8_t* out, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) {
    out[i] = static_cast<std::uint8_t>(value & 0xffU);
    value >>= 8U;
  }
}

void mark(Uuid& uuid, std::uint8_t version) {
  uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0fU) | (version << 4U));
  uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3fU) | 0x80U);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_dash(std::size_t position) {
  return position == 8 || position == 13 || position == 18 || position == 23;
}

}  // namespace

Uuid UuidGenerator::next() {
  const auto since = std::chrono::floor<milliseconds>(clock_.now()).time_since_epoch().count();
  const auto now_ms = static_cast<std::uint64_t>(since);
  if (now_ms > last_ms_) {
    last_ms_ = now_ms;
    counter_ = static_cast<std::uint32_t>(random_.next() & 0x7ffU);  // half the room is left to count upwards
  } else if (++counter_ > kCounterMax) {
    ++last_ms_;
    counter_ = 0;
  }
  Uuid uuid;
  put_big_endian(last_ms_, uuid.data(), 6);
  put_big_endian(counter_, uuid.data() + 6, 2);
  put_big_endian(random_.next(), uuid.data() + 8, 8);
  mark(uuid, 7);
  return uuid;
}

Uuid uuid_of_name(std::string_view name) {
  const Hash128 hash = hash128(name);
  Uuid uuid;
  put_big_endian(hash.high, uuid.data(), 8);
  put_big_endian(hash.low, uuid.data() + 8, 8);
  mark(uuid, 8);
  return uuid;
}

std::string format_uuid(const Uuid& uuid) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text(36, '-');
  std::size_t at = 0;
  for (const std::uint8_t byte : uuid) {
    if (is_dash(at)) ++at;
    text[at++] = kHex[byte >> 4U];
    text[at++] = kHex[byte & 0x0fU];
  }
  return text;
}

std::optional<Uuid> parse_uuid(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  Uuid uuid{};
  std::size_t nibble = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (is_dash(at)) {
      if (text[at] != '-') return std::nullopt;
      continue;
    }
    const int digit = hex_digit(text[at]);
    if (digit < 0) return std::nullopt;
    auto& byte = uuid[nibble / 2];
    byte = static_cast<std::uint8_t>((byte << 4U) | digit);
    ++nibble;
  }
  return uuid;
}

}  // namespace datasync
