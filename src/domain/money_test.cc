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

/// A tie goes to the even neighbour, on both sides of zero and between any two exponents.
TEST(Money, ConvertsTiesHalfToEven) {
  const Rate half{*Decimal::parse("0.5"), *Decimal::parse("1")};
  const auto halved = [&](std::string_view amount, std::string_view from, std::string_view to) {
    return money(amount, from).convert(half, currency(to))->to_decimal();
  };
  EXPECT_EQ(halved("0.01", "USD", "EUR"), "0.00");
  EXPECT_EQ(halved("0.03", "USD", "EUR"), "0.02");
  EXPECT_EQ(halved("0.05", "USD", "EUR"), "0.02");
  EXPECT_EQ(halved("-0.01", "USD", "EUR"), "0.00");
  EXPECT_EQ(halved("-0.03", "USD", "EUR"), "-0.02");
  EXPECT_EQ(halved("-0.05", "USD", "EUR"), "-0.02");
  EXPECT_EQ(halved("3", "JPY", "KRW"), "2");
  EXPECT_EQ(halved("5", "JPY", "KRW"), "2");
  EXPECT_EQ(halved("5.00", "USD", "JPY"), "2");
  EXPECT_EQ(halved("7.00", "USD", "JPY"), "4");
  EXPECT_EQ(halved("0.003", "KWD", "BHD"), "0.002");
  EXPECT_EQ(halved("0.0001", "CLF", "UYW"), "0.0000");
  EXPECT_EQ(halved("0.0003", "CLF", "UYW"), "0.0002");
  EXPECT_EQ(halved("0.0130", "CLF", "KWD"), "0.006");
  EXPECT_EQ(halved("1", "JPY", "CLF"), "0.5000");
  const Rate third{*Decimal::parse("1"), *Decimal::parse("3")};
  EXPECT_EQ(money("0.02", "USD").convert(third, currency("EUR"))->to_decimal(), "0.01");
}

/// The largest amounts convert, or say that they do not fit; they never wrap.
TEST(Money, ThatDoesNotFitIsAnErrorAndNeverWraps) {
  const Rate one{*Decimal::parse("1"), *Decimal::parse("1")};
  const Rate huge{*Decimal::parse("999999999999999999"), *Decimal::parse("0.000000000001")};
  const Rate tiny{*Decimal::parse("0.000000000001"), *Decimal::parse("999999999999999999")};
  for (const char* code : {"JPY", "USD", "KWD", "CLF"}) {
    const Currency from = currency(code);
    const std::string largest = from.exponent() == 0   ? "999999999999999"
                                : from.exponent() == 4 ? "99999999999999.9999"
                                                       : "999999999999999." + std::string(from.exponent(), '9');
    for (const std::string sign : {"", "-"}) {
      const Money most = money(sign + largest, code);
      for (const char* other : {"KRW", "EUR", "BHD", "UYW"}) {
        const Currency to = currency(other);
        EXPECT_FALSE(most.convert(huge, to)) << code << other;
        EXPECT_EQ(most.convert(tiny, to)->minor(), 0) << code << other;
        const auto same = most.convert(one, to);
        EXPECT_TRUE(!same || (same->minor() < 0) == (most.minor() < 0)) << code << other;
      }
      EXPECT_EQ(*most.convert(huge, from), most);
    }
  }
}

/// A rate with many digits must not make large amounts impossible: ten billion dollars did not fit once.
TEST(Money, ConvertsLargeAmountsAtRatesWithManyDigits) {
  const Rate usd_to_inr{*Decimal::parse("89.452003479004"), *Decimal::parse("1")};
  EXPECT_EQ(money("10000000000.01", "USD").convert(usd_to_inr, currency("INR"))->to_decimal(), "894520034790.93");
  EXPECT_EQ(money("-9999999999999.99", "USD").convert(usd_to_inr, currency("INR"))->to_decimal(),
            "-894520034790039.11");
  EXPECT_FALSE(money("99999999999999.99", "USD").convert(usd_to_inr, currency("INR")));
  const Rate inr_to_eur{*Decimal::parse("0.923456789012"), *Decimal::parse("89.452003479004")};
  EXPECT_EQ(money("999999999999999.99", "INR").convert(inr_to_eur, currency("EUR"))->to_decimal(), "10323489168453.92");
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

/// Rates come from other people's floats: 17 digits and more.
TEST(Decimal, RoundsWhatItCanNotHoldHalfToEven) {
  const auto rounded = [](std::string_view text) {
    const auto decimal = Decimal::rounded(text);
    return decimal ? decimal->to_text() : "refused";
  };
  EXPECT_EQ(rounded("83.2"), "83.2");
  EXPECT_EQ(rounded("89.45200347900390625"), "89.452003479004");
  EXPECT_EQ(rounded("0.0000117647058823529"), "0.000011764706");
  EXPECT_EQ(rounded("0.0000000000005"), "0");
  EXPECT_EQ(rounded("0.0000000000015"), "0.000000000002");
  EXPECT_EQ(rounded("0.00000000000051"), "0.000000000001");
  EXPECT_EQ(rounded("-0.0000000000015"), "-0.000000000002");
  EXPECT_EQ(rounded("1234567.0123456789012"), "1234567.0123456789");
  EXPECT_EQ(rounded("999999999999999999"), "999999999999999999");
  EXPECT_EQ(rounded("999999999999999999.5"), "refused");
  EXPECT_EQ(rounded("1000000000000000000"), "refused");
  for (const char* text : {"", "-", ".5", "1e5", "1,5", "0x10", "1.5.2", "12.3456789012345x", "NaN", " 1"}) {
    EXPECT_EQ(rounded(text), "refused") << text;
  }
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
