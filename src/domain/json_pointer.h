#pragma once

#include <string>
#include <string_view>

namespace datasync {

/// One step of a JSON pointer: `/` and the member's name, escaped (RFC 6901, section 3).
[[nodiscard]] std::string pointer_step(std::string_view member);

}  // namespace datasync
