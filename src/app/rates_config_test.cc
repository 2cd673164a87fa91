#include "app/rates_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/platform_config.h"

namespace datasync::app {
namespace {

using testing::HasSubstr;
using testing::Not;

Result<PlatformConfig> load(std::string text) {
  PlatformConfigInput input;
  input.shipped = shipped_files();
  input.user_text = std::move(text);
  input.variable = [](std::string_view name) -> Result<std::optional<std::string>> {
    if (name == "RATES_KEY") return std::optional<std::string>("sesame");
    return std::optional<std::string>();
  };
  return load_platform_config(input);
}
std::string problems(std::string text) {
  const auto config = load(std::move(text));
  return config ? "none" : config.error().message;
}

TEST(RatesConfig, ShipsTheRateOfTheContract) {
  const RatesConfig rates = load("")->rates;
  EXPECT_EQ(rates.table.base.code(), "USD");
  const Decimal rate = rates.table.rates.at(*Currency::parse("INR"));
  EXPECT_EQ(rate.units, 83);
  EXPECT_EQ(rate.scale, 0);
  EXPECT_EQ(format_rfc3339(rates.table.as_of), "2026-01-01T00:00:00Z");
}

TEST(RatesConfig, OfTheTableThatIsWrongIsRefusedWithItsPlace) {
  EXPECT_EQ(problems("rates: {units: {EUR: -1}}"),
            "config.yaml:1: rates.units.EUR: must be a decimal above zero, such as 83 or 0.92");
  EXPECT_EQ(problems("rates: {as_of: today}"), "config.yaml:1: rates.as_of: must be a day such as 2026-01-31");
}

TEST(RatesConfig, HasNoSourceUnlessOneIsConfigured) {
  EXPECT_EQ(load("")->rates.source, std::nullopt);
}

TEST(RatesConfig, ReadsASourceWithItsKeyFromTheEnvironment) {
  const auto config = load(R"(
rates:
  source:
    address: https://rates.example.com/latest?app_id=${RATES_KEY}
    bearer_token: ${RATES_KEY}
    headers: {X-Client: data-sync}
    timeout_seconds: 5
    rates_pointer: /data/quotes
    base_pointer: /data/base
    date_pointer: /data/timestamp
    base: EUR
    interval_seconds: 600
    max_age_hours: 48
    jump_percent_max: 10
    confirmed: {INR: 104.5}
)");
  ASSERT_TRUE(config) << config.error().message;
  RateSourceOptions expected;
  expected.address = "https://rates.example.com/latest?app_id=sesame";
  expected.credential = {delivery::Credential::Kind::kBearer, "sesame"};
  expected.headers = {{"X-Client", "data-sync"}};
  expected.timeout = seconds{5};
  expected.rates_pointer = "/data/quotes";
  expected.base_pointer = "/data/base";
  expected.date_pointer = "/data/timestamp";
  expected.base = *Currency::parse("EUR");
  expected.interval = seconds{600};
  expected.max_age = std::chrono::hours{48};
  expected.jump_percent_max = 10;
  expected.confirmed[*Currency::parse("INR")] = *Decimal::parse("104.5");
  EXPECT_EQ(config->rates.source, expected);
  EXPECT_EQ(config->rates.table.rates.at(*Currency::parse("INR")).units, 83);
}

TEST(RatesConfig, HasDefaultsThatSuitADailySource) {
  const auto config = load("rates: {source: {address: \"https://rates.example.com\"}}");
  RateSourceOptions expected;
  expected.address = "https://rates.example.com";
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->rates.source, expected);
}

TEST(RatesConfig, APlatformMayHaveACurrencyThatOnlyTheSourceKnows) {
  const std::string francs = "platforms: {coreldove: {currency: CHF}}\n";
  EXPECT_THAT(problems(francs), HasSubstr("no rate of exchange is known for CHF"));
  EXPECT_EQ(problems(francs + "rates: {source: {address: \"https://rates.example.com\"}}"), "none");
}

TEST(RatesConfig, ThatIsWrongIsRefusedWithItsPlaceAndWithoutItsSecrets) {
  const std::pair<const char*, const char*> wrong[] = {
      {"{}", "rates.source.address: is missing: where is it?"},
      {"{address: rates.example.com}", "rates.source.address: "},
      {"{address: \"http://a\", rates_pointer: rates}", "rates.source.rates_pointer: a JSON pointer begins with /"},
      {"{address: \"http://a\", date_pointer: /a~b}", "rates.source.date_pointer: in a JSON pointer"},
      {"{address: \"http://a\", base: Euro}", "rates.source.base: currency must be an ISO 4217 code"},
      {"{address: \"http://a\", interval_seconds: 0}", "rates.source.interval_seconds: must be a whole number from 1"},
      {"{address: \"http://a\", timeout_seconds: 61}", "rates.source.timeout_seconds: must be a whole number from 1"},
      {"{address: \"http://a\", max_age_hours: 1d}", "rates.source.max_age_hours: must be a whole number from 1"},
      {"{address: \"http://a\", jump_percent_max: 5.5}", "rates.source.jump_percent_max: must be a whole number"},
      {"{address: \"http://a\", confirmed: {INR: 0}}", "rates.source.confirmed.INR: must be a decimal above zero"},
      {"{address: \"http://a\", bearer_token: a, api_key: b}", "rates.source.api_key: stands beside `bearer_token`"},
      {"{address: \"http://a\", headers: {Host: b}}", "rates.source.headers: "},
      {"{address: \"http://a\", api_key: \"${RATES_KEY}\", api_key_header: \"a b\"}", "rates.source.headers: "},
      {"{address: \"http://a\", max_age_hour: 4}", "did you mean `max_age_hours`?"}};
  for (const auto& [source, message] : wrong) {
    const std::string said = problems(std::string("rates:\n  source: ") + source + "\n");
    EXPECT_THAT(said, HasSubstr(message)) << source;
    EXPECT_THAT(said, Not(HasSubstr("sesame"))) << source;
  }
}

}  // namespace
}  // namespace datasync::app
