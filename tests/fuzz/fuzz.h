#pragma once

// What the fuzz targets share.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/random.h"
#include "domain/json.h"

namespace datasync::fuzz {

/// Ends the run where a promise is broken; libFuzzer then keeps the input. `detail` helps the reader, it may be empty.
inline void require(bool kept, std::string_view promise, std::string_view detail = {}) {
  if (kept) return;
  std::fprintf(stderr, "broken promise: %.*s\n", static_cast<int>(promise.size()), promise.data());
  if (!detail.empty()) std::fprintf(stderr, "%.*s\n", static_cast<int>(detail.size()), detail.data());
  std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Takes what stands before the first `mark`, and the mark, off the front; all of it where there is none. So an input
/// of several parts stays a text that a person can read and write.
inline std::string_view take_until(std::string_view& rest, std::string_view mark) {
  const auto end = rest.find(mark);
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + mark.size());
  return part;
}

/// What an input does not say is decided by its own hash: the same input always plays the same run.
inline std::unique_ptr<Random> random_of(std::string_view input) {
  return make_seeded_random(hash64(input));
}

/// The text in one to twelve pieces, now and then in single bytes.
inline std::vector<std::string_view> in_pieces(std::string_view text, Random& random) {
  constexpr std::uint64_t kPiecesMax = 12;
  std::vector<std::string_view> pieces;
  std::uint64_t cuts = random.next() % kPiecesMax;
  const bool bytewise = random.next() % 8 == 0;
  while (!text.empty() && (bytewise || cuts-- > 0)) {
    const std::size_t bytes = bytewise ? 1 : 1 + static_cast<std::size_t>(random.next() % text.size());
    pieces.push_back(text.substr(0, bytes));
    text.remove_prefix(bytes);
  }
  if (!text.empty()) pieces.push_back(text);
  return pieces;
}

inline bool has_control_character(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  }
  return false;
}

}  // namespace datasync::fuzz
