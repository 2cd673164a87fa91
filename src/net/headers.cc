#include "net/headers.h"

#include <algorithm>
#include <array>

namespace datasync::net {
namespace {

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

std::string_view trim(std::string_view text) noexcept {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool list_has(std::string_view list, std::string_view token) noexcept {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    if (equals_ignoring_case(trim(list.substr(0, comma)), token)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (unsigned c = '0'; c <= '9'; ++c) table[c] = true;
  for (unsigned c = 'a'; c <= 'z'; ++c) table[c] = true;
  for (unsigned c = 'A'; c <= 'Z'; ++c) table[c] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr auto kTokenCharacters = make_token_table();

constexpr bool is_token_character(char c) noexcept {
  return kTokenCharacters[static_cast<unsigned char>(c)];
}

constexpr bool is_control(char c) noexcept {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

void Headers::add(std::string_view name, std::string_view value) {
  if (entries_.empty()) {
    // What a usual client or proxy sends, so that growing is the exception.
    entries_.reserve(16);
    text_.reserve(512);
  }
  entries_.push_back({static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(name.size()),
                      static_cast<std::uint32_t>(value.size())});
  text_.append(name).append(value);
}

std::optional<std::string_view> Headers::find(std::string_view name) const noexcept {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].name_bytes == name.size() && equals_ignoring_case(this->name(i), name)) return value(i);
  }
  return std::nullopt;
}

std::size_t Headers::count(std::string_view name) const noexcept {
  std::size_t found = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) found += equals_ignoring_case(this->name(i), name) ? 1 : 0;
  return found;
}

bool Headers::has_token(std::string_view name, std::string_view token) const noexcept {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (equals_ignoring_case(this->name(i), name) && list_has(value(i), token)) return true;
  }
  return false;
}

std::string_view Headers::name(std::size_t index) const noexcept {
  const Entry& entry = entries_[index];
  return std::string_view(text_).substr(entry.begin, entry.name_bytes);
}

std::string_view Headers::value(std::size_t index) const noexcept {
  const Entry& entry = entries_[index];
  return std::string_view(text_).substr(entry.begin + entry.name_bytes, entry.value_bytes);
}

bool append_header(std::string& block, std::string_view name, std::string_view value) {
  if (name.empty() || !std::all_of(name.begin(), name.end(), is_token_character)) return false;
  if (std::any_of(value.begin(), value.end(), is_control)) return false;
  block.append(name).append(": ").append(value).append("\r\n");
  return true;
}

}  // namespace datasync::net
