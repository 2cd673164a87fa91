#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace datasync::api {

/// The elements of a JSON array as they stand in its text, so that each can be read by itself. Looks only at brackets,
/// commas and strings: what stands inside an element is not checked. None where the text is no array as far as that
/// tells.
[[nodiscard]] std::optional<std::vector<std::string_view>> split_json_array(std::string_view text);

/// The lines that hold more than white space (https://github.com/ndjson/ndjson-spec).
[[nodiscard]] std::vector<std::string_view> split_lines(std::string_view text);

}  // namespace datasync::api
