#include <gtest/gtest.h>

#include "pipeline/testing/engine_fixture.h"

// Amounts between platforms of several currencies, while rates of exchange move: the original amount is the truth, and
// what comes back is no change, whatever it was converted at.
namespace datasync::pipeline {
namespace {

class MoneyCrossing : public EngineTest {
 protected:
  MoneyCrossing() {
    shapes_ = {shape("alpha"), shape("beta", true), shape("gamma")};
    shapes_[0].currency = "USD";
    shapes_[1].currency = "INR";
    for (PlatformShape& each : shapes_) each.sends_whole = true;
    begin_with({});
    world().set_rates({{"INR", "83"}});
  }

  std::string create_pen() {
    return create(alpha(), R"({"currency":"USD","email":"a@x","name":"t1:0","price":19.99})");
  }
  /// At all three, and in the record.
  void expect_prices(const char* dollars, const char* rupees) {
    EXPECT_EQ(held(alpha(), "price"), dollars);
    EXPECT_EQ(price_at(beta()), rupees);
    EXPECT_EQ(held(gamma(), "price"), dollars);
    const Record* record = world().record_of(0, only(alpha()).first);
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(record->find("price")->value.text(), std::string(R"({"amount":")") + dollars + R"(","currency":"USD"})");
    EXPECT_TRUE(world().broken().empty()) << testing::PrintToString(world().broken());
  }
  std::string price_at(TestPlatform& platform) {
    const auto copy = only(platform).second;
    const Value* price = copy.data.find(platform.shape().local("price"));
    return price == nullptr ? "(none)" : price->text();
  }
};

TEST_F(MoneyCrossing, AWholeObjectThatComesBackAtAnotherRateChangesNothing) {
  create_pen();
  settle();
  expect_prices("19.99", "1659.17");
  int number = 0;
  for (const char* rate : {"84.5", "91.234567890123", "60", "83"}) {
    world().set_rates({{"INR", rate}});
    edit(beta(), only(beta()).first, "name", "t1:" + std::to_string(++number));
    settle();
    EXPECT_EQ(held(alpha(), "name"), "t1:" + std::to_string(number));
    expect_prices("19.99", "1659.17");
  }
}

// It was composed anew at the rate of the new process: other content under the same key, and the amount that the
// platform sent back later, which it had got from the first request, was taken for a change of its own.
TEST_F(MoneyCrossing, AnAmountIsRepeatedAsItWasToldThoughTheRateIsAnotherOneAfterACrash) {
  world().network.script = {"lost_after", "lost_after"};
  create_pen();
  world().run_for(seconds{1});
  world().set_rates({{"INR", "90"}});
  world().crash();
  settle();
  expect_prices("19.99", "1659.17");
  edit(beta(), only(beta()).first, "name", "t1:1");
  settle();
  EXPECT_EQ(held(alpha(), "name"), "t1:1");
  expect_prices("19.99", "1659.17");
}

// What an earlier process asked for may arrive after its repetition, and is recalled as it was told.
TEST_F(MoneyCrossing, AnAmountThatArrivesLateIsKnownAsItWasTold) {
  shapes_[1].honours_keys = false;
  begin_with({});
  world().set_rates({{"INR", "83"}});
  create_pen();
  settle();
  world().network.script = {"slow", "good"};
  alpha().edit(kTenant, kEntity, only(alpha()).first, "price", *parse_json("24.99"));
  world().run_for(milliseconds{200});
  world().set_rates({{"INR", "90"}});
  world().crash();
  settle();
  expect_prices("24.99", "2074.17");
  edit(beta(), only(beta()).first, "name", "t1:1");
  settle();
  expect_prices("24.99", "2074.17");
}

TEST_F(MoneyCrossing, WithoutARateThatDeliveryFailsAndTheOthersGoOn) {
  world().set_rates({{"JPY", "150"}});
  create_pen();
  settle();
  EXPECT_EQ(result("e1", "beta").status, ResultStatus::kFailed);
  EXPECT_EQ(result("e1", "beta").error_message,
            "no rate of exchange is known for INR: add it under `rates` in the configuration");
  EXPECT_EQ(result("e1", "gamma").status, ResultStatus::kCompleted);
  world().set_rates({{"INR", "83"}});
  ASSERT_TRUE(world().redrive("e1"));
  settle();
  expect_prices("19.99", "1659.17");
}

// In dollars it is the same amount. But who makes a record anew says all of it himself, in his own currency.
TEST_F(MoneyCrossing, ARecordMadeAnewHasTheAmountOfWhoMadeItThoughItIsWorthAsMuchAsTheFormer) {
  create(beta(), R"({"email":"a@x","name":"t1:0","price":4})");
  settle();
  ASSERT_EQ(held(alpha(), "price"), "0.05");
  world().run_for(seconds{3});
  remove(alpha(), only(alpha()).first);
  settle();
  world().run_for(seconds{3});
  create(alpha(), R"({"currency":"USD","email":"a@x","name":"t1:1","price":0.05})");
  settle();
  expect_prices("0.05", "4.15");
}

// Of a living record it may be what it was told, come back: were it taken for an original, each rounding would move the
// golden one. Who writes it himself says what stands already, as far as his currency can tell.
TEST_F(MoneyCrossing, AnAmountThatIsWorthAsMuchAsTheGoldenOneIsNoChangeOfALivingRecord) {
  create(beta(), R"({"email":"a@x","name":"t1:0","price":7})");
  settle();
  ASSERT_EQ(held(alpha(), "price"), "0.08");
  alpha().refuse = [](const std::string&) { return 503; };
  beta().edit(kTenant, kEntity, only(beta()).first, "price", Value::integer(4));
  world().run_for(seconds{1});
  alpha().edit(kTenant, kEntity, only(alpha()).first, "price", *parse_json("0.05"));
  world().run_for(seconds{1});
  alpha().refuse = nullptr;
  settle();
  EXPECT_EQ(held(alpha(), "price"), "0.05");
  EXPECT_EQ(price_at(beta()), "4");
}

}  // namespace
}  // namespace datasync::pipeline
