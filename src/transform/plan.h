#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "domain/money.h"
#include "domain/value.h"
#include "transform/mapping.h"
#include "transform/name_table.h"

namespace datasync::transform {

/// What a field is, apart from its name.
enum class Role : std::uint8_t { kPlain, kId, kMoney, kCurrency, kStatus, kFirstName, kLastName, kWholeName, kDropped };

/// How much a name is trusted where several stand for one canonical field; smaller wins.
enum class Trust : std::uint8_t { kOwn, kPart, kCanonical, kAlias, kUnmapped };

/// What a name in a platform's data means.
struct Inbound {
  std::string canonical;
  Role role = Role::kPlain;
  Trust trust = Trust::kCanonical;
};

/// When a platform can be told a field.
enum class Access : std::uint8_t { kAlways, kOnCreate, kNever };

/// Where a canonical field goes.
struct Outbound {
  std::string name;  ///< the platform's name of it; of the first part where it is split
  std::string last;  ///< name of the second part
  Role role = Role::kPlain;
  Access access = Access::kAlways;
  bool kept_in_lower_case = false;
  NameTable<Value> kept_words;          ///< by the JSON text of what was sent
  std::optional<Value> kept_otherwise;  ///< for every other word
};

/// How one platform reads and writes one entity, compiled from the configuration: what the hot path looks things up in.
/// Names that stand in no table travel as they are.
struct EntityPlan {
  NameTable<Inbound> inbound;    ///< by the name in the platform's data
  NameTable<Outbound> outbound;  ///< by canonical name
  NameTable<Value> words_in;     ///< status words by their JSON text, quotes included
  NameTable<Value> words_out;
  std::string id_name{kIdField};
  std::string currency_name{kCurrencyField};
  Access unlisted = Access::kAlways;  ///< of fields that stand in no table
  bool has_money = false;
  std::vector<FieldName> expected;     ///< canonical fields that each event of a platform that sends whole records has
  Currency currency;                   ///< of amounts that come without one
  std::optional<Currency> convert_to;  ///< of amounts on their way out
};

/// `platform` null stands for a platform without configuration: canonical names in and out.
[[nodiscard]] EntityPlan compile_plan(std::string_view entity, const EntityRules& rules,
                                      const PlatformMapping* platform);

}  // namespace datasync::transform
