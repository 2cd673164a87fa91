#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "transform/contract_mapping_for_tests.h"

// Amounts and currencies: folded into one value on the way in, a number beside `currency` on the way out.
namespace datasync::transform {
namespace {

using testing::HasSubstr;

std::string in(const PlatformId& source, std::string_view entity, std::string_view data) {
  const auto change = contract_mapper().to_canonical(source, entity, object(data));
  return change ? change->fields.to_json() : change.error().message;
}

std::string out(const PlatformId& target, std::string_view entity, std::string_view fields) {
  const auto data = contract_mapper().to_platform(target, entity, object(fields));
  return data ? data->to_json() : data.error().message;
}

TEST(Amounts, TakeTheCurrencyOfTheDataElseOfThePlatform) {
  const auto expected = R"({"price":{"amount":"19.90","currency":"EUR"}})";
  EXPECT_EQ(in(kCoreldove, "product", R"({"product_price":19.9,"currency":"EUR"})"), expected);
  EXPECT_EQ(in(kBizoholic, "product", R"({"price":"19.90","currency":"eur"})"), expected);
  EXPECT_EQ(in(kCoreldove, "product", R"({"price":5})"), R"({"price":{"amount":"5.00","currency":"INR"}})");
  EXPECT_EQ(in(kCoreldove, "product", R"({"price":5,"currency":null})"),
            R"({"price":{"amount":"5.00","currency":"INR"}})");
  EXPECT_EQ(in(kBizoholic, "order", R"({"total_amount":5})"), R"({"total_amount":{"amount":"5.00","currency":"USD"}})");
  EXPECT_EQ(in(kBizosaas, "order", R"({"total_amount":5})"), R"({"total_amount":{"amount":"5.00","currency":"USD"}})");
}

TEST(Amounts, HaveTheDecimalsOfTheirCurrency) {
  EXPECT_EQ(in(kBizosaas, "order", R"({"amount":500,"currency":"JPY"})"),
            R"({"total_amount":{"amount":"500","currency":"JPY"}})");
  EXPECT_EQ(in(kBizosaas, "order", R"({"amount":"1.5","currency":"KWD"})"),
            R"({"total_amount":{"amount":"1.500","currency":"KWD"}})");
  EXPECT_EQ(in(kBizosaas, "order", R"({"amount":0.1,"currency":"JPY"})"),
            R"({"total_amount":{"amount":"0","currency":"JPY"}})");
}

TEST(Amounts, OfSeveralNamesTheOwnWinsThenTheCanonicalThenTheAlias) {
  EXPECT_EQ(in(kCoreldove, "order", R"({"amount":1,"order_total":2,"total_amount":3})"),
            R"({"total_amount":{"amount":"2.00","currency":"INR"}})");
  EXPECT_EQ(in(kBizoholic, "order", R"({"amount":1,"total_amount":3})"),
            R"({"total_amount":{"amount":"3.00","currency":"USD"}})");
}

TEST(Amounts, NullMeansThatThereIsNone) {
  EXPECT_EQ(in(kCoreldove, "product", R"({"price":null,"currency":"INR"})"), R"({"price":null})");
  EXPECT_EQ(out(kBizoholic, "product", R"({"price":null})"), R"({"price":null})");
}

TEST(Amounts, ThatCannotBeReadAreRefusedWithTheirPointerAndTheWayOut) {
  EXPECT_EQ(in(kCoreldove, "order", R"({"order_total":"abc"})"),
            "/data/order_total: must be an amount in major units: a number or a decimal string such as \"19.90\"");
  EXPECT_THAT(in(kBizoholic, "campaign", R"({"campaign_budget":true})"), HasSubstr("/data/campaign_budget: must be"));
  EXPECT_THAT(in(kBizoholic, "order", R"({"amount":[1]})"), HasSubstr("/data/amount: must be"));
  EXPECT_EQ(in(kCoreldove, "order", R"({"order_total":1,"currency":"Rupees"})"),
            "/data/currency: must be an ISO 4217 code of three letters, such as USD; leave it out for INR");
}

TEST(Amounts, CurrencyIsAPlainFieldWhereAnEntityHasNoAmounts) {
  EXPECT_EQ(in(kBizoholic, "user", R"({"currency":"whatever"})"), R"({"currency":"whatever"})");
  EXPECT_EQ(out(kCoreldove, "user", R"({"currency":"whatever"})"), R"({"currency":"whatever"})");
}

TEST(Amounts, GoOutInTheTargetsCurrencyOrTheOriginal) {
  const auto price = R"({"price":{"amount":"19.99","currency":"USD"}})";
  EXPECT_EQ(out(kCoreldove, "product", price), R"({"currency":"INR","product_price":1659.17})");
  EXPECT_EQ(out(kBizoholic, "product", price), R"({"currency":"USD","price":19.99})");
  EXPECT_EQ(out(kBizosaas, "product", price), R"({"currency":"USD","price":19.99})");
  const auto rupees = R"({"total_amount":{"amount":"8300.00","currency":"INR"}})";
  EXPECT_EQ(out(kBizoholic, "order", rupees), R"({"currency":"USD","total_amount":100})");
  EXPECT_EQ(out(kBizosaas, "order", rupees), R"({"currency":"INR","total_amount":8300})");
  EXPECT_EQ(out(kCoreldove, "order", R"({"total_amount":{"amount":"0.92","currency":"EUR"}})"),
            R"({"currency":"INR","order_total":83})");
}

TEST(Amounts, WithoutARateStayAndSaySo) {
  const auto francs = R"({"price":{"amount":"5.00","currency":"CHF"}})";
  EXPECT_EQ(out(kCoreldove, "product", francs),
            "no rate of exchange is known for CHF: add it under `rates` in the configuration");
  EXPECT_EQ(out(kBizosaas, "product", francs), R"({"currency":"CHF","price":5})");
}

TEST(Amounts, AreOneNumberAndOneCurrencyForClientsOfOurApi) {
  const Mapper mapper = contract_mapper();
  EXPECT_EQ(
      mapper.present("order", object(R"({"_deleted":true,"id":"x","total_amount":{"amount":"5.10","currency":"INR"}})"))
          .to_json(),
      R"({"currency":"INR","total_amount":5.1})");
  EXPECT_EQ(mapper.present("user", object(R"({"currency":"EUR","name":"A"})")).to_json(),
            R"({"currency":"EUR","name":"A"})");
}

TEST(Amounts, OfOneEntityShareOneCurrency) {
  Mapping mapping = contract_mapping();
  mapping.entities["order"].money_fields = {"total_amount", "shipping"};
  const Mapper mapper(std::move(mapping), contract_rates());
  const Fields mixed =
      object(R"({"shipping":{"amount":"1.00","currency":"USD"},"total_amount":{"amount":"830.00","currency":"INR"}})");
  EXPECT_EQ(mapper.to_platform(kBizosaas, "order", mixed)->to_json(),
            R"({"currency":"USD","shipping":1,"total_amount":10})");
  const Fields strange =
      object(R"({"shipping":{"amount":"1.00","currency":"USD"},"total_amount":{"amount":"8.00","currency":"CHF"}})");
  EXPECT_EQ(mapper.present("order", strange).to_json(),
            R"({"currency":"USD","shipping":1,"total_amount":{"amount":"8.00","currency":"CHF"}})");
}

// Alone it says nothing of the amount's worth; what it says of the amount's unit the record knows already, or it is an
// error.
TEST(LoneCurrency, ChangesNothingWhereItIsTheAmountsAndIsRefusedWhereItIsNot) {
  const Mapper mapper = contract_mapper();
  Record record;
  record.at_or_new("price").value = json(R"({"amount":"19.99","currency":"USD"})");
  const auto complete = [&](const PlatformId& source, const char* data, const Record* known) -> std::string {
    auto change = mapper.to_canonical(source, "product", object(data)).value();
    const auto done = mapper.complete(source, "product", known, change);
    return done ? change.fields.to_json() : done.error().message;
  };
  EXPECT_EQ(complete(kBizosaas, R"({"currency":"USD","name":"Lamp"})", &record), R"({"name":"Lamp"})");
  EXPECT_EQ(complete(kCoreldove, R"({"currency":"INR","name":"Lamp"})", &record), R"({"name":"Lamp"})");
  EXPECT_EQ(complete(kBizosaas, R"({"currency":"EUR"})", nullptr), "{}");
  EXPECT_EQ(complete(kBizosaas, R"({"currency":"EUR"})", &record),
            "/data/currency: EUR is not the currency of `price`; send the amount together with its currency");
}

TEST(RateTable, GoesThroughItsBaseAndDividesOnce) {
  const RateTable table = contract_rates();
  const auto inr_to_eur = table.rate(currency("INR"), currency("EUR")).value();
  const Money rupees = Money::parse(json("9022.17"), currency("INR")).value();
  EXPECT_EQ(rupees.convert(inr_to_eur, currency("EUR"))->to_decimal(), "100.00");
  EXPECT_TRUE(table.rate(currency("CHF"), currency("CHF")));
  EXPECT_FALSE(table.rate(currency("CHF"), currency("USD")));
}

// ---- a source of rates beside the table

RateTable with_source(const char* base, std::map<std::string, const char*> rates) {
  RateTable table = contract_rates();  // 1 USD = 83 INR = 0.92 EUR
  table.quotes.base = currency(base);
  for (const auto& [code, rate] : rates) table.quotes.rates[currency(code)] = {Decimal::parse(rate).value()};
  return table;
}

std::string converted(const RateTable& table, const char* amount, const char* from, const char* to) {
  const auto rate = table.rate(currency(from), currency(to));
  if (!rate) return rate.error().message;
  return Money::parse(json(amount), currency(from))->convert(*rate, currency(to))->to_decimal();
}

TEST(RateTable, TakesFromTheSourceWhatItHasTold) {
  const RateTable table = with_source("USD", {{"INR", "90"}, {"JPY", "150"}});
  EXPECT_EQ(converted(table, "1", "USD", "INR"), "90.00");
  EXPECT_EQ(converted(table, "1", "USD", "EUR"), "0.92");
  EXPECT_EQ(converted(table, "90", "INR", "EUR"), "0.92");  // one from each: they share their base
  EXPECT_EQ(converted(table, "3", "INR", "JPY"), "5");
  EXPECT_THAT(converted(table, "1", "USD", "CHF"), HasSubstr("no rate of exchange is known for CHF"));
}

TEST(RateTable, TakesAPairWholeFromOneOfThemWhereTheirBasesDiffer) {
  const RateTable table = with_source("EUR", {{"INR", "100"}, {"USD", "1.25"}});
  EXPECT_EQ(converted(table, "1", "USD", "INR"), "80.00");
  EXPECT_EQ(converted(table, "1", "EUR", "INR"), "100.00");
  EXPECT_EQ(converted(table, "1", "EUR", "USD"), "1.25");
  RateTable with_francs = table;
  with_francs.rates[currency("CHF")] = Decimal::parse("0.9").value();
  EXPECT_EQ(converted(with_francs, "1", "USD", "CHF"), "0.90");
  EXPECT_EQ(converted(with_francs, "83", "INR", "CHF"), "0.90");  // by the table alone
}

TEST(RateTable, NeverGoesBackToTheTableForARateThatIsTooOld) {
  RateTable table = with_source("USD", {{"INR", "90"}, {"JPY", "150"}});
  auto& rupees = table.quotes.rates[currency("INR")];
  rupees.as_of = parse_rfc3339("2026-11-01T00:00:00Z").value();
  rupees.too_old = true;
  EXPECT_EQ(converted(table, "1", "USD", "INR"),
            "the rate of exchange for INR is of 2026-11-01T00:00:00Z, older than `rates.source.max_age_hours` allows");
  EXPECT_THAT(converted(table, "1", "EUR", "INR"), HasSubstr("older than"));
  EXPECT_EQ(converted(table, "1", "USD", "JPY"), "150");
  EXPECT_EQ(converted(table, "1", "INR", "INR"), "1.00");
}

TEST(RateTable, ServesAloneUntilTheSourceHasToldSomething) {
  EXPECT_EQ(converted(with_source("EUR", {}), "1", "USD", "INR"), "83.00");
}

TEST(Mapper, WithOtherRatesReadsAndWritesTheSameWay) {
  const Mapper mapper = contract_mapper();
  const Mapper later = mapper.with_quotes(with_source("USD", {{"INR", "90"}}).quotes);
  const Fields price = object(R"({"price":{"amount":"10.00","currency":"USD"}})");
  EXPECT_EQ(later.to_platform(kCoreldove, "product", price)->to_json(), R"({"currency":"INR","product_price":900})");
  EXPECT_EQ(mapper.to_platform(kCoreldove, "product", price)->to_json(), R"({"currency":"INR","product_price":830})");
  EXPECT_EQ(&later.plan(kCoreldove, "product"), &mapper.plan(kCoreldove, "product"));
}

}  // namespace
}  // namespace datasync::transform
