// What is written goes by keys, however small the tables were when a statement was planned.

#include "storage/postgres/batch_steps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "storage/postgres/postgres_store.h"
#include "storage/postgres/postgres_test_support.h"
#include "storage/store_test_support.h"

namespace datasync::storage::postgres {
namespace {

using namespace storage::test;
using test::run_sql;
using test::TemporarySchema;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Something for every table: what is new, and changes of what is there.
WriteBatch batch_of_everything() {
  WriteBatch batch;
  batch.events.push_back(as_new(make_event(2)));
  batch.states = {make_state(1, EventStatus::kRetry, 1), make_state(2, EventStatus::kPending)};
  batch.records = {as_write(make_record(1, 2), 1), as_write(make_record(2, 1), 0)};
  batch.identities = {{Hash128{1, 1}, IdentityKind::kOwnId, {1}, TenantId("tenant-a"), true},
                      {Hash128{2, 2}, IdentityKind::kOwnId, {1}, TenantId("tenant-a"), false}};
  batch.history.push_back(make_history(2, 1, 2));
  batch.conflicts.push_back(make_conflict("0195f8a0-7c1e-7000-8000-000000000001", 2));
  batch.lane_states = {{TenantId("tenant-a"), "lane", "{}"}, {TenantId("tenant-a"), "other", ""}};
  batch.log_positions = {{"log", 1, 2}};
  return batch;
}

class BatchStepsPlans : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(open_postgres_store({schema_.url(), "test"}));
    auto opened = Connection::open(*read_location(schema_.url()), Connection::Use::kWrite);
    ASSERT_TRUE(opened);
    connection_.emplace(std::move(*opened));
  }

  std::vector<Answer> run(const std::string& sql) {
    const Sql statement{"", sql.c_str()};
    const Step step{&statement};
    auto answers = connection_->run({&step, 1});
    EXPECT_TRUE(answers) << sql << ": " << answers.error().error.detail;
    return answers ? std::move(*answers) : std::vector<Answer>{};
  }

  std::string plan_of(const Step& step) {
    run("PREPARE asked AS " + std::string(step.sql->text));
    std::string nulls;
    for (int i = 0; i < step.parameters->size(); ++i) nulls += i == 0 ? "(NULL" : ", NULL";
    const auto answers = run("EXPLAIN EXECUTE asked" + nulls + ")");
    run("DEALLOCATE asked");
    std::string plan;
    for (int row = 0; !answers.empty() && row < answers.front().rows(); ++row) {
      plan += *answers.front().text(row, 0) + "\n";
    }
    return plan;
  }

  void expect_all_by_key() {
    BatchSteps steps;
    const WriteBatch batch = batch_of_everything();
    ASSERT_TRUE(steps.fill(batch, Sequence{1}, Sequence{1}, {}));
    ASSERT_GE(steps.steps().size(), 12U);
    for (const Step& step : steps.steps()) {
      EXPECT_THAT(plan_of(step), AllOf(HasSubstr("cost="), Not(HasSubstr("Join Filter")), Not(HasSubstr("Seq Scan")),
                                       Not(HasSubstr("Materialize"))))
          << step.sql->name;
    }
  }

  TemporarySchema schema_;
  std::optional<Connection> connection_;
};

TEST_F(BatchStepsPlans, GoByKeysWhereTheTablesAreEmpty) {
  expect_all_by_key();
}

TEST_F(BatchStepsPlans, GoByKeysWhereTheServerThinksThatTheyAreSmall) {
  run_sql(
      "SET search_path = " + schema_.name() +
      "; INSERT INTO event_log(seq, tenant_id, event_id, event_type, entity_type, source_platform, priority, "
      "created_at, body) SELECT i, 't', i::text, 'user_updated', 'user', 'p', 5, 0, '' FROM generate_series(1, 20) i; "
      "INSERT INTO event_state(seq, tenant_id, status) SELECT i, 't', 2 FROM generate_series(1, 20) i; "
      "INSERT INTO records(record_key, tenant_id, entity_type, entity_id, version, updated_at, body, marks) "
      "SELECT i, 't', 'user', i::text, 1, 0, '', '' FROM generate_series(1, 20) i; "
      "INSERT INTO identities(hash, kind, record_key, tenant_id) "
      "SELECT md5(i::text)::uuid, 1, i, 't' FROM generate_series(1, 20) i; "
      "ANALYZE event_log, event_state, records, identities, event_waiting");
  expect_all_by_key();
}

}  // namespace
}  // namespace datasync::storage::postgres
