#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace datasync::net {

/// What was read from a socket and not yet consumed, in one piece, as parsers want it. Gives its memory back on demand,
/// so that an idle connection holds none. Private to net.
class ReadBuffer {
 public:
  [[nodiscard]] std::string_view data() const noexcept { return {bytes_.get() + begin_, end_ - begin_}; }
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

  /// Room behind the data, `at_least` bytes (>= 1) of it; where there is less, the buffer grows to `capacity` or
  /// doubles.
  [[nodiscard]] std::span<char> prepare(std::size_t at_least, std::size_t capacity) {
    if (begin_ == end_) begin_ = end_ = 0;
    if (capacity_ - end_ < at_least) make_room(at_least, capacity);
    return {bytes_.get() + end_, capacity_ - end_};
  }
  void commit(std::size_t bytes) noexcept { end_ += bytes; }
  void consume(std::size_t bytes) noexcept { begin_ += bytes; }
  void clear() noexcept { begin_ = end_ = 0; }
  void release() noexcept {
    bytes_.reset();
    capacity_ = begin_ = end_ = 0;
  }

 private:
  void make_room(std::size_t at_least, std::size_t capacity) {
    const std::size_t kept = size();
    if (capacity_ >= kept + at_least) {
      std::memmove(bytes_.get(), bytes_.get() + begin_, kept);
    } else {
      const std::size_t grown = std::max({capacity, capacity_ * 2, kept + at_least});
      std::unique_ptr<char[]> fresh(new char[grown]);
      if (kept != 0) std::memcpy(fresh.get(), bytes_.get() + begin_, kept);
      bytes_ = std::move(fresh);
      capacity_ = grown;
    }
    begin_ = 0;
    end_ = kept;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace datasync::net
