#include "api/json_split.h"

#include <algorithm>
#include <array>

namespace datasync::api {
namespace {

constexpr std::string_view kWhite = " \t\r\n";

constexpr std::array<bool, 256> make_structural() {
  std::array<bool, 256> table{};
  for (const char c : std::string_view("\"[]{},")) table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr auto kStructural = make_structural();

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(kWhite);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kWhite) - first + 1);
}

/// The position behind the string that begins at `at`; the end of the text where it does not end.
std::size_t behind_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '"') return at + 1;
    if (text[at] == '\\') ++at;
  }
  return text.size();
}

}  // namespace

std::optional<std::vector<std::string_view>> split_json_array(std::string_view text) {
  text = trim(text);
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  std::vector<std::string_view> elements;
  if (trim(text).empty()) return elements;
  std::size_t begin = 0;
  std::size_t depth = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t next = at++;
    if (!kStructural[static_cast<unsigned char>(text[next])]) continue;
    switch (text[next]) {
      case '"':
        at = behind_string(text, next);
        break;
      case '[':
      case '{':
        ++depth;
        break;
      case ']':
      case '}':
        if (depth == 0) return std::nullopt;
        --depth;
        break;
      default:
        if (depth > 0) break;
        elements.push_back(trim(text.substr(begin, next - begin)));
        begin = at;
    }
  }
  if (depth > 0) return std::nullopt;
  elements.push_back(trim(text.substr(begin)));
  for (const std::string_view element : elements) {
    if (element.empty()) return std::nullopt;
  }
  return elements;
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (const std::string_view line = trim(text.substr(0, end)); !line.empty()) lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace datasync::api
