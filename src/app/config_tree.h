#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "domain/value.h"

namespace datasync::app {

/// A YAML document as a plain tree in which every value remembers where it stands. Anchors are written out, so changing
/// one place never changes another.
struct ConfigNode {
  enum class Kind : std::uint8_t { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  std::string text = {};  ///< of a scalar
  bool quoted = false;    ///< `"1"`, which is a string, and not `1`
  std::vector<ConfigNode> items = {};
  std::vector<std::pair<std::string, ConfigNode>> members = {};  ///< in the order of the file, each name once
  std::shared_ptr<const std::string> file = {};
  int line = 0;  ///< from 1

  [[nodiscard]] const ConfigNode* find(std::string_view name) const noexcept;
  [[nodiscard]] ConfigNode* find(std::string_view name) noexcept;
  /// `platforms/shopify.yaml:12`
  [[nodiscard]] std::string place() const;
};

/// Errors: `kInvalid` with file and line for what is no YAML, for a key that stands twice in one map, and for documents
/// that unfold to more than 100,000 values or nest deeper than 64.
[[nodiscard]] Result<ConfigNode> parse_yaml(std::string_view text, std::string file);

/// Lays `over` on `base`: maps are merged key by key, everything else is replaced, and `null` takes a key away.
void merge(ConfigNode& base, const ConfigNode& over);

/// What a client sends as JSON, as if it had been written in YAML; nothing of it has a file or a line.
[[nodiscard]] ConfigNode from_json_value(const Value& value);

/// The value in JSON: plain `true`, `false`, `null` and numbers are what they look like, all other scalars strings.
/// Errors: `kInvalid` for a number that JSON can't hold.
[[nodiscard]] Result<Value> to_json_value(const ConfigNode& node);

}  // namespace datasync::app
