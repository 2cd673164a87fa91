#include "domain/money.h"

#include <gtest/gtest.h>

#include "domain/json.h"

namespace datasync {
namespace {

Currency currency(std::string_view code) {
  return *Currency::parse(code);
}
Money money(std::string_view json, std::string_view code) {
  return *Money::parse(*parse_json(json), currency(code));
}

TEST(Money, ReadsNumbersAndDecimalStringsInMajorUnits) {
  EXPECT_EQ(money("19.9", "USD").minor(), 1990);
  EXPECT_EQ(money("\"19.90\"", "USD").minor(), 1990);
  EXPECT_EQ(money("1e2", "USD").minor(), 10000);
  EXPECT_EQ(money("500", "JPY").minor(), 500);
  EXPECT_EQ(money("-1.234", "KWD").minor(), -1234);
}

TEST(Money, RoundsTheDustOfFloatsHalfToEven) {
  EXPECT_EQ(money("19.990000000000002", "USD").minor(), 1999);
  EXPECT_EQ(money("0.125", "USD").minor(), 12);
  EXPECT_EQ(money("0.135", "USD").minor(), 14);
  EXPECT_EQ(money("0.1250001", "USD").minor(), 13);
}

TEST(Money, RefusesWhatIsNoAmount) {
  for (const char* text :
       {"true", "null", "[1]", "\"\"", "\"abc\"", "\"1,50\"", "\"1.\"", "\"+1\"", "1e40", "\" 1\""}) {
    EXPECT_FALSE(Money::parse(*parse_json(text), currency("USD"))) << text;
  }
  EXPECT_FALSE(Currency::parse("US"));
  EXPECT_FALSE(Currency::parse("U$D"));
}

/// Fifteen digits and the four decimals of some currencies are more than 64 bits hold.
TEST(Money, RefusesWhatItsMinorUnitsCanNotHold) {
  EXPECT_EQ(money("99999999999999.9999", "CLF").minor(), 999'999'999'999'999'999);
  EXPECT_FALSE(Money::parse(*parse_json("999999999999999"), currency("CLF")));
  EXPECT_EQ(money("999999999999999.999", "KWD").minor(), 999'999'999'999'999'999);
}

/// Rounding up, or a rate, made amounts that were written with a digit more than may be read.
TEST(Money, RefusesWhatItCouldNotReadAgain) {
  EXPECT_FALSE(Money::parse(*parse_json("999999999999999.999"), currency("USD")));
  EXPECT_FALSE(Money::parse(*parse_json("-999999999999999.9999"), currency("KWD")));
  EXPECT_EQ(money("999999999999999.994", "USD").to_decimal(), "999999999999999.99");
  const Rate tenfold{*Decimal::parse("10"), *Decimal::parse("1")};
  EXPECT_FALSE(money("100000000000000", "USD").convert(tenfold, currency("INR")));
  EXPECT_EQ(money("99999999999999.9", "USD").convert(tenfold, currency("INR"))->to_decimal(), "999999999999999.00");
}

TEST(Money, ConvertsAtTheRateAndKeepsTheCurrencysDecimals) {
  const Rate usd_to_inr{*Decimal::parse("83"), *Decimal::parse("1")};
  const Rate inr_to_usd{*Decimal::parse("1"), *Decimal::parse("83")};
  EXPECT_EQ(money("19.99", "USD").convert(usd_to_inr, currency("INR"))->to_decimal(), "1659.17");
  EXPECT_EQ(money("1659.17", "INR").convert(inr_to_usd, currency("USD"))->to_decimal(), "19.99");
  const Rate usd_to_jpy{*Decimal::parse("149.5"), *Decimal::parse("1")};
  EXPECT_EQ(money("10", "USD").convert(usd_to_jpy, currency("JPY"))->to_decimal(), "1495");
}

TEST(Money, IsOneValueInARecord) {
  const Money price = money("0.05", "EUR");
  EXPECT_EQ(price.to_value().text(), R"({"amount":"0.05","currency":"EUR"})");
  EXPECT_EQ(Money::from_value(price.to_value()), price);
  EXPECT_EQ(Money::from_value(*parse_json(R"({"amount":"1"})")), std::nullopt);
}

/// What adding, and writing the sum, makes of two decimals.
std::string sum(std::string_view a, std::string_view b) {
  const auto result = Decimal::parse(a)->plus(*Decimal::parse(b));
  return result ? result->to_text() : "does not fit";
}

TEST(Decimal, AddsExactly) {
  EXPECT_EQ(sum("0.1", "0.2"), "0.3");
  EXPECT_EQ(sum("9.95", "0.05"), "10");
  EXPECT_EQ(sum("3", "-5.5"), "-2.5");
  EXPECT_EQ(sum("-0.25", "0.25"), "0");
  EXPECT_EQ(sum("0.000000000001", "99999"), "99999.000000000001");
  EXPECT_EQ(Decimal::parse("-0.050")->to_text(), "-0.05");
  EXPECT_EQ(Decimal::parse("1.5")->negated().to_text(), "-1.5");
}

TEST(Decimal, RefusesASumWithMoreDigitsThanItCouldRead) {
  EXPECT_EQ(sum("999999999999999998", "1"), "999999999999999999");
  EXPECT_EQ(sum("999999999999999999", "1"), "does not fit");
  EXPECT_EQ(sum("-999999999999999999", "-1"), "does not fit");
  EXPECT_EQ(sum("999999999999", "0.000000000001"), "does not fit");
  EXPECT_EQ(sum("999999999999999999", "999999999999999999"), "does not fit");
}

}  // namespace
}  // namespace datasync
