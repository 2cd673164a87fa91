#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "app/settings.h"

namespace datasync::app {

/// One setting, declared. The defaults of `settings_table()` are read by the same code as what people write.
struct Setting {
  enum class Kind : std::uint8_t {
    kPlain,       ///< what the member's type says: text, number, yes or no, time
    kWord,        ///< one of `words`
    kUrl,         ///< an http or https address
    kAddresses,   ///< IP addresses, separated by commas
    kConnection,  ///< text that may hold a password between `//` and `@`
    kSecret,      ///< never shown
  };
  using Member = std::variant<std::string Settings::*, std::vector<std::string> Settings::*, bool Settings::*,
                              int Settings::*, std::uint16_t Settings::*, std::size_t Settings::*, double Settings::*,
                              microseconds Settings::*, milliseconds Settings::*, std::chrono::hours Settings::*>;

  std::string_view group = {};
  std::string_view name = {};  ///< of the environment variable; in YAML the same in lower case
  Member member = {};
  Kind kind = Kind::kPlain;
  std::string_view standard = {};       ///< the default, as one would write it; empty: not set
  std::string_view standard_note = {};  ///< what the default is where `standard` can't say it
  double min = 0;                       ///< of numbers and times, in `unit`; both ends belong to the range
  double max = 0;
  std::string_view unit = {};  ///< of a plain number. Times: us, ms, s, d
  std::vector<std::string_view> words = {};
  std::string_view reason = {};  ///< one line: what it is for
  bool reloadable = false;       ///< SIGHUP suffices
  bool idle = false;             ///< taken and without effect in this build; whoever builds its feature removes this
  bool in_help = false;          ///< `data-sync --help` names it
};

/// All settings, by group.
[[nodiscard]] std::span<const Setting> settings_table();
[[nodiscard]] const Setting* find_setting(std::string_view name);
/// `1 to 65535`, `debug, info or warning`, `true or false`; empty for free text.
[[nodiscard]] std::string range_text(const Setting& setting);

}  // namespace datasync::app
