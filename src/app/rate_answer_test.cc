#include "app/rate_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace datasync::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

const Timestamp kNow = *parse_rfc3339("2026-11-26T12:00:00Z");

Currency currency(std::string_view code) {
  return *Currency::parse(code);
}

RateSourceOptions source() {
  RateSourceOptions options;
  options.address = "https://rates.example.com/latest";
  return options;
}

/// `INR=83.2 JPY=150`, or why the answer can't be used.
std::string shown(const std::map<Currency, Decimal>& rates) {
  std::string text;
  for (const auto& [code, rate] : rates) {
    text += (text.empty() ? "" : " ") + std::string(code.code()) + "=" + rate.to_text();
  }
  return text;
}
std::string read(std::string_view body, const RateSourceOptions& options = source()) {
  const auto answer = read_rate_answer(options, body, kNow);
  return answer ? shown(answer->rates) : answer.error().message;
}

TEST(RateAnswer, IsReadWithTheConfiguredPlaces) {
  RateSourceOptions options = source();
  options.rates_pointer = "/data/0/quotes";
  options.base_pointer = "/data/0/from";
  options.date_pointer = "/data/0/day";
  const auto answer = read_rate_answer(
      options, R"({"data":[{"from":"USD","day":"2026-11-25","quotes":{"INR":89.4,"JPY":"156.07","USD":1}}]})", kNow);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(shown(answer->rates), "INR=89.4 JPY=156.07");
  EXPECT_EQ(format_rfc3339(answer->as_of), "2026-11-25T00:00:00Z");
}

/// The shapes of the well-known sources: a day, a time, seconds since 1970, or nothing.
TEST(RateAnswer, TellsItsTimeInAnyOfTheUsualWays) {
  RateSourceOptions options = source();
  options.date_pointer = "/at";
  const auto time = [&options](std::string_view at) {
    const auto answer = read_rate_answer(options, R"({"rates":{"INR":83},"at":)" + std::string(at) + "}", kNow);
    return answer ? format_rfc3339(answer->as_of) : answer.error().message;
  };
  EXPECT_EQ(time("1764072000"), "2025-11-25T12:00:00Z");
  EXPECT_EQ(time(R"("2026-11-26T11:00:00+01:00")"), "2026-11-26T10:00:00Z");
  EXPECT_EQ(time(R"("2026-11-27")"), "2026-11-26T12:00:00Z");  // tomorrow has begun elsewhere: it is of now
  EXPECT_EQ(time(R"("2026-11-28")"), "the rates are of a time that has yet to come");
  for (const char* wrong : {"null", "-1", "\"today\"", "1e99", "{}", "\"2026-13-01\""}) {
    EXPECT_EQ(time(wrong), "the answer has no date at `date_pointer`") << wrong;
  }
  options.date_pointer = "";
  EXPECT_EQ(time("null"), "2026-11-26T12:00:00Z");
}

TEST(RateAnswer, ThatIsNoneIsRefusedAsAWhole) {
  for (const char* body : {"", "[]", "<html>", "{\"rates\":{\"INR\":83}", "null", "\"rates\""}) {
    EXPECT_EQ(read(body), "the answer is no JSON object") << body;
  }
  EXPECT_EQ(read("{}"), "the answer has no map of rates at `rates_pointer`");
  EXPECT_EQ(read(R"({"rates":[83]})"), "the answer has no map of rates at `rates_pointer`");
  EXPECT_EQ(read(R"({"rates":{}})"), "the answer has no rate that can be used");
  EXPECT_EQ(read(R"({"rates":{"USD":1}})"), "the answer has no rate that can be used");
  EXPECT_EQ(read(R"({"rates":{"BTC":0.00001,"XAU":0.0003,"inr":83,"Rupees":83}})"),
            "the answer has no rate that can be used");
  EXPECT_EQ(read(R"({"rates":{"INR":0,"JPY":-150}})"), "the answer has no rate that can be used");
  EXPECT_EQ(read(R"({"rates":{"INR":83},"x":")" + std::string(kRateAnswerBytesMax, 'x') + "\"}"),
            "the answer is too long");
}

TEST(RateAnswer, ForAnotherBaseIsRefusedAsAWhole) {
  RateSourceOptions options = source();
  EXPECT_EQ(read(R"({"rates":{"INR":97,"USD":1.08}})"),
            "one USD is not one USD in the answer: its rates are for another base");
  EXPECT_EQ(read(R"({"rates":{"INR":89,"USD":1.000}})"), "INR=89");
  options.base_pointer = "/base";
  const char* told = "the answer does not say at `base_pointer` that its rates are for one USD";
  EXPECT_EQ(read(R"({"base":"EUR","rates":{"INR":97}})", options), told);
  EXPECT_EQ(read(R"({"rates":{"INR":97}})", options), told);
  EXPECT_EQ(read(R"({"base":7,"rates":{"INR":97}})", options), told);
  EXPECT_EQ(read(R"({"base":"USD","rates":{"INR":89}})", options), "INR=89");
}

TEST(RateAnswer, RefusesARateThatCanNotBeOneAndTakesTheOthers) {
  const auto answer = read_rate_answer(source(),
                                       R"({"rates":{"INR":83.5,"JPY":0,"EUR":-1,"GBP":"a lot","CHF":null,"SEK":1e9,
                                           "NOK":0.0000001,"DKK":1e-400,"KWD":"NaN","BHD":"0x1","PLN":[4]}})",
                                       kNow);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(shown(answer->rates), "INR=83.5");
  EXPECT_EQ(answer->refused.size(), 10U);
  EXPECT_EQ(answer->refused.at(currency("JPY")), "is not above zero");
  EXPECT_EQ(answer->refused.at(currency("GBP")), "is no plain decimal number");
  EXPECT_EQ(answer->refused.at(currency("SEK")), "is beyond anything that a rate can be");
  EXPECT_EQ(answer->refused.at(currency("NOK")), "is beyond anything that a rate can be");
}

/// 0.1 + 0.2 never happens: what stands there is what is taken, to 12 decimals.
TEST(RateAnswer, NumbersAreExact) {
  EXPECT_EQ(read(R"({"rates":{"INR":89.45200347900390625,"IDR":16650.1,"VND":2.6e4,"KWD":0.30000000000000004}})"),
            "IDR=16650.1 INR=89.452003479004 KWD=0.3 VND=26000");
  EXPECT_EQ(read(R"({"rates":{"INR":999999999.999999999,"IRR":0.000001}})"), "INR=999999999.999999999 IRR=0.000001");
}

// ---- against what was there before

transform::RateTable table() {
  return {currency("USD"), {}, {{currency("INR"), *Decimal::parse("83")}}};
}
transform::Quotes quotes(const char* rate, Timestamp as_of = kNow - std::chrono::hours{1}) {
  transform::Quotes made;
  made.base = currency("USD");
  made.rates[currency("INR")] = {*Decimal::parse(rate), as_of};
  return made;
}
TakenRates take(const char* rate, const transform::Quotes& last_good, RateSourceOptions options = source()) {
  auto taken = take_rates(options, table(), last_good, {kNow, {{currency("INR"), *Decimal::parse(rate)}}});
  EXPECT_TRUE(taken) << taken.error().message;
  return taken ? *std::move(taken) : TakenRates{};
}
std::string rate_in(const TakenRates& taken) {
  return taken.quotes.rates.contains(currency("INR")) ? taken.quotes.rates.at(currency("INR")).rate.to_text() : "none";
}

TEST(TakeRates, RefusesAJumpAgainstTheLastGoodRateInBothDirections) {
  EXPECT_EQ(rate_in(take("108", quotes("90"))), "108");
  EXPECT_EQ(rate_in(take("75", quotes("90"))), "75");
  for (const char* jump : {"108.01", "74.99", "9", "900", "0.0111"}) {
    const TakenRates taken = take(jump, quotes("90"));
    EXPECT_EQ(rate_in(taken), "90") << jump;
    EXPECT_THAT(taken.refused, ElementsAre(Pair(currency("INR"), HasSubstr("jumps by more than 20 %")))) << jump;
  }
  // The former one keeps its time, so it grows old.
  EXPECT_EQ(take("900", quotes("90")).quotes.rates.at(currency("INR")).as_of, kNow - std::chrono::hours{1});
}

TEST(TakeRates, ComparesTheFirstRateWithTheTable) {
  EXPECT_EQ(rate_in(take("89", {})), "89");
  EXPECT_EQ(rate_in(take("830", {})), "none");
  RateSourceOptions euros = source();
  euros.base = currency("EUR");  // nobody knows what a euro is worth: there is nothing to compare with
  EXPECT_EQ(rate_in(take("830", {}, euros)), "830");
}

TEST(TakeRates, TakesAJumpThatAPersonHasConfirmed) {
  RateSourceOptions options = source();
  options.confirmed[currency("INR")] = *Decimal::parse("900");
  EXPECT_EQ(rate_in(take("905.5", quotes("90"), options)), "905.5");
  EXPECT_EQ(rate_in(take("2000", quotes("90"), options)), "90");
  EXPECT_EQ(rate_in(take("91", quotes("90"), options)), "91");
}

TEST(TakeRates, KeepsWhatTheAnswerDoesNotTell) {
  transform::Quotes last_good = quotes("90");
  last_good.rates[currency("JPY")] = {*Decimal::parse("150"), kNow - std::chrono::hours{9}};
  const TakenRates taken = take("91", last_good);
  EXPECT_EQ(rate_in(taken), "91");
  EXPECT_EQ(taken.quotes.rates.at(currency("JPY")), last_good.rates.at(currency("JPY")));
}

TEST(TakeRates, NeverGoesBackInTime) {
  const auto taken = take_rates(source(), table(), quotes("90", kNow + seconds{1}),
                                {kNow, {{currency("INR"), *Decimal::parse("91")}}});
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error().message, HasSubstr("older than the rates that are in force"));
}

TEST(AgeRates, NotesWhatIsTooOldAndWhenTheNextWillBe) {
  transform::Quotes rates = quotes("90", kNow - std::chrono::hours{23});
  rates.rates[currency("JPY")] = {*Decimal::parse("150"), kNow - std::chrono::hours{25}};
  Timestamp next = Timestamp::max();
  EXPECT_TRUE(age_rates(rates, std::chrono::hours{24}, kNow, next));
  EXPECT_FALSE(rates.rates.at(currency("INR")).too_old);
  EXPECT_TRUE(rates.rates.at(currency("JPY")).too_old);
  EXPECT_EQ(next, kNow + std::chrono::hours{1});
  EXPECT_FALSE(age_rates(rates, std::chrono::hours{24}, kNow, next));
  EXPECT_TRUE(age_rates(rates, std::chrono::hours{240}, kNow, next));  // a reload allows more
  EXPECT_FALSE(rates.rates.at(currency("JPY")).too_old);
}

/// Else rates that were told while our clock was ahead would keep fresh ones away until it has caught up.
TEST(AgeRates, TakesARateOfTheFutureForOneOfNow) {
  transform::Quotes rates = quotes("90", kNow + std::chrono::hours{240});
  Timestamp next = Timestamp::max();
  EXPECT_FALSE(age_rates(rates, std::chrono::hours{24}, kNow, next));
  EXPECT_EQ(rates.rates.at(currency("INR")).as_of, kNow);
  EXPECT_EQ(next, kNow + std::chrono::hours{24});
}

}  // namespace
}  // namespace datasync::app
