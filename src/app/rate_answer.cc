#include "app/rate_answer.h"

#include <algorithm>
#include <boost/multiprecision/cpp_int.hpp>
#include <optional>
#include <utility>

#include "delivery/connectors/json_pointer.h"
#include "domain/json.h"

namespace datasync::app {
namespace {

using Wide = boost::multiprecision::int256_t;

constexpr std::chrono::hours kAheadMax{24};  // it is tomorrow already elsewhere, and clocks differ
constexpr int kWholeDigitsMax = 9;
constexpr int kLeadingZerosMax = 6;  // a smaller rate would have few digits left

Wide power_of_ten(int exponent) {
  return boost::multiprecision::pow(Wide(10), static_cast<unsigned>(exponent));
}

std::optional<Value> find(std::string_view pointer, const Fields& root) {
  const auto place = delivery::JsonPointer::parse(pointer);
  return place ? place->find(root) : std::nullopt;
}

/// A number, or a string that holds one.
Result<Decimal> rate_of(const Value& value) {
  std::string text = value.kind() == Value::Kind::kNumber ? value.text() : value.as_string().value_or("");
  const auto rate = Decimal::rounded(text);
  if (!rate) return fail(ErrorCode::kInvalid, "is no plain decimal number");
  if (rate->units <= 0) return fail(ErrorCode::kInvalid, "is not above zero");
  const Wide scaled(rate->units);
  if (scaled >= power_of_ten(kWholeDigitsMax + rate->scale) ||
      scaled * power_of_ten(kLeadingZerosMax) < power_of_ten(rate->scale)) {
    return fail(ErrorCode::kInvalid, "is beyond anything that a rate can be");
  }
  return *rate;
}

/// A day, a time, or seconds since 1970.
Result<Timestamp> time_of(const Value& value) {
  constexpr std::int64_t kSecondsMax = 253'402'300'799;  // the year 9999
  constexpr std::size_t kDayCharacters = 10;
  if (const auto number = value.as_integer()) {
    if (*number < 0 || *number > kSecondsMax) return fail(ErrorCode::kInvalid, "is no time");
    return Timestamp{seconds{*number}};
  }
  std::string text = value.as_string().value_or("");
  if (text.size() == kDayCharacters) text += "T00:00:00Z";
  return parse_rfc3339(text);
}

Result<void> check_base(const RateSourceOptions& options, const Fields& root) {
  if (options.base_pointer.empty()) return {};
  const auto told = find(options.base_pointer, root);
  const auto base = Currency::parse(told ? told->as_string().value_or("") : "");
  if (base && *base == options.base) return {};
  return fail(ErrorCode::kInvalid, "the answer does not say at `base_pointer` that its rates are for one " +
                                       std::string(options.base.code()));
}

Result<Timestamp> read_time(const RateSourceOptions& options, const Fields& root, Timestamp now) {
  if (options.date_pointer.empty()) return now;
  const auto told = find(options.date_pointer, root);
  const auto time = told ? time_of(*told) : fail(ErrorCode::kInvalid, "");
  if (!time) return fail(ErrorCode::kInvalid, "the answer has no date at `date_pointer`");
  if (*time > now + kAheadMax) return fail(ErrorCode::kInvalid, "the rates are of a time that has yet to come");
  return std::min(*time, now);
}

/// Whether the two are at most so many percent apart, seen from the smaller one.
bool is_near(const Decimal& rate, const Rate& reference, int percent) {
  const Wide a = Wide(rate.units) * reference.denominator.units * power_of_ten(reference.numerator.scale);
  const Wide b = Wide(reference.numerator.units) * power_of_ten(reference.denominator.scale + rate.scale);
  const Wide apart = a > b ? a - b : b - a;
  return apart * 100 <= (a > b ? b : a) * percent;
}

/// What a rate is compared with; none if it is the first that is heard of the currency.
std::optional<Rate> reference_for(const RateSourceOptions& options, const transform::RateTable& table,
                                  const transform::Quotes& last_good, Currency currency) {
  const auto at = last_good.rates.find(currency);
  if (at != last_good.rates.end()) return Rate{at->second.rate, {1, 0}};
  const auto rate = table.rate(options.base, currency);
  return rate ? std::optional(*rate) : std::nullopt;
}

bool is_confirmed(const RateSourceOptions& options, Currency currency, const Decimal& rate) {
  const auto at = options.confirmed.find(currency);
  return at != options.confirmed.end() && is_near(rate, {at->second, {1, 0}}, options.jump_percent_max);
}

}  // namespace

Result<RateAnswer> read_rate_answer(const RateSourceOptions& options, std::string_view body, Timestamp now) {
  if (body.size() > kRateAnswerBytesMax) return fail(ErrorCode::kInvalid, "the answer is too long");
  const auto root = parse_json_object(body);
  if (!root) return fail(ErrorCode::kInvalid, "the answer is no JSON object");
  DATASYNC_TRY(check_base(options, *root));
  const auto time = read_time(options, *root, now);
  if (!time) return fail(time.error());
  const auto map = find(options.rates_pointer, *root);
  if (!map || map->kind() != Value::Kind::kObject) {
    return fail(ErrorCode::kInvalid, "the answer has no map of rates at `rates_pointer`");
  }
  RateAnswer answer{*time, {}};
  for (const Field& member : members_of(*map)) {
    const auto currency = Currency::parse(member.name);
    if (!currency || !currency->is_listed() || currency->code() != member.name) continue;
    const auto rate = rate_of(member.value);
    if (*currency == options.base) {
      if (rate && is_near(*rate, {}, 0)) continue;
      return fail(ErrorCode::kInvalid, "one " + member.name + " is not one " + member.name +
                                           " in the answer: its rates are for another base");
    }
    if (rate) {
      answer.rates.emplace(*currency, *rate);
    } else {
      answer.refused.emplace(*currency, rate.error().message);
    }
  }
  if (answer.rates.empty()) return fail(ErrorCode::kInvalid, "the answer has no rate that can be used");
  return answer;
}

Result<TakenRates> take_rates(const RateSourceOptions& options, const transform::RateTable& table,
                              const transform::Quotes& last_good, RateAnswer answer) {
  for (const auto& [currency, quote] : last_good.rates) {
    if (!answer.rates.contains(currency) || quote.as_of <= answer.as_of) continue;
    return fail(ErrorCode::kInvalid,
                "the answer is of " + format_rfc3339(answer.as_of) + ", older than the rates that are in force");
  }
  TakenRates taken{last_good, std::move(answer.refused)};
  taken.quotes.base = options.base;
  for (const auto& [currency, rate] : answer.rates) {
    const auto reference = reference_for(options, table, last_good, currency);
    if (!reference || is_near(rate, *reference, options.jump_percent_max) || is_confirmed(options, currency, rate)) {
      taken.quotes.rates[currency] = {rate, answer.as_of, false};
      continue;
    }
    const std::string code(currency.code());
    taken.refused.emplace(currency, "jumps by more than " + std::to_string(options.jump_percent_max) + " % to " +
                                        rate.to_text() + "; if that is right, set rates.source.confirmed." + code +
                                        " to it");
  }
  return taken;
}

bool age_rates(transform::Quotes& quotes, std::chrono::hours max_age, Timestamp now, Timestamp& next) {
  bool changed = false;
  for (auto& [currency, quote] : quotes.rates) {
    quote.as_of = std::min(quote.as_of, now);
    const Timestamp end = quote.as_of + max_age;
    const bool too_old = end < now;
    if (!too_old) next = std::min(next, end);
    changed = changed || quote.too_old != too_old;
    quote.too_old = too_old;
  }
  return changed;
}

}  // namespace datasync::app
