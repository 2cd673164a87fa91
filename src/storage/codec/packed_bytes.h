#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace datasync::storage {

static_assert(std::endian::native == std::endian::little, "fixed numbers are stored as they lie in memory");

/// Writes numbers as varints (LEB128: seven bits a byte, the lowest first). Whoever writes says with `need` how much
/// follows at most, so that not every byte is checked; a text makes its own room. Threads: not thread-safe, and one at
/// a time per thread: the buffer is the thread's. (Room at the end of a string would have to be filled with zeros
/// first, which costs as much as the writing.)
class PackedWriter {
 public:
  static constexpr std::size_t kVarintBytesMax = 10;

  PackedWriter() : buffer_(thread_buffer()), at_(buffer_.bytes.get()), end_(at_ + buffer_.size) {}
  PackedWriter(const PackedWriter&) = delete;
  PackedWriter& operator=(const PackedWriter&) = delete;

  void need(std::size_t bytes) {
    if (static_cast<std::size_t>(end_ - at_) < bytes) grow(bytes);
  }
  void varint(std::uint64_t number) noexcept { at_ = put_varint(at_, number); }
  void zigzag(std::int64_t number) noexcept { at_ = put_zigzag(at_, number); }
  void fixed64(std::uint64_t number) noexcept { at_ = put_fixed64(at_, number); }

  /// For who writes much at once and keeps the place in a register: what is written through a `char*` may be a member
  /// of this object, for all the compiler knows. `to` gives the place back.
  [[nodiscard]] char* room(std::size_t bytes) {
    need(bytes);
    return at_;
  }
  void to(char* at) noexcept { at_ = at; }
  [[nodiscard]] static char* put_varint(char* at, std::uint64_t number) noexcept {
    for (; number >= 0x80; number >>= 7U) *at++ = static_cast<char>(number | 0x80U);
    *at++ = static_cast<char>(number);
    return at;
  }
  /// Small numbers of either sign are short.
  [[nodiscard]] static char* put_zigzag(char* at, std::int64_t number) noexcept {
    return put_varint(at, (static_cast<std::uint64_t>(number) << 1U) ^ static_cast<std::uint64_t>(number >> 63));
  }
  [[nodiscard]] static char* put_fixed64(char* at, std::uint64_t number) noexcept {
    std::memcpy(at, &number, sizeof number);
    return at + sizeof number;
  }

  /// Makes its own room, and leaves `more` bytes of it.
  void text(std::string_view bytes, std::size_t more) {
    need(kVarintBytesMax + bytes.size() + more);
    varint(bytes.size());
    std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  /// What was written; lives until the next writer of this thread is made.
  [[nodiscard]] std::string_view bytes() const noexcept {
    const char* from = buffer_.bytes.get();
    return {from, static_cast<std::size_t>(at_ - from)};
  }

 private:
  struct Buffer {
    std::unique_ptr<char[]> bytes;
    std::size_t size = 0;
  };

  static Buffer& thread_buffer() {
    constexpr std::size_t kBytesMin = 4096, kKeptBytesMax = 1U << 20U;
    thread_local Buffer buffer;
    if (buffer.size == 0 || buffer.size > kKeptBytesMax) {
      buffer = {std::make_unique_for_overwrite<char[]>(kBytesMin), kBytesMin};
    }
    return buffer;
  }

  void grow(std::size_t bytes) {
    const std::size_t used = this->bytes().size();
    const std::size_t size = 2 * (used + bytes);
    auto larger = std::make_unique_for_overwrite<char[]>(size);
    std::memcpy(larger.get(), buffer_.bytes.get(), used);
    buffer_ = {std::move(larger), size};
    at_ = buffer_.bytes.get() + used;
    end_ = buffer_.bytes.get() + size;
  }

  Buffer& buffer_;
  char* at_;
  char* end_;
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
