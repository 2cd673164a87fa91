#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <boost/multiprecision/cpp_int.hpp>

#include "transform/contract_mapping_for_tests.h"

// Amounts stand still, whatever platforms send back, in whatever currency, and whatever the rate is by then.
namespace datasync::transform {
namespace {

using Whole = boost::multiprecision::cpp_int;

/// With no, two, three and four decimals.
const std::vector<std::string> kCurrencies{"USD", "INR", "EUR", "JPY", "KRW", "KWD", "BHD", "CLF", "UYW"};
const std::vector<PlatformId> kPlatforms{kBizoholic, kCoreldove, kBizosaas};

Currency any_currency() {
  return currency(*rc::gen::elementOf(kCurrencies));
}

/// Up to the largest that there is, and as often a small one, where rounding hurts most.
Money any_amount(Currency unit) {
  const int digits = *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(1, std::min(15 + unit.exponent(), 18) + 1));
  std::int64_t limit = 1;
  for (int i = 0; i < digits; ++i) limit *= 10;
  return Money::from_minor(*rc::gen::resize(rc::kNominalSize, rc::gen::inRange<std::int64_t>(-limit + 1, limit)), unit);
}

/// One unit is worth something between a ten thousandth and ten thousand dollars, to twelve decimals.
Decimal any_rate() {
  const int scale = *rc::gen::inRange(0, 13);
  std::int64_t most = 1;
  for (int i = 0; i < scale; ++i) most *= 10;
  const std::int64_t least = std::max<std::int64_t>(most / 10'000, 1);
  return {*rc::gen::inRange<std::int64_t>(least, most * 10'000), scale};
}

Quotes any_quotes() {
  Quotes quotes;
  quotes.base = currency("USD");
  for (const std::string& code : kCurrencies) {
    if (code != "USD") quotes.rates[currency(code)] = {any_rate()};
  }
  return quotes;
}

/// Three platforms: two that keep amounts in currencies of their own, and one that keeps the original.
Mapping any_mapping() {
  Mapping mapping = contract_mapping();
  for (const PlatformId& id : {kBizoholic, kCoreldove}) {
    PlatformMapping& platform = mapping.platforms[id];
    platform.platform.currency = any_currency();
    platform.convert_to = platform.platform.currency;
  }
  return mapping;
}

/// What a platform has of a product, and what is known of that: the hashes of what it was told, at the rates of then.
struct Copy {
  Fields data;
  std::map<std::string, std::uint64_t> known;
};

class Shop {
 public:
  explicit Shop(Mapper mapper) : mapper_(std::move(mapper)) {}

  void set(std::string_view field, Value value) { golden_.set(field, std::move(value)); }
  [[nodiscard]] const Fields& golden() const { return golden_; }
  void move_rates() { mapper_ = mapper_.with_quotes(any_quotes()); }

  /// Tells a platform one field, or all. What does not fit into its currency it is not told.
  void tell(const PlatformId& platform, std::optional<std::string> only = {}) {
    Fields fields;
    for (const Field& field : golden_) {
      if (!only || field.name == *only) fields.set(field.name, field.value);
    }
    const auto sent = mapper_.to_platform(platform, "product", fields);
    if (!sent) return;
    Copy& copy = copies_[platform];
    for (const Field& field : *sent) copy.data.set(field.name, field.value);
    for (const Field& field : fields) {
      copy.known[field.name] = mapper_.held_hash(platform, "product", field.name, field.value);
    }
  }

  /// The platform sends back all that it has. What differs from what it was told is its own change.
  void echo(const PlatformId& platform) {
    Copy& copy = copies_[platform];
    const auto back = mapper_.to_canonical(platform, "product", copy.data);
    RC_ASSERT(back.has_value());
    for (const Field& field : back->fields) {
      const std::uint64_t hash = mapper_.held_hash(platform, "product", field.name, field.value);
      const auto known = copy.known.find(field.name);
      if (known != copy.known.end() && known->second == hash) continue;
      golden_.set(field.name, field.value);
      copy.known[field.name] = hash;
    }
  }

 private:
  Mapper mapper_;
  Fields golden_;
  std::map<PlatformId, Copy> copies_;
};

TEST(Drift, AThousandRoundTripsWithOtherChangesAndOtherRatesBetweenThemChangeNothing) {
  EXPECT_TRUE(rc::check("the original amount is the truth", [] {
    Shop shop(Mapper(any_mapping(), contract_rates()).with_quotes(any_quotes()));
    const Value original = any_amount(any_currency()).to_value();
    shop.set("price", original);
    shop.set("name", Value::string("Lamp"));
    for (const PlatformId& platform : kPlatforms) shop.tell(platform);
    // Many short stories find more than few long ones; drift that is slow needs long ones.
    const auto count = *rc::gen::element<std::size_t>(50, 50, 50, 50, 50, 50, 50, 50, 50, 1000);
    const auto steps = *rc::gen::container<std::vector<int>>(count, rc::gen::inRange(0, 12));
    int number = 0;
    for (const int step : steps) {
      const PlatformId& platform = kPlatforms[static_cast<std::size_t>(step) % 3];
      if (++number % 50 == 0) shop.move_rates();
      if (step >= 6) {
        shop.set("name", Value::string("Lamp " + std::to_string(number)));
        shop.tell(platform, step < 9 ? std::optional<std::string>("name") : std::nullopt);
      }
      shop.echo(platform);
      RC_ASSERT(*shop.golden().find("price") == original);
    }
  }));
}

/// Exactly the nearest, and of two that are as near the even one; nothing else, and nothing that wrapped.
TEST(Drift, EveryConversionIsTheNearestMinorUnitHalfToEven) {
  const auto power = [](int exponent) -> Whole {
    return boost::multiprecision::pow(Whole(10), static_cast<unsigned>(exponent));
  };
  EXPECT_TRUE(rc::check("half to even", [&power] {
    const Currency from = any_currency(), to = any_currency();
    RC_PRE(from != to);
    const Money money = any_amount(from);
    // Half of them with rates by which ties are frequent.
    const bool ties = *rc::gen::arbitrary<bool>();
    const Rate rate{
        ties ? Decimal{*rc::gen::element<std::int64_t>(1, 5, 25, 125), *rc::gen::inRange(0, 4)} : any_rate(),
        ties ? Decimal{*rc::gen::element<std::int64_t>(1, 2, 4, 8), 0} : any_rate()};
    const Whole above = Whole(money.minor()) * rate.numerator.units * power(to.exponent() + rate.denominator.scale);
    const Whole below = Whole(rate.denominator.units) * power(from.exponent() + rate.numerator.scale);
    Whole nearest = abs(above) / below;
    const Whole rest = abs(above) % below * 2;
    if (rest > below || (rest == below && nearest % 2 == 1)) ++nearest;
    if (above < 0) nearest = -nearest;
    const auto converted = money.convert(rate, to);
    const bool fits = abs(nearest) < power(std::min(15 + to.exponent(), 18));
    RC_ASSERT(converted.has_value() == fits);
    if (fits) RC_ASSERT(Whole(converted->minor()) == nearest);
    RC_CLASSIFY(fits && rest == below, "a tie");
    RC_CLASSIFY(!fits, "does not fit");
  }));
}

}  // namespace
}  // namespace datasync::transform
