#include "transform/names.h"

namespace datasync::transform {
namespace {

constexpr std::string_view kWhiteSpace = " \t\r\n\v\f";

}  // namespace

PersonName split_name(std::string_view name) noexcept {
  name = trimmed(name);
  const auto space = name.find_last_of(kWhiteSpace);
  if (space == std::string_view::npos) return {name, {}};
  return {trimmed(name.substr(0, space)), name.substr(space + 1)};
}

std::string join_name(const PersonName& name) {
  std::string joined(trimmed(name.first));
  const std::string_view last = trimmed(name.last);
  if (!joined.empty() && !last.empty()) joined += ' ';
  joined += last;
  return joined;
}

std::string_view trimmed(std::string_view text) noexcept {
  const auto first = text.find_first_not_of(kWhiteSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kWhiteSpace) - first + 1);
}

std::string in_small_letters(std::string_view text) {
  std::string small(text);
  for (char& c : small) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return small;
}

}  // namespace datasync::transform
