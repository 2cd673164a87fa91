// Where calls go, and what becomes of them when the other instance is slow, gone or no longer the right one. The
// network is a function that answers; threads, wire and timers are the real ones.

#include "api/shared_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <future>
#include <map>

#include "api/peer.h"

namespace datasync::api {
namespace {

using pipeline::Receipt;
using storage::Shares;
using ::testing::ElementsAre;
using ::testing::SizeIs;

class FakeShares final : public Shares {
 public:
  /// Where a tenant is; asked anew for each attempt.
  std::function<Place(const TenantId&)> where = [](const TenantId&) { return Place{Place::Kind::kHere}; };
  std::vector<storage::Instance> all;
  bool alone = false;

  void join(std::string, std::function<void()>) override {}
  bool wait_until_settled(milliseconds) override { return true; }
  bool leave(milliseconds) override { return true; }
  void stop() override {}
  [[nodiscard]] bool has_all() const noexcept override { return alone; }
  [[nodiscard]] Place place_of(const TenantId& tenant) const override { return where(tenant); }
  [[nodiscard]] storage::Shards held() const override { return {}; }
  [[nodiscard]] std::vector<storage::Instance> instances() const override { return all; }
  [[nodiscard]] storage::Replication replication() const noexcept override { return storage::Replication::kNone; }
  void set_wants_notices(bool) override {}
  [[nodiscard]] bool owns(const TenantId&) const override { return true; }
  [[nodiscard]] bool owns_shard(std::size_t) const override { return true; }
  [[nodiscard]] bool change_is_due() const noexcept override { return false; }
  [[nodiscard]] Result<void> change() override { return {}; }
  [[nodiscard]] Result<void> renew_numbers() override { return {}; }
};

/// An engine that keeps ids in memory, and may refuse first.
class FakeEngine final : public Backend {
 public:
  std::deque<Error> refusals;  ///< one for each call, until none is left
  std::function<void()> when_refused = [] {};
  std::vector<std::string> ids;
  std::map<std::size_t, Receipt> never_kept;  ///< by the place in their call
  Result<Conflict> decision = Conflict{};

  void accept(std::vector<pipeline::Submission> submissions, pipeline::AcceptCallback callback) override {
    if (const auto refusal = next_refusal()) return callback(fail(*refusal));
    Receipts receipts;
    for (const auto& submission : submissions) {
      if (const auto at = never_kept.find(receipts.size()); at != never_kept.end()) {
        receipts.push_back({at->second.status, submission.event->id, at->second.why});
        continue;
      }
      const std::string id = submission.event->id.str();
      const bool known = std::find(ids.begin(), ids.end(), id) != ids.end();
      if (!known) ids.push_back(id);
      receipts.push_back({known ? Receipt::Status::kDuplicate : Receipt::Status::kCreated, submission.event->id});
    }
    callback(std::move(receipts));
  }
  void redrive(storage::Reader::Tenants, std::string, pipeline::RedriveCallback callback) override {
    callback(pipeline::Redriven{1, 1});
  }
  void redrive(storage::Reader::EventFilter, pipeline::RedriveCallback callback) override {
    callback(pipeline::Redriven{2, 1});
  }
  void decide(pipeline::ReviewDecision, pipeline::ReviewCallback callback) override { callback(decision); }
  void undo(pipeline::UndoRequest, pipeline::UndoCallback callback) override { callback(EventId("u")); }
  void merge(pipeline::MergeRequest, pipeline::MergeCallback callback) override { callback(pipeline::Merged{}); }
  [[nodiscard]] Result<pipeline::Preview> preview(storage::Reader&, std::shared_ptr<Event>,
                                                  std::shared_ptr<const pipeline::Catalog>) override {
    return fail(ErrorCode::kInternal, "nobody asks");
  }
  [[nodiscard]] pipeline::EngineSnapshot snapshot() const override { return {}; }

 private:
  std::optional<Error> next_refusal() {
    if (refusals.empty()) return std::nullopt;
    Error error = std::move(refusals.front());
    refusals.pop_front();
    when_refused();
    return error;
  }
};

class FakeNetwork final : public net::HttpSender {
 public:
  std::function<net::ClientResult(const net::ClientRequest&)> answer;
  std::vector<std::string> asked;  ///< hosts

  void send_all(std::vector<net::ClientCall> calls) override {
    for (auto& call : calls) {
      asked.push_back(call.request.origin->host);
      call.callback(answer(call.request));
    }
  }
};

class SharedBackendTest : public ::testing::Test {
 protected:
  SharedBackendTest() {
    threads.start();
    // What is asked of the other instance is done by its engine, and the answer comes back.
    network.answer = [this](const net::ClientRequest& request) { return answer_of_other(request); };
    shares.all = {{"one", "one:1"}, {"other", "other:1"}};
    shares.all[0].is_self = true;
    shares.all[0].shards = storage::kShardCount - 1;
    shares.all[1].shards = 1;
  }
  ~SharedBackendTest() override { threads.stop(); }

  net::ClientResult answer_of_other(const net::ClientRequest& request) {
    auto call = decode_call(request.body);
    if (!call) return fail(call.error());
    std::string bytes;
    const auto keep = [&bytes](auto result) { bytes = encode_answer(result); };
    if (auto* accept = std::get_if<PeerAccept>(&*call)) other.accept(accept->submissions, keep);
    if (auto* redrive = std::get_if<PeerRedrive>(&*call)) other.redrive(redrive->filter, keep);
    if (auto* decide = std::get_if<pipeline::ReviewDecision>(&*call)) other.decide(*decide, keep);
    return net::ClientResponse{200, {}, bytes};
  }

  static pipeline::Submission event_of(const std::string& tenant, const std::string& id = "") {
    auto event = std::make_shared<Event>();
    event->tenant = TenantId(tenant);
    event->id = EventId(id);
    event->type = "lead_created";
    event->entity = "lead";
    return {std::move(event), {}};
  }

  Result<Receipts> accept(std::vector<pipeline::Submission> submissions) {
    std::promise<Result<Receipts>> promise;
    backend().accept(std::move(submissions),
                     [&promise](Result<Receipts> result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
  }
  Result<Conflict> decide(storage::Reader::Tenants tenants) {
    pipeline::ReviewDecision decision;
    decision.tenants = std::move(tenants);
    std::promise<Result<Conflict>> promise;
    backend().decide(decision, [&promise](Result<Conflict> result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
  }
  SharedBackend& backend() {
    if (!backend_) {
      backend_.emplace(SharedBackend::Parts{local, shares, network, threads, clock, *random, "token"}, options);
    }
    return *backend_;
  }
  void all_are_there() {
    shares.where = [](const TenantId&) { return Shares::Place{Shares::Place::Kind::kThere, "other:1"}; };
  }

  SystemClock clock;
  net::IoThreads threads{1, clock};
  std::unique_ptr<Random> random = make_system_random();
  FakeShares shares;
  FakeEngine local, other;
  FakeNetwork network;
  SharedBackend::Options options;
  std::optional<SharedBackend> backend_;
};

TEST_F(SharedBackendTest, WhoHasAllAsksNobodyAndStampsNothing) {
  shares.alone = true;
  ASSERT_TRUE(accept({event_of("a")}));
  EXPECT_THAT(local.ids, ElementsAre(""));
  EXPECT_THAT(network.asked, SizeIs(0));
}

TEST_F(SharedBackendTest, WhoHadAllUntilJustNowPassesOnWhatWaited) {
  shares.alone = true;
  local.refusals.push_back({ErrorCode::kMoved, "another instance works on this tenant", {}});
  local.when_refused = [this] {
    shares.alone = false;
    all_are_there();
  };
  const auto receipts = accept({event_of("a", "1")});
  ASSERT_TRUE(receipts);
  EXPECT_THAT(local.ids, SizeIs(0));
  EXPECT_THAT(other.ids, ElementsAre("1"));
}

TEST_F(SharedBackendTest, AnAnswerThatIsNotOneToItsCallIsNoAnswer) {
  all_are_there();
  network.answer = [](const net::ClientRequest&) {
    return net::ClientResponse{200, {}, encode_answer(Result<Receipts>(Receipts{}))};
  };
  const auto receipts = accept({event_of("a", "1")});
  ASSERT_FALSE(receipts);
  EXPECT_EQ(receipts.error().code, ErrorCode::kUnavailable);
}

TEST_F(SharedBackendTest, AnEventGoesToTheInstanceOfItsTenant) {
  shares.where = [](const TenantId& tenant) {
    return tenant == TenantId("a") ? Shares::Place{Shares::Place::Kind::kHere}
                                   : Shares::Place{Shares::Place::Kind::kThere, "other:1"};
  };
  const auto receipts = accept({event_of("b", "1"), event_of("a", "2"), event_of("b", "3")});
  ASSERT_TRUE(receipts);
  EXPECT_THAT(local.ids, ElementsAre("2"));
  EXPECT_THAT(other.ids, ElementsAre("1", "3"));
  EXPECT_EQ((*receipts)[0].id, EventId("1"));
  EXPECT_EQ((*receipts)[1].id, EventId("2"));
  EXPECT_EQ((*receipts)[2].id, EventId("3"));
}

TEST_F(SharedBackendTest, AnEventWhoseAnswerWasLostIsAskedForAgainAndIsOne) {
  all_are_there();
  int lost = 1;
  network.answer = [&](const net::ClientRequest& request) -> net::ClientResult {
    auto answer = answer_of_other(request);
    if (lost-- > 0) return fail({ErrorCode::kUnavailable, "cut", {}, Stage::kDuring});
    return answer;
  };
  const auto receipts = accept({event_of("a")});
  ASSERT_TRUE(receipts);
  EXPECT_THAT(other.ids, SizeIs(1));
  EXPECT_EQ(receipts->front().status, Receipt::Status::kCreated) << "nobody but us knows the id";
  EXPECT_THAT(network.asked, SizeIs(2));
}

TEST_F(SharedBackendTest, ADecisionWhoseAnswerWasLostIsNotMadeTwice) {
  all_are_there();
  network.answer = [&](const net::ClientRequest&) -> net::ClientResult {
    return fail({ErrorCode::kUnavailable, "cut", {}, Stage::kDuring});
  };
  const auto outcome = decide({TenantId("a")});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(network.asked, SizeIs(1));
}

TEST_F(SharedBackendTest, WhileAShardChangesHandsItsRequestsWait) {
  int looks = 0;
  shares.where = [&looks](const TenantId&) {
    return ++looks < 3 ? Shares::Place{} : Shares::Place{Shares::Place::Kind::kHere};
  };
  local.refusals = {{ErrorCode::kMoved, "not yet"}};
  ASSERT_TRUE(accept({event_of("a", "1")}));
  EXPECT_THAT(local.ids, ElementsAre("1"));
  EXPECT_EQ(looks, 4);
}

TEST_F(SharedBackendTest, WhatNobodyTakesIsRefusedInTheEnd) {
  options.patience = milliseconds{200};
  shares.where = [](const TenantId&) { return Shares::Place{}; };
  const auto receipts = accept({event_of("a")});
  ASSERT_FALSE(receipts);
  EXPECT_EQ(receipts.error().code, ErrorCode::kUnavailable);
}

TEST_F(SharedBackendTest, OfABatchOnlyWhatCouldNotBeKeptIsRefused) {
  options.patience = milliseconds{200};
  shares.where = [](const TenantId& tenant) {
    return tenant == TenantId("a") ? Shares::Place{Shares::Place::Kind::kHere} : Shares::Place{};
  };
  const auto receipts = accept({event_of("a"), event_of("b")});
  ASSERT_TRUE(receipts);
  EXPECT_EQ((*receipts)[0].status, Receipt::Status::kCreated);
  EXPECT_EQ((*receipts)[1].status, Receipt::Status::kRefused);
}

TEST_F(SharedBackendTest, WhatTheOtherInstanceDidNotKeepIsNotToldAsCreated) {
  all_are_there();
  other.never_kept = {{1, {Receipt::Status::kRefused, {}}}, {2, {Receipt::Status::kTooLarge, {}, "too large by far"}}};
  std::string headers;
  network.answer = [&](const net::ClientRequest& request) {
    headers = request.header_block;
    return answer_of_other(request);
  };
  const auto receipts = accept({event_of("a"), event_of("a"), event_of("a"), event_of("a")});
  ASSERT_TRUE(receipts);
  using Status = Receipt::Status;
  const std::vector expected{Status::kCreated, Status::kRefused, Status::kTooLarge, Status::kCreated};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ((*receipts)[i].status, expected[i]) << i;
  EXPECT_EQ((*receipts)[2].why, "too large by far");
  EXPECT_NE(headers.find(kPeerKnowsTooLargeHeader), std::string::npos) << "else it would be told as refused";
  EXPECT_TRUE((*receipts)[2].id.empty()) << "the id is ours, and the client has none of it";
}

TEST_F(SharedBackendTest, WhatNobodyHasWhileATenantIsOnItsWayMayBeOfThatOne) {
  shares.all[1].shards = 0;
  local.decision = fail(ErrorCode::kNotFound, "no such conflict");
  EXPECT_EQ(decide({}).error().code, ErrorCode::kUnavailable);
  local.decision = Conflict{};
  EXPECT_TRUE(decide({})) << "the one that has it is there";
}

TEST_F(SharedBackendTest, WhatNamesNoTenantIsAskedOfAllAndTheOneThatHasItAnswers) {
  local.decision = fail(ErrorCode::kNotFound, "no such conflict");
  Conflict found;
  found.id = "c";
  other.decision = found;
  const auto outcome = decide({});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->id, "c");
  other.decision = fail(ErrorCode::kConflict, "it moved on");
  EXPECT_EQ(decide({}).error().code, ErrorCode::kConflict) << "says more than that there is none";
  std::promise<Result<pipeline::Redriven>> promise;
  backend().redrive(storage::Reader::EventFilter{},
                    [&promise](Result<pipeline::Redriven> result) { promise.set_value(std::move(result)); });
  const auto redriven = promise.get_future().get();
  ASSERT_TRUE(redriven);
  EXPECT_EQ(redriven->matched, 4);
}

}  // namespace
}  // namespace datasync::api
