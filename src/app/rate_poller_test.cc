#include "app/rate_poller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <utility>
#include <vector>

#include "base/random.h"

namespace datasync::app {
namespace {

using std::chrono::hours;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Currency currency(std::string_view code) {
  return *Currency::parse(code);
}

/// Requests wait until the test answers them.
class HandAnswered final : public net::HttpSender {
 public:
  void send_all(std::vector<net::ClientCall> calls) override {
    for (net::ClientCall& call : calls) waiting.push_back(std::move(call));
    asked += calls.size();
  }
  void answer(net::ClientResult result) {
    net::ClientCall call = std::move(waiting.front());
    waiting.erase(waiting.begin());
    call.callback(std::move(result));
  }

  std::vector<net::ClientCall> waiting;
  std::size_t asked = 0;
};

class RatePollerTest : public testing::Test {
 protected:
  RatePollerTest() : folder_(std::filesystem::temp_directory_path() / ("rates-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
    begin();
  }
  ~RatePollerTest() override { std::filesystem::remove_all(folder_); }

  /// A new process, with the file of the one before.
  void begin() {
    poller_.reset();
    sender_ = std::make_unique<HandAnswered>();
    random_ = make_seeded_random(7);
    poller_ = std::make_unique<RatePoller>(RatePoller::Parts{
        *sender_, clock_, *random_, file(), [this](const transform::Quotes& quotes) { published_.push_back(quotes); }});
  }
  void begin_with(RateSourceOptions options) {
    begin();
    poller_->configure(std::move(options), table_);
  }

  static RateSourceOptions source() {
    RateSourceOptions options;
    options.address = "http://rates.example.com/latest?app_id=sesame";
    return options;
  }
  [[nodiscard]] std::string file() const { return (folder_ / "db.rates.json").string(); }

  SteadyTime step() { return poller_->step(); }
  void answer(std::string body, int status = 200) {
    sender_->answer(net::ClientResponse{status, {}, std::move(body)});
    (void)step();
  }
  void fail_request() {
    sender_->answer(fail(ErrorCode::kUnavailable, "connection refused"));
    (void)step();
  }
  /// Goes on until the next request leaves, and says how long that took.
  milliseconds until_asked() {
    const Timestamp from = clock_.now();
    while (sender_->waiting.empty() && clock_.now() - from < hours{48}) {
      const auto wait = step() - clock_.steady_now();
      if (!sender_->waiting.empty()) break;
      clock_.advance(std::max<microseconds>(wait, microseconds{1}));
    }
    return std::chrono::duration_cast<milliseconds>(clock_.now() - from);
  }
  /// As the mapper takes it: `90`, `none` or `too old`.
  [[nodiscard]] std::string in_force(const char* code = "INR") const {
    const auto& rates = published_.back().rates;
    const auto at = rates.find(currency(code));
    if (at == rates.end()) return "none";
    return at->second.too_old ? "too old" : at->second.rate.to_text();
  }
  [[nodiscard]] api::RateSourceStatus status() const { return poller_->status().value(); }

  std::filesystem::path folder_;
  ManualClock clock_{*parse_rfc3339("2026-11-26T12:00:00Z")};
  transform::RateTable table_{currency("USD"), {}, {{currency("INR"), *Decimal::parse("83")}}};
  std::unique_ptr<HandAnswered> sender_;
  std::unique_ptr<Random> random_;
  std::vector<transform::Quotes> published_;
  std::unique_ptr<RatePoller> poller_;
};

TEST_F(RatePollerTest, WithoutASourceNothingIsAsked) {
  poller_->configure(std::nullopt, table_);
  EXPECT_GT(step(), clock_.steady_now());
  EXPECT_EQ(sender_->asked, 0U);
  EXPECT_EQ(poller_->status(), std::nullopt);
  EXPECT_EQ(in_force(), "none");
}

TEST_F(RatePollerTest, AsksAtOnceAndThenOnceAnInterval) {
  begin_with(source());
  EXPECT_EQ(until_asked(), milliseconds{0});
  EXPECT_EQ(sender_->waiting.front().request.method, net::Method::kGet);
  EXPECT_EQ(sender_->waiting.front().request.target, "/latest?app_id=sesame");
  EXPECT_EQ(sender_->waiting.front().request.deadline, seconds{10});
  answer(R"({"rates":{"INR":90,"JPY":150}})");
  EXPECT_EQ(in_force(), "90");
  EXPECT_EQ(in_force("JPY"), "150");
  EXPECT_FALSE(status().degraded);
  std::vector<milliseconds> waits;
  for (int i = 0; i < 5; ++i) {
    waits.push_back(until_asked());
    answer(R"({"rates":{"INR":91}})");
  }
  for (const milliseconds wait : waits) {
    EXPECT_GE(wait, std::chrono::minutes{54});
    EXPECT_LE(wait, std::chrono::minutes{66});
  }
  EXPECT_NE(waits[0], waits[1]);  // many services do not ask in one second
}

TEST_F(RatePollerTest, OneRequestIsUnderWayAtATime) {
  begin_with(source());
  (void)until_asked();
  for (int i = 0; i < 100; ++i) {
    clock_.advance(hours{1});
    (void)step();
  }
  RateSourceOptions other = source();
  other.interval = seconds{1};
  poller_->configure(other, table_);
  (void)step();
  EXPECT_EQ(sender_->asked, 1U);
  answer(R"({"rates":{"INR":90}})");  // to the former question: dropped
  EXPECT_EQ(in_force(), "none");
  EXPECT_EQ(sender_->asked, 2U);
  answer(R"({"rates":{"INR":91}})");
  EXPECT_EQ(in_force(), "91");
}

TEST_F(RatePollerTest, AfterAFailureItAsksSoonerAndKeepsTheLastGoodRates) {
  begin_with(source());
  (void)until_asked();
  answer(R"({"rates":{"INR":90}})");
  (void)until_asked();
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 9; ++i) {
    fail_request();
    EXPECT_EQ(in_force(), "90");
    waits.push_back(until_asked().count() / 1000);
  }
  EXPECT_THAT(waits[0], testing::AllOf(testing::Ge(27), testing::Le(33)));
  EXPECT_THAT(waits[3], testing::AllOf(testing::Ge(216), testing::Le(264)));
  EXPECT_THAT(waits[8], testing::AllOf(testing::Ge(3240), testing::Le(3960)));
  EXPECT_THAT(status().last_error, HasSubstr("connection refused"));
  EXPECT_FALSE(status().degraded);
  answer(R"({"rates":{"INR":91}})");
  EXPECT_EQ(status().last_error, "");
}

TEST_F(RatePollerTest, NonsenseChangesNothing) {
  begin_with(source());
  (void)until_asked();
  answer(R"({"rates":{"INR":90}})");
  const std::size_t told = published_.size();
  const std::pair<int, const char*> answers[] = {{200, ""},
                                                 {200, "<html>oops</html>"},
                                                 {200, R"({"rates":{}})"},
                                                 {200, R"({"rates":{"INR":-90}})"},
                                                 {200, R"({"rates":{"INR":90,"USD":2}})"},
                                                 {301, R"({"rates":{"INR":91}})"},
                                                 {404, R"({"rates":{"INR":91}})"},
                                                 {500, R"({"rates":{"INR":91}})"}};
  for (const auto& [code, body] : answers) {
    (void)until_asked();
    answer(body, code);
    EXPECT_EQ(in_force(), "90") << body;
    EXPECT_NE(status().last_error, "") << body;
  }
  EXPECT_EQ(published_.size(), told);
}

TEST_F(RatePollerTest, NeitherStatusNorFileTellsTheKey) {
  RateSourceOptions options = source();
  options.credential = {delivery::Credential::Kind::kApiKey, "open-sesame", "X-Key"};
  begin_with(options);
  (void)until_asked();
  EXPECT_THAT(sender_->waiting.front().request.header_block, HasSubstr("X-Key: open-sesame\r\n"));
  answer(R"({"rates":{"INR":90}})");
  (void)until_asked();
  answer("open-sesame", 401);
  EXPECT_EQ(status().source, "http://rates.example.com:80");
  EXPECT_THAT(status().last_error, Not(HasSubstr("sesame")));
  std::ifstream in(file());
  const std::string text(std::istreambuf_iterator<char>(in), {});
  EXPECT_THAT(text, HasSubstr("90"));
  EXPECT_THAT(text, Not(HasSubstr("sesame")));
}

TEST_F(RatePollerTest, ARestartWithoutNetworkHasTheLastGoodRates) {
  begin_with(source());
  (void)until_asked();
  answer(R"({"rates":{"INR":90}})");
  clock_.advance(hours{30});
  begin_with(source());
  EXPECT_EQ(in_force(), "90");  // before anything was asked
  (void)until_asked();
  fail_request();
  EXPECT_EQ(in_force(), "90");
  EXPECT_EQ(status().heard_at, std::nullopt);
  EXPECT_EQ(format_rfc3339(*status().as_of), "2026-11-26T12:00:00Z");
}

TEST_F(RatePollerTest, RatesThatAreTooOldAreNotUsedUntilFreshOnesCome) {
  begin_with(source());
  (void)until_asked();
  answer(R"({"rates":{"INR":90}})");
  while (clock_.now() < *parse_rfc3339("2026-12-03T11:59:59Z")) {
    (void)until_asked();
    fail_request();
    const bool is_good = clock_.now() <= *parse_rfc3339("2026-12-03T12:00:00Z");
    EXPECT_EQ(in_force(), is_good ? "90" : "too old");
  }
  clock_.advance(hours{1});
  (void)step();
  EXPECT_EQ(in_force(), "too old");
  EXPECT_TRUE(status().degraded);
  EXPECT_THAT(status().too_old, ElementsAre("INR"));
  begin_with(source());  // nor after a restart
  EXPECT_EQ(in_force(), "too old");
  (void)until_asked();
  answer(R"({"rates":{"INR":91}})");
  EXPECT_EQ(in_force(), "91");
  EXPECT_FALSE(status().degraded);
}

TEST_F(RatePollerTest, AJumpIsRefusedAndReportedUntilItIsConfirmed) {
  begin_with(source());
  (void)until_asked();
  answer(R"({"rates":{"INR":90,"JPY":150}})");
  (void)until_asked();
  answer(R"({"rates":{"INR":9000,"JPY":151}})");
  EXPECT_EQ(in_force(), "90");
  EXPECT_EQ(in_force("JPY"), "151");
  EXPECT_TRUE(status().degraded);
  EXPECT_THAT(status().refused.at("INR"), HasSubstr("set rates.source.confirmed.INR"));
  RateSourceOptions confirmed = source();
  confirmed.confirmed[currency("INR")] = *Decimal::parse("9000");
  poller_->configure(confirmed, table_);
  EXPECT_EQ(until_asked(), milliseconds{0});
  answer(R"({"rates":{"INR":9010,"JPY":151}})");
  EXPECT_EQ(in_force(), "9010");
  EXPECT_FALSE(status().degraded);
}

TEST_F(RatePollerTest, AReloadThatChangesNothingAsksNothing) {
  begin_with(source());
  (void)until_asked();
  answer(R"({"rates":{"INR":90}})");
  const std::size_t told = published_.size();
  poller_->configure(source(), table_);
  (void)step();
  EXPECT_EQ(sender_->asked, 1U);
  EXPECT_EQ(published_.size(), told + 1);  // for the catalog that was reloaded
  EXPECT_EQ(in_force(), "90");
  poller_->configure(std::nullopt, table_);
  EXPECT_EQ(in_force(), "none");
  EXPECT_EQ(poller_->status(), std::nullopt);
}

TEST_F(RatePollerTest, AnotherBaseForgetsWhatIsKnown) {
  begin_with(source());
  (void)until_asked();
  answer(R"({"rates":{"INR":90}})");
  RateSourceOptions euros = source();
  euros.base = currency("EUR");
  poller_->configure(euros, table_);
  EXPECT_EQ(in_force(), "none");
  (void)until_asked();
  answer(R"({"rates":{"INR":104,"USD":1.16}})");
  EXPECT_EQ(in_force(), "104");
}

TEST_F(RatePollerTest, AFileThatIsBrokenIsPassedOver) {
  for (const char* text : {"", "{", "[]", R"({"base":"USD"})", R"({"base":"USD","rates":{"INR":{"rate":"x"}}})",
                           R"({"base":"USD","rates":{"INR":{"as_of":"2026-11-26T12:00:00Z","rate":"-1"}}})"}) {
    std::ofstream(file()) << text;
    begin_with(source());
    EXPECT_EQ(in_force(), "none") << text;
    (void)until_asked();
    answer(R"({"rates":{"INR":90}})");
    EXPECT_EQ(in_force(), "90");
    begin_with(source());
    EXPECT_EQ(in_force(), "90");
  }
}

TEST_F(RatePollerTest, ADiskThatTakesNothingDoesNotKeepRatesFromBeingUsed) {
  std::filesystem::remove_all(folder_);
  begin_with(source());
  (void)until_asked();
  answer(R"({"rates":{"INR":90}})");
  EXPECT_EQ(in_force(), "90");
}

/// On its own thread: it stops at once while a request is under way, and an answer may come after its end.
TEST_F(RatePollerTest, StopsWithoutWaitingForAnAnswer) {
  class Telling final : public net::HttpSender {
   public:
    void send_all(std::vector<net::ClientCall> calls) override {
      waiting = std::move(calls);
      sent.set_value();
    }
    std::vector<net::ClientCall> waiting;
    std::promise<void> sent;
  };
  Telling sender;
  const SystemClock clock;
  RateSourceOptions options = source();
  {
    RatePoller poller({sender, clock, *random_, file(), [](const transform::Quotes&) {}});
    poller.configure(options, table_);
    poller.start();
    sender.sent.get_future().wait();
    poller.stop();
  }
  sender.waiting.front().callback(net::ClientResponse{200, {}, R"({"rates":{"INR":90}})"});
}

TEST(RateFile, ReadsWhatItWrote) {
  transform::Quotes quotes;
  quotes.base = currency("EUR");
  quotes.rates[currency("INR")] = {*Decimal::parse("104.5"), *parse_rfc3339("2026-11-26T12:00:00.5Z")};
  quotes.rates[currency("KWD")] = {*Decimal::parse("0.355"), *parse_rfc3339("2026-11-25T00:00:00Z")};
  EXPECT_EQ(parse_quotes(to_json(quotes)).value(), quotes);
}

// Only root may read what nobody may, so the way to the file is barred by other means.
TEST(RateFile, WhatCannotBeReadIsNotTakenForNothing) {
  const auto path = std::filesystem::temp_directory_path() / ("rates-" + std::to_string(::getpid()) + ".json");
  EXPECT_TRUE(RateFile(path.string()).read().value().rates.empty());
  std::filesystem::create_symlink(path, path);
  const auto looped = RateFile(path.string()).read();
  std::filesystem::remove(path);
  ASSERT_FALSE(looped);
  EXPECT_EQ(looped.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(looped.error().message, "the file can't be read: Too many levels of symbolic links");
  const auto folder = RateFile(std::filesystem::temp_directory_path().string()).read();
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().message, "the file can't be read: Is a directory");
}

}  // namespace
}  // namespace datasync::app
