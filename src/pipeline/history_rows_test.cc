#include "pipeline/history_rows.h"

#include <gtest/gtest.h>

#include "pipeline/testing/memory_store.h"

namespace datasync::pipeline {
namespace {

/// A record of two fields that a hundred events changed together, each from `"n"` to `"n + 1"`.
class HistoryRowsTest : public testing::Test {
 protected:
  static constexpr std::int64_t kVersions = 100;

  HistoryRowsTest() {
    storage::WriteBatch batch;
    for (std::int64_t event = 2; event <= kVersions; ++event) {
      batch.history.push_back(
          {{event}, {1}, TenantId("t1"), {event}, {state("name", event - 1), state("phone", event - 1)}});
    }
    EXPECT_TRUE(store_.commit(batch));
    record_.version = {kVersions};
    record_.fields = {state("name", kVersions), state("phone", kVersions)};
  }

  static FieldState state(const char* name, std::int64_t version) {
    FieldState field;
    field.name = name;
    field.value = Value::string(std::to_string(version));
    field.version = {version};
    field.event = {version};
    return field;
  }
  static std::string text_at(HistoryRows& rows, const FieldState& field, std::int64_t version) {
    const auto then = rows.field_at(field, {version});
    if (!then) return "error";
    return *then ? (*then)->value.text() : "none";
  }

  MemoryStore store_;
  Record record_;
};

TEST_F(HistoryRowsTest, LeadBackToEachVersion) {
  HistoryRows rows(store_, nullptr, HistoryRows::kNoLimit);
  EXPECT_EQ(text_at(rows, record_.fields[0], kVersions), R"("100")");
  EXPECT_EQ(text_at(rows, record_.fields[0], 42), R"("42")");
  EXPECT_EQ(text_at(rows, record_.fields[0], 1), R"("1")");
  EXPECT_EQ(text_at(rows, record_.fields[0], 0), "none");
}

TEST_F(HistoryRowsTest, AreReadOnceForFieldsThatChangedTogether) {
  HistoryRows rows(store_, nullptr, 50);
  EXPECT_EQ(text_at(rows, record_.fields[0], 50), R"("50")");
  EXPECT_EQ(text_at(rows, record_.fields[1], 50), R"("50")");
}

TEST_F(HistoryRowsTest, EndAtTheirLimit) {
  HistoryRows rows(store_, nullptr, 50);
  EXPECT_EQ(text_at(rows, record_.fields[0], 49), "none");
}

TEST_F(HistoryRowsTest, CountWhatIsStaged) {
  storage::WriteBatch staged;
  staged.history.push_back({{101}, {1}, TenantId("t1"), {101}, {state("name", 100)}});
  HistoryRows rows(store_, &staged, 1);
  EXPECT_EQ(text_at(rows, state("name", 101), 99), R"("99")");
}

TEST_F(HistoryRowsTest, MakeTheRecordAsItWas) {
  const auto then = HistoryRows(store_, nullptr, HistoryRows::kNoLimit).record_at(record_, {7});
  ASSERT_TRUE(then);
  EXPECT_EQ(then->version.value, 7);
  EXPECT_EQ(then->find("name")->value.text(), R"("7")");
  EXPECT_EQ(then->find("phone")->value.text(), R"("7")");
}

TEST_F(HistoryRowsTest, ARowThatDoesNotGoBackEndsTheChain) {
  storage::WriteBatch staged;
  staged.history.push_back({{200}, {1}, TenantId("t1"), {200}, {state("name", 200)}});
  HistoryRows rows(store_, &staged, HistoryRows::kNoLimit);
  EXPECT_EQ(text_at(rows, state("name", 200), 99), "none");
}

}  // namespace
}  // namespace datasync::pipeline
