#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "delivery/connectors/credential.h"
#include "domain/money.h"
#include "transform/mapping.h"

namespace datasync::app {

/// Where rates of exchange come from, and how far they are believed. config/platforms/README.md describes the keys.
struct RateSourceOptions {
  std::string address;  ///< may carry a key in its query: never shown
  delivery::Credential credential = {};
  delivery::HeaderTemplates headers = {};
  milliseconds timeout{10'000};          ///< for a whole request
  std::string rates_pointer = "/rates";  ///< to the map: currency → how many of it are one `base`
  std::string base_pointer = {};         ///< to the currency that one of them is; empty: the answer does not tell
  std::string date_pointer = {};         ///< to the time that the rates are of; empty: that of the answer
  Currency base = {};
  seconds interval{3600};
  std::chrono::hours max_age{24 * 7};       ///< nothing is converted at a rate that is older
  int jump_percent_max = 20;                ///< against the last good one; a rate that moves by more is not taken
  std::map<Currency, Decimal> confirmed{};  ///< a person says that a jump to about here is right
  bool operator==(const RateSourceOptions&) const = default;
};

/// An answer, read and checked as far as that goes without knowing what was there before.
struct RateAnswer {
  Timestamp as_of{};
  std::map<Currency, Decimal> rates;
  std::map<Currency, std::string> refused = {};  ///< why a rate can't be one
};

inline constexpr std::size_t kRateAnswerBytesMax = 256 * 1024;

/// Reads what the source says. Numbers are exact decimals, no floats; what ISO 4217 does not list is passed over.
/// Errors: `kInvalid` with what is wrong, for an answer that can't be used as a whole: no JSON, no rates, those of
/// another base, of no time or of a future one. It says nothing of what stands there.
[[nodiscard]] Result<RateAnswer> read_rate_answer(const RateSourceOptions& options, std::string_view body,
                                                  Timestamp now);

/// What is in force after an answer.
struct TakenRates {
  transform::Quotes quotes;
  std::map<Currency, std::string> refused;
};

/// Lays an answer over the last good rates, or the table's where there are none. A rate that jumps is refused: the
/// former stays, and grows old. Errors: `kInvalid` for an answer that is older than what is in force.
[[nodiscard]] Result<TakenRates> take_rates(const RateSourceOptions& options, const transform::RateTable& table,
                                            const transform::Quotes& last_good, RateAnswer answer);

/// Notes which rates are too old now; one of the future, told while our clock was ahead, is of now. True if what may be
/// used has changed. `next`: becomes the time when the next one will be, if
/// that is earlier.
bool age_rates(transform::Quotes& quotes, std::chrono::hours max_age, Timestamp now, Timestamp& next);

}  // namespace datasync::app
