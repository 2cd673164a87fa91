#include "pipeline/testing/prices.h"

#include <algorithm>
#include <array>
#include <map>

#include "domain/json.h"
#include "domain/money.h"

namespace datasync::pipeline {
namespace {

constexpr std::array<const char*, 4> kCurrencies{"USD", "INR", "JPY", "EUR"};

std::string currency_on(const TestPlatform& platform, const Fields& local) {
  const PlatformShape& shape = platform.shape();
  if (!shape.currency.empty()) return shape.currency;
  const Value* named = local.find(shape.local("currency"));
  return named == nullptr ? "USD" : named->as_string().value_or("");
}

}  // namespace

std::string Prices::some_currency(Random& dice, bool may_be_none) {
  const std::size_t number = dice.next() % (kCurrencies.size() + (may_be_none ? 1 : 0));
  return number == kCurrencies.size() ? "" : kCurrencies[number];
}

void Prices::move_rates() {
  static constexpr std::array<const char*, 4> kRupees{"83", "84.5", "91.234567890123", "60"};
  static constexpr std::array<const char*, 3> kYen{"150", "151.37", "109.9"};
  static constexpr std::array<const char*, 2> kEuros{"0.92", "1.07"};
  world_.set_rates({{"INR", kRupees[below(kRupees.size())]},
                    {"JPY", kYen[below(kYen.size())]},
                    {"EUR", kEuros[below(kEuros.size())]}});
  world_.trace("the rates move");
  rates_.push_back({world_.clock.now(), world_.catalog()});
}

Fields Prices::some_price(const TestPlatform& platform, const TestPlatform::Copy* copy) {
  const PlatformShape& shape = platform.shape();
  std::string currency = shape.currency;
  const bool is_new = copy == nullptr || copy->data.find(shape.local("currency")) == nullptr;
  if (currency.empty())
    currency = is_new || below(4) == 0 ? kCurrencies[below(kCurrencies.size())] : currency_on(platform, copy->data);
  const bool has_cents = Currency::parse(currency).value().exponent() > 0;
  static constexpr std::array<const char*, 5> kAmounts{"19.99", "20", "1659.17", "2999", "0.05"};
  std::string amount = kAmounts[below(kAmounts.size())];
  if (below(2) == 0) amount = std::to_string(below(5'000)) + (has_cents ? "." + std::to_string(10 + below(90)) : "");
  Fields price;
  price.set(kPrice, *parse_json(amount));
  if (shape.currency.empty() || !is_new || below(2) == 0) price.set("currency", Value::string(currency));
  said_.insert(canonical(platform, price).text());
  return price;
}

Value Prices::canonical(const TestPlatform& platform, const Fields& price) {
  const Value* named = price.find("currency");
  const std::string currency = named == nullptr ? platform.shape().currency : named->as_string().value_or("");
  return Money::parse(*price.find(kPrice), Currency::parse(currency).value()).value().to_value();
}

Value Prices::amount_on(const TestPlatform& platform, const TestPlatform::Copy& copy) {
  const Value* held = copy.data.find(platform.shape().local(kPrice));
  const auto currency = Currency::parse(currency_on(platform, copy.data));
  const auto amount =
      held != nullptr && currency ? Money::parse(*held, *currency) : Result<Money>(fail(ErrorCode::kInvalid, "none"));
  return amount ? amount->to_value() : Value();
}

bool Prices::is_held(const TestPlatform& platform, const TestPlatform::Copy& copy, const Value& golden,
                     Timestamp since) const {
  const Value* held = copy.data.find(platform.shape().local(kPrice));
  const auto worth = Money::from_value(golden);
  if (held == nullptr || !worth) return held != nullptr && *held == golden;
  const auto amount = Money::from_value(amount_on(platform, copy));
  if (!amount) return false;
  if (platform.shape().currency.empty()) return *amount == *worth;
  for (std::size_t i = 0; i < rates_.size(); ++i) {
    if (i + 1 < rates_.size() && rates_[i + 1].since < since) continue;
    const auto told = rates_[i].catalog->mapper.worth_in(*worth, amount->currency());
    if (told && *told == *amount) return true;
  }
  return false;
}

void Prices::check_records() const {
  for (const auto& [key, record] : world_.store.records()) {
    if (const FieldState* price = record.find(kPrice)) check(record, *price);
  }
  for (const auto& [sequence, stored] : world_.store.events()) {
    const HistoryEntry* history = world_.store.history_of(sequence);
    if (history == nullptr) continue;
    for (const FieldState& field : history->overwritten) {
      if (field.name == kPrice) check(world_.store.records().at(history->record), field);
    }
  }
}

bool Prices::was_told(const PlatformId& writer, const Value& amount) const {
  for (const auto& platform : world_.platforms) {
    const PlatformShape& shape = platform->shape();
    if (shape.id != writer && writer != kReviewer) continue;  // a person may give back what was golden before
    const bool is_any = std::any_of(platform->seen.begin(), platform->seen.end(), [&](const TestPlatform::Seen& seen) {
      const Value* price = seen.data.find(shape.local(kPrice));
      const Value* named = seen.data.find(shape.local("currency"));
      if (price == nullptr || price->is_null() || named == nullptr) return false;
      Fields told;
      told.set(kPrice, *price);
      told.set("currency", *named);
      return canonical(*platform, told) == amount;
    });
    if (is_any) return true;
  }
  return false;
}

void Prices::check(const Record& record, const FieldState& field) const {
  if (field.value.is_null() || said_.contains(field.value.text())) return;
  if (!is_calm_ && was_told(field.writer, field.value)) return;
  world_.complain("a price of record " + std::to_string(record.key.value) + " was " + field.value.text() + " by " +
                  field.writer.str() + " in version " + std::to_string(field.version.value) + ", which nobody wrote");
}

}  // namespace datasync::pipeline
