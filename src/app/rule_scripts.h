#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "app/shipped_files.h"
#include "base/result.h"
#include "base/time.h"
#include "conflict/strategy.h"

namespace datasync::app {

/// The rules that `custom_logic` names in YAML: shipped ones by their name (`lead_score` is `rules/lead_score.lua`), a
/// user's own by their file below the folder of the YAML. Each is compiled once, however many fields it settles.
class RuleScripts {
 public:
  /// Reads a user's rule; none if there is no such file.
  using ReadFile = std::function<std::optional<std::string>(std::string_view path)>;

  /// `shipped` and `clock`, which may be null, outlive the rules.
  RuleScripts(std::span<const EmbeddedFile> shipped, ReadFile read, const Clock* clock);

  /// Errors: `kInvalid` where there is no such rule, or it is none, with file, line and reason. A name that is no
  /// rule's is not repeated.
  Result<std::shared_ptr<const conflict::Strategy>> find(const std::string& name);

  /// The names of what ships.
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  Result<std::shared_ptr<const conflict::Strategy>> compile(const std::string& name) const;
  std::span<const EmbeddedFile> shipped_;
  ReadFile read_;
  const Clock* clock_;
  std::map<std::string, std::shared_ptr<const conflict::Strategy>> compiled_;
};

/// Whether a path, with what it says of the folder above, stays below the folder that it starts from.
[[nodiscard]] bool stays_below(std::string_view path);

}  // namespace datasync::app
