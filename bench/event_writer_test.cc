#include "event_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "wire/http_scan.h"

namespace datasync::bench {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string event_text(EventWriter::Event event) {
  std::string text;
  EventWriter("r7", 10).append(event, text);
  return text;
}

TEST(EventWriter, FillsEveryPlace) {
  const std::string text = event_text({.choice = {.record = 123, .is_new = true}, .number = 45, .due_us = 67});
  EXPECT_THAT(text, HasSubstr(R"("event_type":"user_created")"));
  EXPECT_THAT(text, HasSubstr(R"("tenant_id":"tenant-0003")"));
  EXPECT_THAT(text, HasSubstr(R"("customer_id":"r7-000000123")"));
  EXPECT_THAT(text, HasSubstr(R"("customer_email":"r7-000000123@customers.example")"));
  EXPECT_THAT(text, HasSubstr(R"("bench_n":1000000045,)"));
  EXPECT_THAT(text, HasSubstr(R"("bench_us":1000000000000067,)"));
  EXPECT_THAT(text, Not(HasSubstr("#")));
}

TEST(EventWriter, WritesSomeSixHundredBytes) {
  const std::size_t size = event_text({}).size();
  EXPECT_GT(size, 550u);
  EXPECT_LT(size, 650u);
}

TEST(EventWriter, SaysUpdatedOfAKnownRecord) {
  EXPECT_THAT(event_text({.choice = {.record = 1, .is_new = false}}), HasSubstr("user_updated"));
}

TEST(EventWriter, LetsRivalsWriteInTurns) {
  const EventWriter writer("r7", 10, Writers::kRivals);
  std::string text;
  writer.append({.choice = {.record = 1, .turn = 0}}, text);
  EXPECT_THAT(text, HasSubstr(R"("source_platform":"bizoholic","target_platforms":["bizosaas"])"));
  EXPECT_THAT(text, HasSubstr(R"("email_address":"r7-000000001@customers.example")"));
  text.clear();
  writer.append({.choice = {.record = 1, .turn = 1}}, text);
  EXPECT_THAT(text, HasSubstr(R"("source_platform":"coreldove","target_platforms":["bizosaas"])"));
  EXPECT_THAT(text, HasSubstr(R"("customer_email":"r7-000000001@customers.example")"));
}

TEST(EventWriter, WritesForOneTargetOrForBoth) {
  std::string text;
  EventWriter("r7", 10, Writers::kSolo).append({}, text);
  EXPECT_THAT(text, HasSubstr(R"("source_platform":"coreldove","target_platforms":["bizosaas"])"));
  text.clear();
  EventWriter("r7", 10).append({}, text);
  EXPECT_THAT(text, HasSubstr(R"("source_platform":"coreldove","target_platforms":["bizoholic","bizosaas"])"));
}

TEST(AppendRequest, TellsTheLengthOfItsBody) {
  const EventWriter writer("r7", 10);
  for (const BatchForm form : {BatchForm::kSingle, BatchForm::kArray, BatchForm::kNdjson}) {
    const std::vector<EventWriter::Event> events(form == BatchForm::kSingle ? 1 : 100);
    std::string text;
    append_request(form, "", writer, events, text);
    const auto message = scan_http(text);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->bytes, text.size());
  }
}

TEST(AppendRequest, PutsCommasBetweenTheEventsOfAnArray) {
  const EventWriter writer("r7", 10);
  std::string text;
  append_request(BatchForm::kArray, "", writer, std::vector<EventWriter::Event>(3), text);
  const std::string_view body = scan_http(text)->body;
  EXPECT_EQ(body.front(), '[');
  EXPECT_EQ(body.back(), ']');
  std::size_t commas = 0;
  for (std::size_t at = body.find("},{"); at != std::string_view::npos; at = body.find("},{", at + 1)) ++commas;
  EXPECT_EQ(commas, 2u);
}

TEST(RecordChooser, SpreadsKnownRecordsEvenly) {
  RecordChooser chooser({.known_share = 1.0, .records = 5, .first_new = 100});
  std::set<std::uint64_t> records;
  for (int i = 0; i < 5; ++i) {
    const EventChoice choice = chooser.next();
    EXPECT_FALSE(choice.is_new);
    records.insert(choice.record);
  }
  EXPECT_EQ(records, (std::set<std::uint64_t>{0, 1, 2, 3, 4}));
}

TEST(RecordChooser, CountsTheTurns) {
  RecordChooser chooser({.known_share = 1.0, .records = 2, .first_new = 100});
  std::vector<std::uint64_t> turns;
  for (int i = 0; i < 5; ++i) turns.push_back(chooser.next().turn);
  EXPECT_EQ(turns, (std::vector<std::uint64_t>{0, 0, 1, 1, 2}));
}

TEST(RecordChooser, MakesEachNewRecordOnce) {
  RecordChooser chooser({.known_share = 0.0, .records = 5, .first_new = 100});
  EXPECT_EQ(chooser.next().record, 100u);
  EXPECT_EQ(chooser.next().record, 101u);
  EXPECT_TRUE(chooser.next().is_new);
}

TEST(RecordChooser, KeepsTheShareOfKnownRecords) {
  RecordChooser chooser({.known_share = 0.75, .records = 1'000, .first_new = 1'000});
  int known = 0;
  for (int i = 0; i < 1'000; ++i) known += chooser.next().is_new ? 0 : 1;
  EXPECT_EQ(known, 750);
}

}  // namespace
}  // namespace datasync::bench
