#include "domain/record.h"

#include <algorithm>
#include <iterator>

namespace datasync {
namespace {

constexpr std::string_view kCopyPrefix = "_copy_";
constexpr std::chrono::hours kEarlierValuesKept{24};
constexpr std::size_t kEarlierValuesMax = 32;  // per record and platform; the oldest go first
/// Of one field. An event that is younger than the golden value was written when its platform held one of the last two
/// that it was told: the one acknowledged, or the one under way. An older event loses against the golden value anyway.
/// The bound is not on all fields together: a platform that sends whole records echoes every field that was changed at
/// once, and one that we had forgotten would overwrite the newer value.
constexpr std::ptrdiff_t kEarlierValuesOfFieldMax = 2;
constexpr std::size_t kOwnIdsMax = 16;

}  // namespace

FieldName copy_field_of(const PlatformId& platform) {
  return FieldName(std::string(kCopyPrefix) + platform.str());
}

bool is_copy_field(const FieldName& field) noexcept {
  return field.str().starts_with(kCopyPrefix);
}

const Hold* find_copy_hold(const Record& record, const PlatformId& platform) noexcept {
  for (const Hold& hold : record.holds) {
    if (is_copy_field(hold.field) && hold.field.str().substr(kCopyPrefix.size()) == platform.str()) return &hold;
  }
  return nullptr;
}

const KnownValue* Knowledge::find(const FieldName& field) const noexcept {
  for (const KnownValue& value : values) {
    if (value.field == field) return &value;
  }
  return nullptr;
}

const KnownValue* Knowledge::find_last_contact(const FieldName& field) const noexcept {
  const KnownValue* held = find(field);
  return held != nullptr ? held : find(kDeletedField);
}

void Knowledge::hold(KnownValue value) {
  for (KnownValue& held : values) {
    if (held.field != value.field) continue;
    if (held.hash != value.hash && held.hash != 0) {
      std::erase_if(earlier, [&value](const KnownValue& old) {
        return old.acknowledged + kEarlierValuesKept < value.acknowledged;
      });
      const auto same_field = [&value](const KnownValue& old) { return old.field == value.field; };
      if (std::count_if(earlier.begin(), earlier.end(), same_field) >= kEarlierValuesOfFieldMax) {
        const auto same_value = [&held](const KnownValue& old) {
          return old.field == held.field && old.hash == held.hash;
        };
        const auto again = std::find_if(earlier.begin(), earlier.end(), same_value);
        earlier.erase(again != earlier.end() ? again : std::find_if(earlier.begin(), earlier.end(), same_field));
      }
      if (earlier.size() >= kEarlierValuesMax) earlier.erase(earlier.begin());
      earlier.push_back(std::move(held));
    }
    held = std::move(value);
    return;
  }
  values.push_back(std::move(value));
}

void Knowledge::end_doubt(const FieldName& field) {
  const auto is_it = [&field](const KnownValue& value) { return value.field == field; };
  const auto held = std::find_if(values.begin(), values.end(), is_it);
  const auto last = std::find_if(earlier.rbegin(), earlier.rend(), is_it);
  if (held == values.end() || held->hash != 0 || last == earlier.rend()) return;
  *held = std::move(*last);
  earlier.erase(std::next(last).base());
}

std::string_view Knowledge::own_id(std::string_view role) const noexcept {
  for (auto at = ids.rbegin(); at != ids.rend(); ++at) {
    if (at->role == role) return at->id;
  }
  return {};
}

bool names_record(const std::vector<OwnId>& ids) noexcept {
  return std::any_of(ids.begin(), ids.end(), [](const OwnId& own) { return own.role.empty(); });
}

void Knowledge::forget_own_id() {
  if (!own_id().empty()) ids.emplace_back();
}

std::vector<OwnId> Knowledge::present_ids() const {
  std::vector<OwnId> present = ids;
  const bool is_unknown = own_id().empty();
  std::erase_if(present,
                [is_unknown](const OwnId& own) { return own.role == kBesideRole || (is_unknown && own.role.empty()); });
  return present;
}

bool Knowledge::learn_id(std::string_view role, std::string_view id) {
  if (id.empty() || own_id(role) == id) return false;
  std::erase_if(ids, [&](const OwnId& own) {
    const bool is_beside = role.empty() && own.role == kBesideRole && own.id == id;
    return is_beside || (own.role == role && own.id.empty());
  });
  const auto known =
      std::find_if(ids.begin(), ids.end(), [&](const OwnId& own) { return own.role == role && own.id == id; });
  const bool news = known == ids.end();
  if (!news) ids.erase(known);
  if (ids.size() >= kOwnIdsMax) ids.erase(ids.begin());
  ids.push_back({std::string(role), std::string(id)});
  return news;
}

Hold* Record::find_hold(const FieldName& field) noexcept {
  for (Hold& hold : holds) {
    if (hold.field == field) return &hold;
  }
  return nullptr;
}

const Hold* Record::find_hold(const FieldName& field) const noexcept {
  for (const Hold& hold : holds) {
    if (hold.field == field) return &hold;
  }
  return nullptr;
}

const FieldState* Record::find(const FieldName& field) const noexcept {
  for (const FieldState& state : fields) {
    if (state.name == field) return &state;
  }
  return nullptr;
}

FieldState& Record::at_or_new(const FieldName& field) {
  if (const FieldState* known = find(field)) return const_cast<FieldState&>(*known);
  const auto at = std::lower_bound(fields.begin(), fields.end(), field,
                                   [](const FieldState& state, const FieldName& name) { return state.name < name; });
  FieldState fresh;
  fresh.name = field;
  return *fields.insert(at, std::move(fresh));
}

const Knowledge* Record::known_by(const PlatformId& platform) const noexcept {
  for (const Knowledge& known : knowledge) {
    if (known.platform == platform) return &known;
  }
  return nullptr;
}

Knowledge& Record::knowledge_of(const PlatformId& platform) {
  for (Knowledge& known : knowledge) {
    if (known.platform == platform) return known;
  }
  Knowledge fresh;
  fresh.platform = platform;
  return knowledge.emplace_back(std::move(fresh));
}

bool Record::is_deleted() const noexcept {
  const FieldState* deleted = find(kDeletedField);
  return deleted != nullptr && deleted->value == Value::boolean(true);
}

std::string_view to_string(Conflict::Outcome outcome) noexcept {
  switch (outcome) {
    case Conflict::Outcome::kTarget:
      return "target";
    case Conflict::Outcome::kSource:
      return "source";
    case Conflict::Outcome::kMerged:
      return "merged";
    case Conflict::Outcome::kOpen:
      break;
  }
  return "open";
}

}  // namespace datasync
