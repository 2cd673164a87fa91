#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "conflict/merge/counted_sequence.h"
#include "conflict/merge/three_way.h"

namespace datasync::conflict {
namespace {

constexpr std::string_view kBlanks = " \t\r\v\f";

/// A text in lines: the blank ones belong to the line behind them, those at the end stand alone. So the lines of a
/// merged text, read again, are the same lines, and a paragraph keeps its distance wherever it comes to stand.
class Lines {
 public:
  explicit Lines(const Value* text) : text_(text == nullptr ? std::string() : text->as_string().value_or("")) {
    drop_carriage_returns();
    std::size_t begin = 0;
    for (std::size_t at = 0; at < text_.size();) {
      const std::size_t end = std::min(text_.find('\n', at), text_.size());
      const std::string_view line = std::string_view(text_).substr(at, end - at);
      at = end + 1;
      if (line.find_first_not_of(kBlanks) == std::string_view::npos) continue;
      lines_.push_back(std::string_view(text_).substr(begin, end - begin));
      tail_ = std::string_view(text_).substr(end);
      begin = at;
    }
  }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  [[nodiscard]] const std::vector<std::string_view>& lines() const noexcept { return lines_; }
  /// The blank lines at the end, from the break before them.
  [[nodiscard]] std::string_view tail() const noexcept { return tail_; }
  [[nodiscard]] bool had_carriage_returns() const noexcept { return had_carriage_returns_; }

 private:
  /// A text that went through a form has "\r\n" for "\n"; that alone is no change of a line.
  void drop_carriage_returns() {
    std::string kept;
    kept.reserve(text_.size());
    for (const char c : text_) {
      if (c == '\n') drop_last(kept);
      kept += c;
    }
    drop_last(kept);
    text_ = std::move(kept);
  }
  void drop_last(std::string& kept) {
    while (!kept.empty() && kept.back() == '\r') {
      kept.pop_back();
      had_carriage_returns_ = true;
    }
  }

  std::string text_;
  std::vector<std::string_view> lines_;
  std::string_view tail_;
  bool had_carriage_returns_ = false;
};

std::string join(const std::vector<std::string_view>& lines, std::string_view tail, bool carriage_returns) {
  std::string joined;
  for (const std::string_view line : lines) {
    if (!joined.empty()) joined += '\n';
    joined += line;
  }
  if (!lines.empty()) joined += tail;
  if (!carriage_returns) return joined;
  std::string with_returns;
  for (const char c : joined) {
    if (c == '\n') with_returns += '\r';
    with_returns += c;
  }
  return with_returns;
}

}  // namespace

std::optional<Value> merge_texts(const ThreeWay& sides) {
  const Lines base(sides.base);
  const Lines newer(sides.newer);
  const Lines older(sides.older);
  const std::size_t most = std::max({base.lines().size(), newer.lines().size(), older.lines().size()});
  if (most < 2 || most > kMergeItemsMax) return std::nullopt;
  const auto lines = merge_sequences({base.lines(), newer.lines(), older.lines()}, Placement::kInItsContext);
  const bool newer_moved_the_end = sides.base == nullptr || newer.tail() != base.tail();
  const std::string_view tail = newer_moved_the_end ? newer.tail() : older.tail();
  // Its own text, not the same lines joined: else a change of nothing but the breaks could lead back to the base.
  if (lines == newer.lines() && tail == newer.tail()) return *sides.newer;
  return Value::string(join(lines, tail, newer.had_carriage_returns()));
}

}  // namespace datasync::conflict
