#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "domain/money.h"
#include "domain/platform.h"
#include "domain/value.h"

namespace datasync::transform {

/// Canonical names that mean something to the code; every other name is configuration.
inline constexpr std::string_view kIdField = "id";
inline constexpr std::string_view kStatusField = "status";
inline constexpr std::string_view kCurrencyField =
    "currency";  ///< only of entities that have amounts; else a plain field

/// What holds for an entity on every platform.
struct EntityRules {
  bool stateless = false;                 ///< no record is kept: each event travels by itself (`analytics`)
  std::vector<std::string> natural_keys;  ///< canonical fields that identify it, in the order in which they are tried
  std::vector<std::string> money_fields;  ///< canonical fields that are amounts
  std::map<std::string, std::string>
      aliases;  ///< other names of canonical fields, from any platform: `amount` → `total_amount`
  std::map<std::string, Value>
      create_defaults;  ///< canonical values that a create gets where it has none: lead `source`
};

/// How one platform writes one entity.
struct EntityMapping {
  std::map<std::string, std::string>
      to_canonical;                             ///< platform's field name → canonical name; each canonical name once
  std::map<std::string, std::string> statuses;  ///< canonical status word → the platform's
  std::vector<std::string> readonly;            ///< canonical fields that the platform can't write
  std::optional<std::vector<std::string>> writable;  ///< if given, the only canonical fields that it can write
  std::vector<std::string> create_only;              ///< canonical fields that it takes with a create and never again
  /// Its events carry every field of `to_canonical` that it has a value for: one that is missing was not left out.
  bool whole_records = false;
  /// What the platform makes of a value that it was given, as far as it does not keep it as it is. Values are compared
  /// in this form: what comes back is then no change.
  struct Kept {
    bool lower_case = false;  ///< `Anna@Example.com` → `anna@example.com`
    /// The platform's word → the word that it keeps: `pending_review` → `draft`; `*` stands for every other word.
    std::map<std::string, std::string> words;
  };
  std::map<std::string, Kept> kept;  ///< by canonical field
  /// Canonical field that the platform keeps in two: `name` → {`first_name`, `last_name`}; split at the last space.
  struct Split {
    std::string field, first, last;
  };
  std::vector<Split> splits;
};

enum class ContextBlock { kPlatformContext, kSyncMetadata };

struct PlatformMapping {
  Platform platform;
  ContextBlock context = ContextBlock::kPlatformContext;
  /// The currency that amounts are converted into on their way out; none sends the original.
  std::optional<Currency> convert_to;
  std::map<std::string, EntityMapping> entities;
};

/// What a source of rates has told: units of each currency for one unit of `base`. Empty until it has told something.
struct Quotes {
  struct Quote {
    Decimal rate;
    Timestamp as_of{};     ///< the rate is of then
    bool too_old = false;  ///< nothing is converted at it any more
    bool operator==(const Quote&) const = default;
  };
  Currency base;
  std::map<Currency, Quote> rates;

  [[nodiscard]] bool knows(Currency currency) const {
    return !rates.empty() && (currency == base || rates.contains(currency));
  }
  bool operator==(const Quotes&) const = default;
};

/// Units of each currency for one unit of `base`, with the day that the table is of; and what a source has told since.
struct RateTable {
  Currency base;
  Timestamp as_of{};
  std::map<Currency, Decimal> rates;
  Quotes quotes = {};
  /// Through the base where neither is the base: INR → EUR is EUR per USD over INR per USD, divided only once, at the
  /// amount.
  ///
  /// A currency that the source has told goes by what it told, and never back to the table: one that is too old is an
  /// error, not a reason to take an older one. The table serves the others; where its base is not the source's, those
  /// pairs of which the source does not know both.
  ///
  /// Errors: `kInvalid` if a currency is in neither, or its rate is too old.
  [[nodiscard]] Result<Rate> rate(Currency from, Currency to) const;
};

struct Mapping {
  std::map<std::string, EntityRules> entities;
  std::map<PlatformId, PlatformMapping> platforms;
};

}  // namespace datasync::transform
