#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace datasync::storage::postgres {

/// Any bytes as a text that PostgreSQL takes, one for one: it refuses NUL and what is no UTF-8, and ids that come from
/// outside may hold both. Ordinary text is itself; a backslash, NUL and, where the whole is no UTF-8, every byte above
/// 7f become `\` and two hexadecimal digits.
/// `buffer` is used where the text must be changed; the answer lies in it or is `bytes` itself.
[[nodiscard]] std::string_view to_text(std::string_view bytes, std::string& buffer);

/// The other way. Errors: `kCorrupt` for a text that `to_text` never makes.
[[nodiscard]] Result<std::string> from_text(std::string_view text);

}  // namespace datasync::storage::postgres
