#include "pipeline/ledger.h"

#include <gtest/gtest.h>

namespace datasync::pipeline {
namespace {

void add_and_finish(Ledger& ledger, std::int64_t sequence) {
  auto event = std::make_shared<Event>();
  event->sequence = Sequence{sequence};
  EventState state;
  state.status = EventStatus::kCompleted;
  ledger.mark_dirty(ledger.add(std::move(event), std::move(state)));
}

TEST(Ledger, OneThatWaitsForLongAtTheFrontKeepsNothingOfWhatCameAndWentBehindIt) {
  Ledger ledger;
  auto first = std::make_shared<Event>();
  first->sequence = Sequence{1};
  ledger.add(std::move(first), EventState{});
  storage::WriteBatch batch;
  for (std::int64_t sequence = 2; sequence <= 100'000; ++sequence) {
    add_and_finish(ledger, sequence);
    if (sequence % 100 != 0) continue;
    batch.clear();
    ledger.stage(batch);
    ledger.committed();
    ASSERT_EQ(batch.low_water, Sequence{1});
  }
  EXPECT_EQ(ledger.size(), 1U);
  EXPECT_LT(ledger.sequences(), 20'000U);

  Entry& entry = *ledger.find(Sequence{1});
  entry.state.status = EventStatus::kCompleted;
  ledger.mark_dirty(entry);
  ledger.stage(batch);
  EXPECT_EQ(batch.low_water, Sequence{100'001});
}

}  // namespace
}  // namespace datasync::pipeline
