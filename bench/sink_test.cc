#include "sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "event_writer.h"
#include "wire/http_scan.h"

namespace datasync::bench {
namespace {

using testing::HasSubstr;

std::string events(std::initializer_list<std::uint64_t> numbers, std::uint64_t due_us = 1'000) {
  const EventWriter writer("r", 1);
  std::string text;
  for (const std::uint64_t number : numbers) writer.append({.choice = {}, .number = number, .due_us = due_us}, text);
  return text;
}

TEST(Received, CountsEachEventAndEachDifferentOne) {
  Received received;
  received.take(events({1, 2, 2}), 2'000);
  received.take(events({2, 70'000}), 2'000);
  EXPECT_EQ(received.different(), 3u);
  EXPECT_THAT(received.report(), HasSubstr(R"("requests":2,"events":5,"different":3,)"));
}

TEST(Received, MeasuresFromWhenTheEventWasDueToItsFirstArrival) {
  Received received;
  received.take(events({1}, 1'000), 1'100);
  received.take(events({1}, 1'000), 9'000);
  EXPECT_THAT(received.report(), HasSubstr(R"("p50":100,)"));
  EXPECT_THAT(received.report(), HasSubstr(R"("max":100})"));
}

TEST(Received, IgnoresNumbersThatAreNotOurs) {
  Received received;
  received.take(R"({"bench_n":5,"bench_us":5})", 1);
  received.take(R"({"bench_n":999999999999999,"bench_us":5})", 1);
  EXPECT_EQ(received.different(), 0u);
}

std::string answer(std::string_view path, std::string_view body) {
  std::string text;
  append_delivery_answer(path, body, text);
  return std::string(scan_http(text)->body);
}

TEST(DeliveryAnswer, NamesTheRecordAsTheDeliveryDid) {
  EXPECT_EQ(answer("/api/sync/user/update", R"({"user_id":"","data":{"user_id":"c-1","bench_n":1000000001}})"),
            R"({"success":true,"id":"c-1"})");
}

TEST(DeliveryAnswer, GivesANewRecordTheIdThatItsUserHasHere) {
  EXPECT_EQ(answer("/api/sync/user/update", R"({"data":{"email_address":"r-1@customers.example","user_id":"c-1"}})"),
            R"({"success":true,"id":"r-1"})");
}

TEST(DeliveryAnswer, HasAnEntryForEachItemOfABulk) {
  EXPECT_EQ(answer("/api/sync/user/bulk",
                   R"([{"data":{"user_id":"a"},"user_id":null,"idempotency_key":"1"},)"
                   R"({"data":{"user_email":"r-2@customers.example","user_id":"b"},"idempotency_key":"2"}])"),
            R"({"results":[{"status":200,"id":"a"},{"status":200,"id":"r-2"}]})");
}

}  // namespace
}  // namespace datasync::bench
