#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace datasync::cli {

enum class Colour : std::uint8_t { kNone, kGreen, kYellow, kRed, kDim, kBold };

/// Where a command reads and writes: results to `out`, words about them to `err`.
struct Terminal {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool colour = false;  ///< `out` is a terminal and NO_COLOR is not set
};

/// Text of a service without control characters: what others wrote into an event must not steer our terminal.
[[nodiscard]] std::string printable(std::string_view text);
[[nodiscard]] std::string painted(const Terminal& terminal, Colour colour, std::string_view text);
/// Green for what ended well, red for what did not, yellow for what waits for somebody.
[[nodiscard]] Colour colour_of_status(std::string_view status);
/// `data-sync: message` on `err`; every line of it.
void say_error(const Terminal& terminal, std::string_view message);

/// Rows in aligned columns. Widths count code points; the last column is not padded.
class Table {
 public:
  struct Cell {
    std::string text = {};
    Colour colour = Colour::kNone;
    Cell(std::string_view shown, Colour in = Colour::kNone) : text(printable(shown)), colour(in) {}   // NOLINT
    Cell(const std::string& shown, Colour in = Colour::kNone) : Cell(std::string_view(shown), in) {}  // NOLINT
    Cell(const char* shown, Colour in = Colour::kNone) : Cell(std::string_view(shown), in) {}         // NOLINT
  };
  /// An empty header: none is written.
  explicit Table(std::vector<std::string> header = {}) : header_(std::move(header)) {}
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
  void print(const Terminal& terminal) const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace datasync::cli
