#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "domain/json.h"
#include "domain/value.h"

namespace datasync::delivery {

/// A place within a JSON value (RFC 6901): `/errors/0/message`; the empty text is the whole.
/// Threads: immutable, any.
class JsonPointer {
 public:
  JsonPointer() = default;
  /// Errors: `kInvalid` for a text that is neither empty nor begins with `/`, or with a `~` before neither 0 nor 1.
  static Result<JsonPointer> parse(std::string_view text);

  /// The value there; none where the way ends earlier.
  [[nodiscard]] std::optional<Value> find(const Value& root) const;
  [[nodiscard]] std::optional<Value> find(const Fields& root) const;
  [[nodiscard]] std::optional<Value> find(const Element& root) const;

  /// The names and indexes on the way, unescaped.
  [[nodiscard]] const std::vector<std::string>& steps() const noexcept { return steps_; }

 private:
  [[nodiscard]] std::optional<Value> find_from(std::size_t depth, const Value& value) const;

  std::vector<std::string> steps_;
};

/// Reads many of them. Errors: as `JsonPointer::parse`, with the text that is wrong.
[[nodiscard]] Result<std::vector<JsonPointer>> parse_pointers(const std::vector<std::string>& texts);

}  // namespace datasync::delivery
