#include "transform/money_shape.h"

#include "domain/json.h"
#include "domain/json_pointer.h"

namespace datasync::transform {
namespace {

/// The platform's own name of it wins.
const Field* find_currency(const EntityPlan& plan, const Fields& data) noexcept {
  const Field* found = nullptr;
  for (const Field& field : data) {
    if (field.name == plan.currency_name) return &field;
    if (field.name == kCurrencyField) found = &field;
  }
  return found;
}

}  // namespace

Result<Currency> currency_of(const EntityPlan& plan, const Fields& data) {
  const Field* field = find_currency(plan, data);
  if (field == nullptr || field->value.is_null()) return plan.currency;
  auto currency = Currency::parse(field->value.as_string().value_or(""));
  if (currency) return currency;
  return fail(ErrorCode::kInvalid, pointer_to(field->name) +
                                       ": must be an ISO 4217 code of three letters, such as USD; leave it out for " +
                                       std::string(plan.currency.code()));
}

Result<Value> fold_amount(const Field& field, Currency currency) {
  if (field.value.is_null()) return field.value;
  // An object of amount and currency, as GraphQL shops answer it, is our own form too.
  if (const auto folded = Money::from_value(field.value)) return folded->to_value();
  const auto money = Money::parse(field.value, currency);
  if (!money) return fail(ErrorCode::kInvalid, pointer_to(field.name) + ": " + money.error().message);
  return money->to_value();
}

Result<Value> AmountWriter::write(const Value& folded) {
  const auto money = Money::from_value(folded);
  if (!money) return folded;
  if (!currency_) currency_ = money->currency();
  const auto rate = rates_.rate(money->currency(), *currency_);
  if (!rate) return fail(rate.error());
  const auto amount = money->convert(*rate, *currency_);
  if (!amount) return fail(amount.error());
  any_ = true;
  return Value::from_canonical(canonical_number(amount->to_decimal()));
}

std::string pointer_to(std::string_view name) {
  return "/data" + pointer_step(name);
}

}  // namespace datasync::transform
