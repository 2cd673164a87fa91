#include "app/rates_config.h"

#include <string>
#include <utility>

#include "app/connector_config.h"
#include "delivery/connectors/json_pointer.h"
#include "delivery/connectors/request_headers.h"

namespace datasync::app {
namespace {

/// Currency → how many of it are one of the base.
std::map<Currency, Decimal> read_units(ConfigSection& section, std::string_view key) {
  std::map<Currency, Decimal> rates;
  ConfigSection units = section.section(key);
  for (const auto& [code, unused] : units.members()) {
    const auto unit = Currency::parse(code);
    const auto rate = Decimal::parse(units.text(code).value_or(""));
    if (!unit) {
      units.refuse(code, unit.error().message);
    } else if (!rate || rate->units <= 0) {
      units.refuse(code, "must be a decimal above zero, such as 83 or 0.92");
    } else {
      rates[*unit] = *rate;
    }
  }
  return rates;
}

std::string read_pointer(ConfigSection& section, std::string_view key, std::string standard) {
  auto text = section.text(key);
  if (!text) return standard;
  if (const auto pointer = delivery::JsonPointer::parse(*text); !pointer) section.refuse(key, pointer.error().message);
  return *std::move(text);
}

RateSourceOptions read_source(ConfigSection& section, Currency base) {
  constexpr std::int64_t kIntervalMax = 7 * 24 * 3600, kAgeHoursMax = 24 * 366, kJumpMax = 1000;
  RateSourceOptions source;
  source.address = read_address(section, "");
  source.credential = read_credential(section);
  for (auto& [name, value] : section.text_map("headers")) source.headers.emplace_back(name, value);
  const auto headers = delivery::RequestHeaders::make(source.credential, source.headers);
  if (!headers) section.refuse("headers", headers.error().message);
  if (const auto timeout = section.integer("timeout_seconds", 1, 60)) source.timeout = seconds{*timeout};
  source.rates_pointer = read_pointer(section, "rates_pointer", source.rates_pointer);
  source.base_pointer = read_pointer(section, "base_pointer", source.base_pointer);
  source.date_pointer = read_pointer(section, "date_pointer", source.date_pointer);
  source.base = read_currency(section, "base").value_or(base);
  if (const auto interval = section.integer("interval_seconds", 1, kIntervalMax)) source.interval = seconds{*interval};
  if (const auto age = section.integer("max_age_hours", 1, kAgeHoursMax)) source.max_age = std::chrono::hours{*age};
  if (const auto jump = section.integer("jump_percent_max", 1, kJumpMax)) {
    source.jump_percent_max = static_cast<int>(*jump);
  }
  source.confirmed = read_units(section, "confirmed");
  return source;
}

}  // namespace

std::optional<Currency> read_currency(ConfigSection& section, std::string_view key) {
  const auto code = section.text(key);
  if (!code) return std::nullopt;
  const auto parsed = Currency::parse(*code);
  if (parsed) return *parsed;
  section.refuse(key, parsed.error().message);
  return std::nullopt;
}

RatesConfig read_rates(ConfigSection& section) {
  RatesConfig config;
  config.table.base = read_currency(section, "base").value_or(Currency{});
  if (auto day = section.text("as_of")) {
    const auto time = parse_rfc3339(day->size() == 10 ? *day + "T00:00:00Z" : *day);
    if (time) {
      config.table.as_of = *time;
    } else {
      section.refuse("as_of", "must be a day such as 2026-01-31");
    }
  }
  config.table.rates = read_units(section, "units");
  if (section.has("source")) {
    ConfigSection source = section.section("source");
    config.source = read_source(source, config.table.base);
  }
  return config;
}

}  // namespace datasync::app
