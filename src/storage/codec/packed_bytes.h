#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace datasync::storage {

static_assert(std::endian::native == std::endian::little, "fixed numbers are stored as they lie in memory");

/// Writes numbers as varints (LEB128: seven bits a byte, the lowest first). Whoever makes it says how much it will
/// write at most, so nothing is checked on the way. Threads: not thread-safe, and one at a time per thread: the buffer
/// is the thread's. (Room at the end of a string would have to be filled with zeros first, which costs as much as the
/// writing.)
class PackedWriter {
 public:
  static constexpr std::size_t kVarintBytesMax = 10;

  explicit PackedWriter(std::size_t bytes_max) : from_(thread_buffer(bytes_max)), at_(from_) {}
  PackedWriter(const PackedWriter&) = delete;
  PackedWriter& operator=(const PackedWriter&) = delete;

  void varint(std::uint64_t number) noexcept {
    for (; number >= 0x80; number >>= 7U) *at_++ = static_cast<char>(number | 0x80U);
    *at_++ = static_cast<char>(number);
  }
  /// Small numbers of either sign are short.
  void zigzag(std::int64_t number) noexcept {
    varint((static_cast<std::uint64_t>(number) << 1U) ^ static_cast<std::uint64_t>(number >> 63));
  }
  void fixed64(std::uint64_t number) noexcept {
    std::memcpy(at_, &number, sizeof number);
    at_ += sizeof number;
  }
  void text(std::string_view bytes) noexcept {
    varint(bytes.size());
    std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  /// What was written; lives until the next writer of this thread is made.
  [[nodiscard]] std::string_view bytes() const noexcept { return {from_, static_cast<std::size_t>(at_ - from_)}; }

 private:
  static char* thread_buffer(std::size_t bytes) {
    constexpr std::size_t kKeptBytesMax = 1U << 20U;
    thread_local std::unique_ptr<char[]> buffer;
    thread_local std::size_t size = 0;
    if (bytes > size || size > kKeptBytesMax) {
      size = std::max<std::size_t>(bytes, 4096);
      buffer = std::make_unique_for_overwrite<char[]>(size);
    }
    return buffer.get();
  }

  char* from_;
  char* at_;
};

/// Reads what `PackedWriter` wrote.
/// Errors: the first one sticks; from then on every number is 0, every text empty, and `failed()` true. Damaged bytes
///         never lead out of the buffer.
class PackedReader {
 public:
  explicit PackedReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  [[nodiscard]] std::uint64_t varint() noexcept {
    std::uint64_t number = 0;
    for (unsigned shift = 0; at_ != end_; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at_++);
      if (shift == 63 && byte > 1) break;  // more than 64 bits
      number |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if (byte < 0x80) return number;
    }
    refuse();
    return 0;
  }
  [[nodiscard]] std::int64_t zigzag() noexcept {
    const std::uint64_t number = varint();
    return static_cast<std::int64_t>((number >> 1U) ^ (~(number & 1U) + 1U));
  }
  [[nodiscard]] std::uint64_t fixed64() noexcept {
    std::uint64_t number = 0;
    if (left() < sizeof number) return refuse(), 0;
    std::memcpy(&number, at_, sizeof number);
    at_ += sizeof number;
    return number;
  }
  [[nodiscard]] std::string_view text() noexcept {
    const std::uint64_t size = varint();
    if (size > left()) return refuse(), std::string_view{};
    const std::string_view bytes(at_, static_cast<std::size_t>(size));
    at_ += size;
    return bytes;
  }
  /// How many elements follow. Each takes a byte at least, so a count above the bytes that are left is damage.
  [[nodiscard]] std::size_t count() noexcept {
    const std::uint64_t number = varint();
    if (number > left()) return refuse(), 0;
    return static_cast<std::size_t>(number);
  }

  [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  [[nodiscard]] bool failed() const noexcept { return failed_; }
  void refuse() noexcept {
    failed_ = true;
    at_ = end_;
  }
  /// Nothing follows but zeros.
  [[nodiscard]] bool finished() const noexcept {
    return !failed_ && std::string_view(at_, left()).find_first_not_of('\0') == std::string_view::npos;
  }

 private:
  const char* at_;
  const char* end_;
  bool failed_ = false;
};

}  // namespace datasync::storage
