#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <string>

namespace datasync::log {
namespace {

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = spdlog::stderr_color_mt("data-sync");
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc);
    return made;
  }();
  return *instance;
}

spdlog::level::level_enum native(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

bool set_level(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const auto& [word, level] : {std::pair{"debug", Level::kDebug},
                                    {"info", Level::kInfo},
                                    {"warning", Level::kWarning},
                                    {"warn", Level::kWarning},
                                    {"error", Level::kError},
                                    {"critical", Level::kError}}) {
    if (lower == word) {
      logger().set_level(native(level));
      return true;
    }
  }
  return false;
}

bool enabled(Level level) {
  return logger().should_log(native(level));
}

void write(Level level, std::string_view message) {
  logger().log(native(level), message);
}

}  // namespace datasync::log
