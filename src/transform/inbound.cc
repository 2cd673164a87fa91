#include "transform/inbound.h"

#include "transform/assembly.h"
#include "transform/money_shape.h"
#include "transform/names.h"

namespace datasync::transform {
namespace {

/// Reads the fields of one change one after the other.
class ChangeReader {
 public:
  ChangeReader(const EntityPlan& plan, Currency currency) : plan_(plan), currency_(currency) {}

  Result<void> read(const Field& field);
  Result<CanonicalChange> finish() &&;

 private:
  /// The parts of one split field, as far as the data has them.
  struct Parts {
    std::string_view field;
    const Field* first = nullptr;
    const Field* last = nullptr;
  };

  void read_id(const Field& field, Trust trust);
  Result<void> read_amount(const Field& field, const Inbound& meaning);
  void read_part(const Field& field, const Inbound& meaning);
  Result<void> join(const Parts& parts);
  Result<void> keep_lone(const Parts& parts);

  const EntityPlan& plan_;
  Currency currency_;
  CanonicalChange change_;
  Assembly assembly_;
  boost::container::small_vector<Parts, 1> parts_;
  const Field* currency_field_ = nullptr;
  bool has_amount_ = false;
  Trust id_trust_ = Trust::kUnmapped;
};

const Value& word(const NameTable<Value>& words, const Value& status) {
  const Value* other = words.find(status.text());
  return other != nullptr ? *other : status;
}

Result<void> ChangeReader::read(const Field& field) {
  const Inbound* meaning = plan_.inbound.find(field.name);
  if (meaning == nullptr) {
    assembly_.borrow(field.name, Trust::kUnmapped, field.value);
    return {};
  }
  switch (meaning->role) {
    case Role::kDropped:
      break;
    case Role::kPlain:
    case Role::kWholeName:
      assembly_.borrow(meaning->canonical, meaning->trust, field.value);
      break;
    case Role::kStatus:
      assembly_.borrow(meaning->canonical, meaning->trust, word(plan_.words_in, field.value));
      break;
    case Role::kId:
      read_id(field, meaning->trust);
      break;
    case Role::kFirstName:
    case Role::kLastName:
      read_part(field, *meaning);
      break;
    case Role::kCurrency:
      currency_field_ = &field;
      break;
    case Role::kMoney:
      return read_amount(field, *meaning);
  }
  return {};
}

void ChangeReader::read_id(const Field& field, Trust trust) {
  auto id = field.value.as_id();
  if (!id || id->empty() || trust >= id_trust_) return;
  change_.own_id = *std::move(id);
  id_trust_ = trust;
}

Result<void> ChangeReader::read_amount(const Field& field, const Inbound& meaning) {
  auto amount = fold_amount(field, currency_);
  if (!amount) return fail(std::move(amount).error());
  assembly_.add(meaning.canonical, meaning.trust, *std::move(amount));
  has_amount_ = true;
  return {};
}

void ChangeReader::read_part(const Field& field, const Inbound& meaning) {
  auto at = std::find_if(parts_.begin(), parts_.end(),
                         [&meaning](const Parts& parts) { return parts.field == meaning.canonical; });
  if (at == parts_.end()) at = parts_.insert(at, Parts{meaning.canonical});
  (meaning.role == Role::kFirstName ? at->first : at->last) = &field;
}

/// The text of a part: null is an empty name.
Result<std::string> text_of(const Field& part) {
  if (part.value.is_null()) return std::string();
  if (auto text = part.value.as_string()) return *std::move(text);
  return fail(ErrorCode::kInvalid, pointer_to(part.name) + ": must be a string");
}

Result<void> ChangeReader::join(const Parts& parts) {
  if (parts.first->value.is_null() && parts.last->value.is_null()) {
    assembly_.borrow(parts.field, Trust::kPart, parts.first->value);
    return {};
  }
  const auto first = text_of(*parts.first);
  if (!first) return fail(first.error());
  const auto last = text_of(*parts.last);
  if (!last) return fail(last.error());
  assembly_.add(parts.field, Trust::kPart, Value::string(join_name({*first, *last})));
  return {};
}

Result<void> ChangeReader::keep_lone(const Parts& parts) {
  const bool is_first = parts.first != nullptr;
  const Field& part = is_first ? *parts.first : *parts.last;
  auto text = text_of(part);
  if (!text) return fail(std::move(text).error());
  change_.lone_parts.push_back({is_first ? LonePart::Kind::kFirstName : LonePart::Kind::kLastName,
                                std::string(parts.field), *std::move(text), pointer_to(part.name)});
  return {};
}

Result<CanonicalChange> ChangeReader::finish() && {
  for (const Parts& parts : parts_) {
    if (parts.first != nullptr && parts.last != nullptr) {
      DATASYNC_TRY(join(parts));
    } else if (!assembly_.contains(parts.field)) {
      DATASYNC_TRY(keep_lone(parts));
    }
  }
  if (currency_field_ != nullptr && !has_amount_ && !currency_field_->value.is_null()) {
    change_.lone_parts.push_back(
        {LonePart::Kind::kCurrency, "", std::string(currency_.code()), pointer_to(currency_field_->name)});
  }
  change_.fields = std::move(assembly_).finish();
  return std::move(change_);
}

Value renamed(std::string_view name, const LonePart& part) {
  PersonName parts = split_name(name);
  (part.kind == LonePart::Kind::kFirstName ? parts.first : parts.last) = part.text;
  return Value::string(join_name(parts));
}

Result<void> check_currency(const EntityPlan& plan, const EntityRules& rules, const Record& record,
                            const LonePart& part) {
  for (const std::string& field : rules.money_fields) {
    const FieldState* state = record.find(field);
    const auto money = state != nullptr ? Money::from_value(state->value) : std::nullopt;
    if (!money || plan.convert_to.value_or(money->currency()).code() == part.text) continue;
    return fail(ErrorCode::kInvalid, part.pointer + ": " + part.text + " is not the currency of `" + field +
                                         "`; send the amount together with its currency");
  }
  return {};
}

}  // namespace

Result<CanonicalChange> read_change(const EntityPlan& plan, const Fields& data) {
  Currency currency = plan.currency;
  if (plan.has_money) {
    const auto named = currency_of(plan, data);
    if (!named) return fail(named.error());
    currency = *named;
  }
  ChangeReader reader(plan, currency);
  for (const Field& field : data) DATASYNC_TRY(reader.read(field));
  return std::move(reader).finish();
}

std::string read_own_id(const EntityPlan& plan, const Fields& data) {
  std::string own_id;
  Trust id_trust = Trust::kUnmapped;
  for (const Field& field : data) {
    const Inbound* meaning = plan.inbound.find(field.name);
    if (meaning == nullptr || meaning->role != Role::kId || meaning->trust >= id_trust) continue;
    auto id = field.value.as_id();
    if (!id || id->empty()) continue;
    own_id = *std::move(id);
    id_trust = meaning->trust;
  }
  return own_id;
}

Result<void> complete_change(const EntityPlan& plan, const EntityRules& rules, const Record* record,
                             CanonicalChange& change) {
  for (const LonePart& part : change.lone_parts) {
    if (part.kind == LonePart::Kind::kCurrency) {
      if (record != nullptr) DATASYNC_TRY(check_currency(plan, rules, *record, part));
      continue;
    }
    const FieldState* state = record != nullptr ? record->find(part.field) : nullptr;
    const std::string name = state != nullptr ? state->value.as_string().value_or("") : "";
    change.fields.set(part.field, renamed(name, part));
  }
  change.lone_parts.clear();
  return {};
}

}  // namespace datasync::transform
