// What a source of rates of exchange answers: two JSON pointers on the first line, to base and date, and the body
// behind it.

#include "app/rate_answer.h"
#include "app/rate_file.h"
#include "fuzz.h"

namespace datasync::fuzz {
namespace {

const Timestamp kNow = Timestamp{seconds{1'796'000'000}};

Currency currency(std::string_view code) {
  return *Currency::parse(code);
}

/// 1 USD = 90 INR = 150 JPY, an hour ago.
transform::Quotes last_good() {
  transform::Quotes quotes;
  quotes.base = currency("USD");
  quotes.rates[currency("INR")] = {*Decimal::parse("90"), kNow - std::chrono::hours{1}};
  quotes.rates[currency("JPY")] = {*Decimal::parse("150"), kNow - std::chrono::hours{1}};
  return quotes;
}

void check_answer(const app::RateAnswer& answer) {
  require(!answer.rates.empty(), "an answer without rates is none");
  require(answer.as_of <= kNow, "rates are not of the future");
  for (const auto& [unit, rate] : answer.rates) {
    require(unit.is_listed() && unit.code() != "USD", "a currency of the world, but not the base", unit.code());
    require(rate.units > 0, "a rate is above zero", rate.to_text());
    const auto again = Decimal::parse(rate.to_text());
    require(again && again->to_text() == rate.to_text(), "a rate reads back as it was written", rate.to_text());
    require(!answer.refused.contains(unit), "a rate is taken or refused", unit.code());
  }
}

void check_taken(const app::TakenRates& taken) {
  const transform::Quotes& quotes = taken.quotes;
  const std::int64_t rupees = quotes.rates.at(currency("INR")).rate.units;
  require(rupees > 0, "what was known stays known");
  const auto written = app::parse_quotes(app::to_json(quotes));
  require(written && written->rates.size() == quotes.rates.size(), "the file holds what is in force");
  for (const auto& [unit, quote] : quotes.rates) {
    require(written->rates.at(unit).rate.to_text() == quote.rate.to_text(), "exactly", quote.rate.to_text());
  }
  // One unit of the last good rate becomes 0.83 to 1.2 of the new one.
  const auto ten_thousand = Money::from_minor(1'000'000, currency("USD"));
  const auto now = ten_thousand.convert({quotes.rates.at(currency("INR")).rate, {1, 0}}, currency("INR"));
  require(now && now->minor() <= 108'000'000 && now->minor() >= 75'000'000, "no rate jumps", app::to_json(quotes));
}

}  // namespace
}  // namespace datasync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace datasync;
  std::string_view body = fuzz::text_of(data, size);
  std::string_view pointers = fuzz::take_until(body, "\n");
  app::RateSourceOptions options;
  options.base = fuzz::currency("USD");
  options.base_pointer = fuzz::take_until(pointers, " ");
  options.date_pointer = pointers;
  auto answer = app::read_rate_answer(options, body, fuzz::kNow);
  if (!answer) {
    fuzz::require(answer.error().code == ErrorCode::kInvalid && !answer.error().message.empty(),
                  "it says what is wrong");
    (void)app::parse_quotes(body);  // nor does a broken file do harm
    return 0;
  }
  fuzz::check_answer(*answer);
  const auto taken = app::take_rates(options, {}, fuzz::last_good(), *std::move(answer));
  if (taken) fuzz::check_taken(*taken);
  return 0;
}
