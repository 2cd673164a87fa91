#include "storage/codec/compact_json.h"

#include <algorithm>
#include <cstring>

namespace datasync::storage {
namespace {

/// One past the closing quote of the string that begins at `at`; null if it does not end.
const char* end_of_string(const char* at, const char* end) {
  ++at;
  while (at < end) {
    const auto* quote = static_cast<const char*>(std::memchr(at, '"', static_cast<std::size_t>(end - at)));
    if (quote == nullptr) return nullptr;
    const char* backslash = quote;
    while (backslash > at && backslash[-1] == '\\') --backslash;
    at = quote + 1;
    if ((quote - backslash) % 2 == 0) return at;
  }
  return nullptr;
}

bool is_scalar_start(char c) {
  return c == '-' || (c >= '0' && c <= '9') || c == 't' || c == 'f' || c == 'n';
}
bool ends_scalar(char c) {
  return c == ',' || c == ']' || c == '}';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

/// Not 0 if JSON does not take all eight bytes as they are: a byte below 0x20, a quote or a backslash leaves a high
/// bit. Source: Anderson, Bit Twiddling Hacks, "determine if a word has a byte less than n".
std::uint64_t escaped_bytes(std::uint64_t word) {
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  constexpr std::uint64_t kHighs = 0x8080808080808080U;
  const std::uint64_t quotes = word ^ (kOnes * '"');
  const std::uint64_t backslashes = word ^ (kOnes * '\\');
  return (((word - kOnes * 0x20) & ~word) | ((quotes - kOnes) & ~quotes) | ((backslashes - kOnes) & ~backslashes)) &
         kHighs;
}

template <typename Word>
std::uint64_t copy_word(char* to, const char* from) {
  Word word = 0;
  std::memcpy(&word, from, sizeof word);
  std::memcpy(to, &word, sizeof word);
  return word;
}

/// Copies `text` and tells whether JSON takes all of it as it is. Names are short: what is no multiple of eight is
/// copied by a second, overlapping word, which is a third of the instructions of a call of memcpy.
bool copy_plain(char* to, std::string_view text) {
  const char* from = text.data();
  const std::size_t size = text.size();
  if (size >= 8) {
    std::uint64_t escaped = 0;
    for (std::size_t at = 0; at + 8 <= size; at += 8)
      escaped |= escaped_bytes(copy_word<std::uint64_t>(to + at, from + at));
    escaped |= escaped_bytes(copy_word<std::uint64_t>(to + size - 8, from + size - 8));
    return escaped == 0;
  }
  if (size >= 4) {
    const std::uint64_t first = copy_word<std::uint32_t>(to, from);
    return escaped_bytes(first | copy_word<std::uint32_t>(to + size - 4, from + size - 4) << 32U) == 0;
  }
  std::uint64_t word = ~std::uint64_t{0};  // 0xff needs no escape
  for (std::size_t at = 0; at < size; ++at) word = (word << 8U) | copy_word<std::uint8_t>(to + at, from + at);
  return escaped_bytes(word) == 0;
}

}  // namespace

void CompactJsonWriter::grow(std::size_t bytes) {
  constexpr std::size_t kStep = 1024;  // so that short pieces do not each come here
  const std::size_t used = from_ + size();
  out_.resize(used + std::max(bytes, kStep));
  place(used);
}

void CompactJsonWriter::quoted(std::string_view text, std::size_t more) {
  need(text.size() + 2 + more);
  if (copy_plain(at_ + 1, text)) {
    *at_ = '"';
    at_ += text.size() + 1;
    *at_++ = '"';
    return;
  }
  std::string escaped;
  append_json_string(escaped, text);
  need(escaped.size() + more);
  put(escaped);
}

void CompactJsonReader::refuse() noexcept {
  failed_ = true;
  at_ = end_;
}

bool CompactJsonReader::take(char wanted) noexcept {
  if (at_ == end_ || *at_ != wanted) return false;
  ++at_;
  return true;
}

void CompactJsonReader::enter(char bracket) {
  if (!take(bracket)) refuse();
  first_ = true;
}

bool CompactJsonReader::more() {
  if (take(']') || take('}')) {
    first_ = false;
    return false;
  }
  if (at_ == end_ || (!first_ && !take(','))) {
    refuse();
    return false;
  }
  first_ = false;
  return true;
}

std::string CompactJsonReader::name() {
  std::string text = string();
  if (!take(':')) refuse();
  return text;
}

template <typename Integer>
Integer CompactJsonReader::number() {
  Integer result = 0;
  const auto [rest, error] = std::from_chars(at_, end_, result);
  if (error != std::errc{}) {
    refuse();
    return 0;
  }
  at_ = rest;
  return result;
}

std::int64_t CompactJsonReader::integer() {
  return number<std::int64_t>();
}
std::uint64_t CompactJsonReader::unsigned_integer() {
  return number<std::uint64_t>();
}

bool CompactJsonReader::null() {
  if (end_ - at_ < 4 || std::memcmp(at_, "null", 4) != 0) return false;
  at_ += 4;
  return true;
}

std::string_view CompactJsonReader::raw_string() {
  const char* end = at_string() ? end_of_string(at_, end_) : nullptr;
  if (end == nullptr) {
    refuse();
    return {};
  }
  const std::string_view quoted(at_, static_cast<std::size_t>(end - at_));
  at_ = end;
  return quoted;
}

std::string CompactJsonReader::string() {
  const std::string_view quoted = raw_string();
  if (quoted.size() < 2) return {};
  const std::string_view inside = quoted.substr(1, quoted.size() - 2);
  if (std::memchr(inside.data(), '\\', inside.size()) == nullptr) return std::string(inside);
  std::string text;
  text.reserve(inside.size());
  for (std::size_t i = 0; i < inside.size(); ++i) {
    if (inside[i] != '\\') {
      text += inside[i];
      continue;
    }
    const char escape = inside[++i];  // a lone backslash cannot be last: it would have escaped the closing quote
    switch (escape) {
      case '"':
      case '\\':
        text += escape;
        break;
      case 'n':
        text += '\n';
        break;
      case 'r':
        text += '\r';
        break;
      case 't':
        text += '\t';
        break;
      case 'u': {
        if (inside.size() - i < 5 || inside.substr(i + 1, 2) != "00") return refuse(), std::string{};
        const int high = hex_digit(inside[i + 3]);
        const int low = hex_digit(inside[i + 4]);
        if (high < 0 || low < 0) return refuse(), std::string{};
        text += static_cast<char>(high * 16 + low);
        i += 4;
        break;
      }
      default:
        return refuse(), std::string{};
    }
  }
  return text;
}

std::string_view CompactJsonReader::raw() {
  static constexpr std::string_view kNothing = "null";
  if (at_ == end_) return refuse(), kNothing;
  if (at_string()) {
    const std::string_view text = raw_string();
    return failed_ ? kNothing : text;
  }
  const char* begin = at_;
  if (*at_ != '[' && *at_ != '{') {
    if (!is_scalar_start(*at_)) return refuse(), kNothing;
    while (at_ != end_ && !ends_scalar(*at_)) ++at_;
    return {begin, static_cast<std::size_t>(at_ - begin)};
  }
  int depth = 0;
  while (at_ < end_) {
    const char c = *at_;
    if (c == '"') {
      const char* end = end_of_string(at_, end_);
      if (end == nullptr) break;
      at_ = end;
      continue;
    }
    ++at_;
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && --depth == 0) return {begin, static_cast<std::size_t>(at_ - begin)};
  }
  return refuse(), kNothing;
}

Fields CompactJsonReader::fields() {
  Fields result;
  enter_object();
  while (more()) {
    const std::string field = name();
    result.set(field, value());
  }
  return result;
}

}  // namespace datasync::storage
