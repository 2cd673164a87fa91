#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "delivery/connector.h"

namespace datasync::delivery {

/// A path such as `/api/sync/{entity}/{verb}` with its placeholders; what fills them is percent-encoded, so that no id
/// can leave its segment. Threads: immutable, any.
class PathTemplate {
 public:
  /// Errors: `kInvalid` for an unknown placeholder, or a path that is no printable ASCII or does not begin with `/`.
  static Result<PathTemplate> parse(std::string_view text);

  /// The same with `{entity}` and `{verb}` filled in, once at start.
  [[nodiscard]] PathTemplate bound_to(std::string_view entity, std::string_view verb) const;

  /// Whether the change itself stands in it (`{id}`, `{tenant}`).
  [[nodiscard]] bool names_the_change() const noexcept;
  [[nodiscard]] bool names_the_id() const noexcept;

  /// Errors: `kInvalid` where it holds `{id}` and the change has none.
  [[nodiscard]] Result<std::string> fill(std::string_view entity, std::string_view verb, const Change& change) const;

 private:
  enum class Kind : std::uint8_t { kText, kEntity, kVerb, kId, kTenant };
  struct Part {
    Kind kind;
    std::string text;
  };
  std::vector<Part> parts_;
};

}  // namespace datasync::delivery
