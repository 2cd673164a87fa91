#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace datasync::log {

enum class Level { kDebug, kInfo, kWarning, kError };

/// Sets the lowest level that is written: debug, info, warning or error (case does not matter); false for another word.
/// Lines go to standard error as `time level message`. Personal data and secrets never go into a message: ids, counts
/// and names of fields do, values do not.
bool set_level(std::string_view name);
[[nodiscard]] bool enabled(Level level);
void write(Level level, std::string_view message);

template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kDebug)) write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kInfo)) write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace datasync::log
