#include "cli/terminal.h"

#include <algorithm>
#include <ostream>

namespace datasync::cli {
namespace {

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string_view code_of(Colour colour) {
  switch (colour) {
    case Colour::kNone:
      return "";
    case Colour::kGreen:
      return "\x1b[32m";
    case Colour::kYellow:
      return "\x1b[33m";
    case Colour::kRed:
      return "\x1b[31m";
    case Colour::kDim:
      return "\x1b[2m";
    case Colour::kBold:
      return "\x1b[1m";
  }
  return "";
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // C1 controls (U+0080 to U+009F) are C2 80 to C2 9F in UTF-8; some terminals obey them.
    const bool c1 = byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (c1) ++i;
    out += byte < 0x20 || byte == 0x7F || c1 ? '?' : text[i];
  }
  return out;
}

std::string painted(const Terminal& terminal, Colour colour, std::string_view text) {
  if (!terminal.colour || colour == Colour::kNone) return std::string(text);
  return std::string(code_of(colour)) + std::string(text) + "\x1b[0m";
}

Colour colour_of_status(std::string_view status) {
  if (status == "completed" || status == "closed" || status == "created") return Colour::kGreen;
  if (status == "failed" || status == "expired" || status == "open" || status == "rejected") return Colour::kRed;
  if (status == "review" || status == "retry" || status == "half_open") return Colour::kYellow;
  return status == "skipped" || status == "duplicate" ? Colour::kDim : Colour::kNone;
}

void say_error(const Terminal& terminal, std::string_view message) {
  while (!message.empty()) {
    const auto end = message.find('\n');
    terminal.err << "data-sync: " << printable(message.substr(0, end)) << '\n';
    message.remove_prefix(end == std::string_view::npos ? message.size() : end + 1);
  }
}

void Table::print(const Terminal& terminal) const {
  std::vector<std::size_t> widths;
  const auto measure = [&](std::size_t column, std::string_view text) {
    if (widths.size() <= column) widths.resize(column + 1);
    widths[column] = std::max(widths[column], width_of(text));
  };
  for (std::size_t i = 0; i < header_.size(); ++i) measure(i, header_[i]);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) measure(i, row[i].text);
  }
  const auto write = [&](std::string_view text, Colour colour, std::size_t column, bool last) {
    terminal.out << painted(terminal, colour, text);
    if (!last) terminal.out << std::string(widths[column] - width_of(text) + 2, ' ');
  };
  if (!header_.empty()) {
    for (std::size_t i = 0; i < header_.size(); ++i) write(header_[i], Colour::kBold, i, i + 1 == header_.size());
    terminal.out << '\n';
  }
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) write(row[i].text, row[i].colour, i, i + 1 == row.size());
    terminal.out << '\n';
  }
}

}  // namespace datasync::cli
