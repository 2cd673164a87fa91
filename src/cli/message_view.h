#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/terminal.h"
#include "domain/value.h"

namespace datasync::cli {

/// Which live messages somebody wants to see. An empty list takes all.
struct MessageFilter {
  std::vector<std::string> tenants, event_types, platforms, message_types;

  /// A message that does not say is taken: the service was asked for the same.
  [[nodiscard]] bool takes(const Fields& message) const;
};

/// One readable line: the time, what happened, and what the message tells. `now` stands in for a message without a
/// time.
[[nodiscard]] std::string line_of(const Terminal& terminal, const Fields& message, std::string_view now);

}  // namespace datasync::cli
