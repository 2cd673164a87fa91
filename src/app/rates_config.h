#pragma once

#include <optional>

#include "app/config_section.h"
#include "app/rate_answer.h"
#include "transform/mapping.h"

namespace datasync::app {

/// What the section `rates` says.
struct RatesConfig {
  transform::RateTable table;
  std::optional<RateSourceOptions> source;  ///< none: the table alone
};

/// Reads the section. Problems are noted in it.
[[nodiscard]] RatesConfig read_rates(ConfigSection& section);

/// An ISO 4217 code; none where there is none, or another thing, which is noted.
[[nodiscard]] std::optional<Currency> read_currency(ConfigSection& section, std::string_view key);

}  // namespace datasync::app
