#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace datasync {

/// Sixteen bytes in one register: a vector type of g++ and clang on every processor.
using ByteBlock = unsigned char __attribute__((vector_size(16)));

/// Whether `wanted` holds of any byte. It is asked for one byte and for a `ByteBlock`, with the same operators of C++:
/// `[](auto byte) { return (byte < 0x20) | (byte == '"'); }`. Most texts are short: what is no multiple of a block is
/// looked at by one that overlaps the one before it.
template <typename Wanted>
[[nodiscard]] bool any_byte(std::string_view text, Wanted wanted) noexcept {
  const auto in_block = [&wanted](const void* at) noexcept {
    ByteBlock block;
    std::memcpy(&block, at, sizeof block);
    const auto found = wanted(block);
    std::array<std::uint64_t, 2> halves;
    static_assert(sizeof halves == sizeof found);
    std::memcpy(halves.data(), &found, sizeof found);
    return (halves[0] | halves[1]) != 0;
  };
  const char* at = text.data();
  const char* const end = at + text.size();
  if (text.size() >= sizeof(ByteBlock)) {
    for (; end - at > static_cast<std::ptrdiff_t>(sizeof(ByteBlock)); at += sizeof(ByteBlock)) {
      if (in_block(at)) return true;
    }
    return in_block(end - sizeof(ByteBlock));
  }
  if (constexpr std::size_t kHalf = sizeof(ByteBlock) / 2; text.size() >= kHalf) {
    std::array<char, sizeof(ByteBlock)> both;
    std::memcpy(both.data(), at, kHalf);
    std::memcpy(both.data() + kHalf, end - kHalf, kHalf);
    return in_block(both.data());
  }
  for (; at != end; ++at) {
    if (wanted(static_cast<unsigned char>(*at))) return true;
  }
  return false;
}

}  // namespace datasync
