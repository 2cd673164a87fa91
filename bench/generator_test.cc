// The generator against real sinks in another thread: what it says it sent, they must have got.

#include "generator.h"

#include <gtest/gtest.h>

#include <thread>

#include "sink.h"

namespace datasync::bench {
namespace {

class GeneratorTest : public testing::Test {
 protected:
  [[nodiscard]] Generator::Options options() const {
    Generator::Options options;
    options.url = "http://127.0.0.1:" + std::to_string(sinks_.port(0));
    options.connections = 4;
    options.seconds_max = 30;
    return options;
  }
  /// The report of the sink, when the generator is done.
  std::string received() {
    sinks_thread_ = {};
    Fd client = connect_to({.host = "127.0.0.1", .port = sinks_.port(0), .path = {}});
    std::string_view request = "GET /_bench/report HTTP/1.1\r\n\r\n";
    EXPECT_TRUE(write_some(client.get(), request));
    std::string answer;
    while (answer.find("}}") == std::string::npos) {
      sinks_.serve(std::chrono::milliseconds(10));
      EXPECT_TRUE(read_all(client.get(), answer));
    }
    return answer;
  }

 private:
  Sinks sinks_{{0}};
  std::jthread sinks_thread_{[this](const std::stop_token& stop) {
    while (!stop.stop_requested()) sinks_.serve(std::chrono::milliseconds(10));
  }};
};

TEST_F(GeneratorTest, SendsEachEventOnce) {
  auto given = options();
  given.requests = 1'000;
  const auto report = Generator(given).run();
  EXPECT_EQ(report.requests, 1'000u);
  EXPECT_EQ(report.statuses, (std::map<int, std::uint64_t>{{200, 1'000}}));
  EXPECT_EQ(report.latency_us.count(), 1'000u);
  EXPECT_NE(received().find(R"("requests":1000,"events":1000,"different":1000,)"), std::string::npos);
}

TEST_F(GeneratorTest, CountsTheEventsOfBatches) {
  auto given = options();
  given.requests = 20;
  given.form = BatchForm::kArray;
  given.events_per_request = 100;
  EXPECT_EQ(Generator(given).run().events, 2'000u);
  EXPECT_NE(received().find(R"("requests":20,"events":2000,"different":2000,)"), std::string::npos);
}

TEST_F(GeneratorTest, NeverRunsAheadOfItsRate) {
  auto given = options();
  given.requests = 200;
  given.requests_per_second = 1'000;
  const auto report = Generator(given).run();
  EXPECT_EQ(report.requests, 200u);
  EXPECT_GE(report.seconds, 0.199);  // the last of 200 is due after 199 ms, rounded down to a tick of 0.5 ms
}

// 100 requests are due at once on one connection. All but the first wait for it, and the wait counts.
TEST_F(GeneratorTest, CountsTheWaitForAConnection) {
  auto given = options();
  given.connections = 1;
  given.requests = 100;
  given.requests_per_second = 1e9;
  const auto report = Generator(given).run();
  EXPECT_GT(report.late_max_us, 0u);
  EXPECT_GE(report.latency_us.max(), report.late_max_us);
}

TEST_F(GeneratorTest, EndsWhenItsTimeIsOver) {
  auto given = options();
  given.seconds_max = 0.05;
  const auto report = Generator(given).run();
  EXPECT_GT(report.requests, 0u);
  EXPECT_EQ(report.unanswered, 0u);
  EXPECT_GE(report.seconds, 0.04);
}

}  // namespace
}  // namespace datasync::bench
