#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "domain/value.h"

namespace datasync {

/// Limits of every JSON text that meets the outside.
inline constexpr int kJsonDepthMax = 64;
inline constexpr std::size_t kJsonNumberBytesMax = 128;

/// Reads one JSON text of any kind. The whole text is checked: nothing is skipped, nothing may follow.
///
/// Errors:  `kInvalid` for text that is no JSON, bad UTF-8, nesting deeper than `kJsonDepthMax`, numbers longer than
///          `kJsonNumberBytesMax`. A member that stands twice keeps its last value, as the clients' own parsers do.
/// Threads: any; each thread keeps one parser and its buffers.
[[nodiscard]] Result<Value> parse_json(std::string_view text);

/// Reads a JSON object into its members. Errors as `parse_json`; another kind of value is `kInvalid` too.
[[nodiscard]] Result<Fields> parse_json_object(std::string_view text);

/// Reads a JSON array into its elements.
[[nodiscard]] Result<std::vector<Value>> parse_json_array(std::string_view text);

/// An object whose member `inner_name`, where it is an object, is read into members too: one pass for an event and its
/// data. `inner` is empty and `outer` holds the value as it is where that member is missing or no object.
struct NestedObject {
  Fields outer;
  Fields inner;
  bool has_inner = false;
};
[[nodiscard]] Result<NestedObject> parse_nested_object(std::string_view text, std::string_view inner_name);

/// One element of an array, read as `parse_nested_object` reads an object. `other` is what is none.
struct Element {
  NestedObject object;
  std::optional<Value> other;
};

/// Reads an array in one pass, however long it is, and hands over each element as soon as it is read. What is beyond
/// `elements_max` is counted, not read. `take` may read JSON itself. Returns how many elements there are.
/// Errors: as `parse_json`, and for what is no array; elements may have been handed over before.
[[nodiscard]] Result<std::size_t> read_json_array(std::string_view text, std::string_view inner_name,
                                                  std::size_t elements_max, const std::function<void(Element)>& take);

/// The elements of the array at `path` (the steps of an RFC 6901 pointer, unescaped), found while the whole text is
/// read and checked; none where no array stands there. Errors: as `parse_json`.
[[nodiscard]] Result<std::optional<std::vector<Element>>> parse_elements(std::string_view text,
                                                                         std::span<const std::string> path);

/// The members of a value that is an object; empty for any other. Canonical text, so it cannot fail.
[[nodiscard]] Fields members_of(const Value& object);
/// The elements of a value that is an array; empty for any other.
[[nodiscard]] std::vector<Value> elements_of(const Value& array);

/// Whether `append_json_string` may write it. What comes out of percent-escapes or headers need not be.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

/// `"a\nb"` (quotes included) without quotes and escapes. The text must be canonical.
[[nodiscard]] std::string unescape_json_string(std::string_view quoted);

/// Plain decimal without needless zeros: `1.50` → `1.5`, `1e3` → `1000`, `-0.0` → `0`. Exponents beyond ±30 stay
/// written as `d.ddde±x`, and numbers with exponents beyond ±10^12 as they were. `text` must be a JSON number.
[[nodiscard]] std::string canonical_number(std::string_view text);

}  // namespace datasync
