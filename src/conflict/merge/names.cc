#include "conflict/merge/names.h"

#include <algorithm>
#include <array>
#include <string>

namespace datasync::conflict {
namespace {

constexpr std::array<std::string_view, 9> kAmounts{"amount", "budget", "cost", "discount", "fee",
                                                   "price",  "rate",   "tax",  "total"};
constexpr std::array<std::string_view, 28> kNoCounters{
    "age",   "at",   "code", "date",      "day",     "height", "id",      "index",    "lat",  "latitude",
    "level", "lng",  "lon",  "longitude", "month",   "number", "percent", "position", "rank", "rating",
    "score", "size", "time", "timestamp", "version", "weight", "width",   "year"};

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// `total` of `order_total`, `order-total` and `orderTotal`.
std::string last_word(std::string_view name) {
  std::size_t begin = name.size();
  while (begin > 0) {
    const char c = name[begin - 1];
    if (!is_lower(c) && !is_upper(c) && !is_digit(c)) break;
    --begin;
    if (is_upper(c) && begin > 0 && !is_upper(name[begin - 1])) break;
  }
  std::string word(name.substr(begin));
  for (char& c : word) {
    if (is_upper(c)) c = static_cast<char>(c - 'A' + 'a');
  }
  return word;
}

bool contains(const auto& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

bool names_amount(std::string_view name) {
  return contains(kAmounts, last_word(name));
}

bool names_counter(std::string_view name) {
  const std::string word = last_word(name);
  return !contains(kAmounts, word) && !contains(kNoCounters, word);
}

}  // namespace datasync::conflict
