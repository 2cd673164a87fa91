// Identities on their way from one log to the other and into the table: found wherever they stand, and by whoever asks.

#include "storage/sqlite/identity_index.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/random.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/sqlite_store.h"
#include "storage/store_test_support.h"

namespace datasync::storage::sqlite {
namespace {

using namespace test;

class IdentityIndexTest : public ::testing::Test {
 protected:
  IdentityIndexTest() { reopen(); }

  void reopen() {
    reader_.reset();
    store_.reset();
    SqliteOptions options;
    options.path = folder_.file("store.db");
    options.identity_log_max = 20;
    options.guard = false;  // the test looks into the file, too
    store_ = std::move(*open_sqlite_store(options));
    reader_ = std::move(*store_->make_reader());
  }

  static TenantId tenant_of(std::uint64_t number) { return TenantId("tenant-" + std::to_string(number % 3)); }
  static Hash128 hash_of(std::uint64_t number) { return {hash64(std::to_string(number)), number}; }

  IdentityWrite write(std::uint64_t number, std::int64_t record, bool remove = false) {
    return {hash_of(number), IdentityKind::kOwnId, {record}, tenant_of(number), remove};
  }

  void expect_found(std::uint64_t number, std::optional<RecordKey> record) {
    EXPECT_EQ(*store_->find_identity(tenant_of(number), hash_of(number)), record) << number;
    EXPECT_EQ(*reader_->find_identity(tenant_of(number), hash_of(number)), record) << number;
    EXPECT_EQ(*store_->find_identity(tenant_of(number + 1), hash_of(number)), std::nullopt) << number;
    EXPECT_EQ(*reader_->find_identity(tenant_of(number + 1), hash_of(number)), std::nullopt) << number;
  }

  std::int64_t count(const std::string& what) {
    auto connection = Connection::open({folder_.file("store.db"), false, {}});
    return *connection->query_integer(("SELECT count(*) FROM " + what).c_str());
  }

  TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Reader> reader_;
};

TEST_F(IdentityIndexTest, AnIdentityIsFoundWhereverItStands) {
  const auto random = make_seeded_random(4711);
  const auto below = [&random](std::uint64_t limit) { return random->next() % limit; };
  std::map<std::uint64_t, std::int64_t> model;
  std::uint64_t known = 0;
  for (int step = 0; step < 400; ++step) {
    WriteBatch batch;
    for (std::uint64_t i = below(4); i > 0; --i) {
      const auto record = static_cast<std::int64_t>(1 + below(50));
      batch.identities.push_back(write(++known, record));
      model[known] = record;
    }
    if (below(3) == 0 && !model.empty()) {
      auto& [number, record] = *model.lower_bound(std::min(1 + below(known), model.rbegin()->first));
      batch.identities.push_back(write(number, record, true));
      if (below(2) == 0) {
        model.erase(number);
      } else {  // it moves to another record
        record += 100;
        batch.identities.push_back(write(number, record));
      }
    }
    ASSERT_TRUE(store_->commit(batch));
    for (int i = 0; i < 5 && known > 0; ++i) {
      const std::uint64_t number = 1 + below(known);
      const auto at = model.find(number);
      expect_found(number, at == model.end() ? std::nullopt : std::optional(RecordKey{at->second}));
    }
    if (below(20) == 0) reopen();
  }
  reopen();
  for (std::uint64_t number = 1; number <= known; ++number) {
    const auto at = model.find(number);
    expect_found(number, at == model.end() ? std::nullopt : std::optional(RecordKey{at->second}));
  }
  EXPECT_GT(count("identities"), std::ssize(model) / 2);
  EXPECT_LT(count("identity_log_0") + count("identity_log_1"), 200);
}

TEST_F(IdentityIndexTest, AnIdentityOfAnotherRecordIsRefusedWhereverItStands) {
  for (std::uint64_t number = 1; number <= 100; number += 5) {
    WriteBatch batch;
    for (std::uint64_t i = 0; i < 5; ++i) batch.identities.push_back(write(number + i, 1));
    ASSERT_TRUE(store_->commit(batch));
  }
  for (std::uint64_t number = 1; number <= 100; ++number) {
    WriteBatch batch;
    batch.identities = {write(1000 + number, 2), write(number, 2)};
    const auto refused = store_->commit(batch);
    ASSERT_FALSE(refused) << number;
    EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
    EXPECT_EQ(refused.error().detail, "1");
    expect_found(1000 + number, std::nullopt);
    batch.identities = {write(number, 1)};  // what is known already is no conflict
    EXPECT_TRUE(store_->commit(batch));
  }
}

TEST_F(IdentityIndexTest, ADamagedLogIsNamed) {
  WriteBatch batch;
  batch.identities = {write(1, 1), write(2, 1)};
  ASSERT_TRUE(store_->commit(batch));
  reader_.reset();
  store_.reset();
  {
    auto connection = Connection::open({folder_.file("store.db"), true, {}});
    ASSERT_TRUE(connection->run("UPDATE identity_log_0 SET body = substr(body, 1, 10)"));
  }
  SqliteOptions options;
  options.path = folder_.file("store.db");
  const auto opened = open_sqlite_store(options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(opened.error().detail.substr(0, 18), "identity_log_0 row");
}

}  // namespace
}  // namespace datasync::storage::sqlite
