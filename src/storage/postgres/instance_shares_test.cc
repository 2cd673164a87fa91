#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "storage/postgres/cutting_proxy.h"
#include "storage/postgres/postgres_store.h"
#include "storage/postgres/postgres_test_support.h"
#include "storage/postgres/shard.h"
#include "storage/postgres/text.h"
#include "storage/store_test_support.h"

// Several stores on one database, each with a thread in the place of an engine: it changes the part when that is due.

namespace datasync::storage::postgres {
namespace {

using test::run_sql;
using test::TemporarySchema;

constexpr seconds kPatience{20};

class Member {
 public:
  Member(const std::string& url, const std::string& name, std::string address,
         milliseconds lease = milliseconds{2'000}) {
    auto opened = open_postgres_store({url, name, false, lease});
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().message);
    store_ = std::move(*opened);
    thread_ = std::thread([this] { run(); });
    shares().join(std::move(address), [this] { wake(); });
    EXPECT_TRUE(shares().wait_until_settled(kPatience));
  }
  ~Member() { die(); }
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  Shares& shares() { return *store_->shares(); }
  Store& store() { return *store_; }

  /// No more heartbeats and changes: as a process that is frozen.
  void freeze() {
    const std::lock_guard lock(mutex_);
    frozen_ = true;
  }
  void thaw() {
    const std::lock_guard lock(mutex_);
    frozen_ = false;
    wake_.notify_all();
  }
  /// As at the end of a process that ends well.
  void die() {
    if (!store_) return;
    shares().stop();
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
      wake_.notify_all();
    }
    thread_.join();
    store_.reset();
  }
  std::size_t held() {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (const Instance& one : shares().instances()) {
      if (one.is_self) count = one.shards;
    }
    return count;
  }
  /// A commit of one event of a tenant, by the engine's thread. `meanwhile` happens when its number is given out.
  Result<void> commit(const TenantId& tenant, const std::function<void(Store&)>& meanwhile = {}) {
    const std::lock_guard lock(mutex_);
    if (const auto renewed = shares().renew_numbers(); !renewed) return renewed;
    auto event = std::make_shared<Event>();
    event->sequence = {store_->last_sequence().value + 1};
    event->id = EventId(tenant.str() + "-" + std::to_string(event->sequence.value));
    event->tenant = tenant;
    event->type = "lead_created";
    event->entity = "lead";
    event->source = PlatformId("bizoholic");
    event->targets = {PlatformId("bizosaas")};
    WriteBatch batch;
    batch.events.push_back({event, {event_key_of(event->id.str())}, {}});
    last_ = event->sequence;
    if (meanwhile) meanwhile(*store_);
    return store_->commit(batch);
  }
  /// As the engine does once all of it has ended.
  Result<void> end_all() {
    const std::lock_guard lock(mutex_);
    WriteBatch batch;
    batch.low_water = {last_.value + 1};
    return store_->commit(batch);
  }
  /// As the engine does after a transaction that it gave up.
  Result<void> begin_again() {
    const std::lock_guard lock(mutex_);
    if (auto done = store_->commit({}); !done) return done;
    return shares().renew_numbers();
  }
  Sequence last() const { return last_; }
  std::size_t unfinished() {
    const std::lock_guard lock(mutex_);
    const auto found = store_->load_unfinished({}, 1'000);
    EXPECT_TRUE(found);
    return found ? found->size() : 0;
  }

 private:
  void wake() { wake_.notify_all(); }
  void run() {
    std::unique_lock lock(mutex_);
    while (!over_) {
      if (!frozen_ && shares().change_is_due()) static_cast<void>(shares().change());
      wake_.wait_for(lock, milliseconds{20});
    }
  }

  std::unique_ptr<Store> store_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread thread_;
  bool frozen_ = false;
  bool over_ = false;
  Sequence last_{};
};

template <typename Condition>
::testing::AssertionResult eventually(Condition condition) {
  const auto by = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > by) return ::testing::AssertionFailure() << "it does not come true";
    std::this_thread::yield();
  }
  return ::testing::AssertionSuccess();
}

class InstanceSharesTest : public ::testing::Test {
 protected:
  TenantId tenant_of(Member& member) {
    for (int i = 0;; ++i) {
      TenantId tenant("tenant-" + std::to_string(i));
      if (member.shares().owns(tenant)) return tenant;
    }
  }
  TemporarySchema schema_;
};

TEST_F(InstanceSharesTest, TheDatabaseFindsTheSameShardOfATenant) {
  Member one(schema_.url(), "one", "a:1");
  for (const std::string tenant : {"tenant123", "a\\b", "\\x41", "ünï", "", "\\"}) {
    std::string literal;
    std::string buffer;
    for (const char c : std::string(to_text(tenant, buffer)))
      literal += c == '\'' ? std::string("''") : std::string(1, c);
    EXPECT_EQ(test::ask_number("SELECT " + schema_.name() + ".datasync_shard('" + literal + "')"),
              static_cast<std::int64_t>(shard_of(TenantId(tenant))))
        << tenant;
  }
}

TEST_F(InstanceSharesTest, TheFirstHasAllAndTheNextOnesTakeEqualParts) {
  Member one(schema_.url(), "one", "a:1");
  EXPECT_TRUE(one.shares().has_all());
  EXPECT_TRUE(one.commit(TenantId("t")));
  Member two(schema_.url(), "two", "b:1");
  EXPECT_TRUE(eventually([&] { return one.held() == 128 && two.held() == 128; }));
  Member three(schema_.url(), "three", "c:1");
  EXPECT_TRUE(eventually([&] { return one.held() == 86 && two.held() == 85 && three.held() == 85; }));
  const TenantId tenant = tenant_of(three);
  EXPECT_TRUE(eventually([&] { return one.shares().place_of(tenant).address == "c:1"; }));
  EXPECT_FALSE(one.shares().owns(tenant));
}

TEST_F(InstanceSharesTest, WhoLeavesWellIsReplacedAtOnceAndItsEventsAreFound) {
  Member one(schema_.url(), "one", "a:1", seconds{60});
  auto two = std::make_unique<Member>(schema_.url(), "two", "b:1", seconds{60});
  ASSERT_TRUE(eventually([&] { return one.held() == 128 && two->held() == 128; }));
  const TenantId tenant = tenant_of(*two);
  ASSERT_TRUE(two->commit(tenant));
  EXPECT_EQ(two->unfinished(), 1u);
  EXPECT_EQ(one.unfinished(), 0u) << "it is another's";
  const Sequence before = two->last();
  EXPECT_TRUE(two->shares().leave(kPatience));
  EXPECT_FALSE(two->shares().owns(tenant));
  two.reset();
  ASSERT_TRUE(eventually([&] { return one.held() == kShardCount; }));
  EXPECT_EQ(one.unfinished(), 1u);
  ASSERT_TRUE(one.commit(tenant));
  EXPECT_GT(one.last(), before) << "numbers rise within a tenant, whoever gives them";
}

TEST_F(InstanceSharesTest, WhoIsSilentLosesItsShardsCanNotWriteAndBeginsAnew) {
  Member one(schema_.url(), "one", "a:1");
  Member two(schema_.url(), "two", "b:1");
  ASSERT_TRUE(eventually([&] { return one.held() == 128 && two.held() == 128; }));
  const TenantId tenant = tenant_of(two);
  two.freeze();
  run_sql("UPDATE " + schema_.name() + ".instances SET expires_at = now() - interval '1 second' WHERE name = 'two'");
  ASSERT_TRUE(eventually([&] { return one.shares().owns(tenant); }));
  const auto refused = two.commit(tenant);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kMoved);
  ASSERT_TRUE(one.commit(tenant));
  two.thaw();
  EXPECT_TRUE(eventually([&] { return one.held() == 128 && two.held() == 128; }));
  EXPECT_TRUE(two.commit(tenant_of(two)));
}

TEST_F(InstanceSharesTest, WhoHasTheAddressOfAnotherTakesItsPlace) {
  Member one(schema_.url(), "one", "a:1", seconds{60});
  one.freeze();
  Member again(schema_.url(), "again", "a:1", seconds{60});
  EXPECT_TRUE(eventually([&] { return again.shares().has_all(); }));
  EXPECT_EQ(one.commit(TenantId("t")).error().code, ErrorCode::kMoved);
}

TEST_F(InstanceSharesTest, AStoreThatTakesAllFencesThemOffAndIsTakenOverByTheNext) {
  Member one(schema_.url(), "one", "a:1");
  one.freeze();
  const auto all = open_postgres_store({schema_.url(), "all"});
  ASSERT_TRUE(all);
  EXPECT_EQ(one.commit(TenantId("t")).error().code, ErrorCode::kMoved);
  EXPECT_TRUE((*all)->commit({}));
  one.thaw();
  EXPECT_TRUE(eventually([&] { return one.commit(TenantId("t")).has_value(); }));
  EXPECT_EQ((*all)->commit({}).error().code, ErrorCode::kConflict);
}

// The client was told that it could not be kept; when it comes again it is known, so it must not lie there for ever.
TEST_F(InstanceSharesTest, WhatWasStoredWithoutAnAnswerIsFoundThoughNothingElseWasOpen) {
  test::CuttingProxy proxy(test::port_of(test::server_url()));
  const std::string own = ":" + std::to_string(proxy.port());
  Member one(schema_.url(test::url_with(":" + std::to_string(test::port_of(test::server_url())), own)), "one", "a:1",
             seconds{60});
  ASSERT_TRUE(one.commit(TenantId("t")));
  ASSERT_TRUE(one.end_all());
  ASSERT_EQ(one.unfinished(), 0U);
  proxy.cut_next(test::CuttingProxy::Cut::kAfter);
  proxy.refuse(true);
  const auto lost = one.commit(TenantId("t"));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().stage, Stage::kDuring);
  proxy.refuse(false);
  EXPECT_TRUE(eventually([&] { return one.begin_again().has_value(); }));
  EXPECT_EQ(one.unfinished(), 1U);
}

TEST_F(InstanceSharesTest, TwoWithOneAddressDoNotBuryEachOtherAgainAndAgain) {
  Member one(schema_.url(), "one", "a:1");
  Member other(schema_.url(), "other", "a:1");
  EXPECT_TRUE(eventually([&] { return one.held() == kShardCount / 2 && other.held() == kShardCount / 2; }));
  EXPECT_TRUE(eventually([&] { return one.commit(tenant_of(one)).has_value(); }));
  EXPECT_TRUE(other.commit(tenant_of(other)));
}

TEST_F(InstanceSharesTest, ACutConnectionLosesNoShardAndGivesNoNumberTwice) {
  Member one(schema_.url(), "one", "a:1");
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(one.commit(TenantId("t")));
    run_sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'data-sync' AND "
        "pid <> pg_backend_pid()");
  }
  // A window that looks something up after it has given out its numbers keeps them.
  const auto cut_and_read = [](Store& store) {
    run_sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'data-sync' AND "
        "pid <> pg_backend_pid()");
    EXPECT_TRUE(store.load_event({1}));
  };
  const auto kept = one.commit(TenantId("t"), cut_and_read);
  ASSERT_TRUE(kept) << kept.error().message;
  ASSERT_TRUE(one.commit(TenantId("t")));
  EXPECT_TRUE(one.shares().has_all());
  EXPECT_EQ(one.unfinished(), 7u);
}

}  // namespace
}  // namespace datasync::storage::postgres
