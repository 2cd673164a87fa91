#include "api/peer_wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace datasync::api {
namespace {

using pipeline::MergeRequest;
using pipeline::Receipt;
using pipeline::ReviewDecision;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::shared_ptr<Event> lead() {
  auto event = std::make_shared<Event>();
  event->id = EventId("e\n1");
  event->tenant = TenantId("tenant \xff");
  event->type = "lead_created";
  event->entity = "lead";
  event->source = PlatformId("bizoholic");
  event->targets = {PlatformId("bizosaas"), PlatformId("coreldove")};
  event->data.set("score", Value::integer(40));
  event->own_id = "l-1";
  event->wire_priority = 1;
  event->base_version = 7;
  event->order_key = 0xffffffffffffffffULL;
  return event;
}

template <typename T>
T back_and_forth(const T& call) {
  auto read = decode_call(encode_call(PeerCall(call)));
  EXPECT_TRUE(read);
  return std::get<T>(*read);
}

TEST(PeerWire, AnEventArrivesAsItWasSentOn) {
  const PeerAccept read = back_and_forth(PeerAccept{{{lead(), "key"}}});
  ASSERT_EQ(read.submissions.size(), 1u);
  const Event& event = *read.submissions[0].event;
  EXPECT_EQ(read.submissions[0].idempotency_key, "key");
  EXPECT_EQ(event.id, lead()->id);
  EXPECT_EQ(event.tenant, lead()->tenant);
  EXPECT_EQ(event.targets, lead()->targets);
  EXPECT_EQ(event.data.find("score")->as_integer(), 40);
  EXPECT_EQ(event.own_id, "l-1");
  EXPECT_EQ(event.wire_priority, 1);
  EXPECT_EQ(event.base_version, 7);
  EXPECT_EQ(event.order_key, lead()->order_key);
  EXPECT_EQ(content_hash_of(event), content_hash_of(*lead()));
}

TEST(PeerWire, EachCallArrivesWhole) {
  ReviewDecision decision;
  decision.tenants = {TenantId("a"), TenantId("b")};
  decision.conflict = "c";
  decision.choice = ReviewDecision::Choice::kMerged;
  decision.data.set("email", Value::string("x@example.com"));
  decision.revision = 3;
  decision.by = "ann";
  const ReviewDecision decided = back_and_forth(decision);
  EXPECT_EQ(decided.tenants, decision.tenants);
  EXPECT_EQ(decided.choice, ReviewDecision::Choice::kMerged);
  EXPECT_EQ(decided.data.find("email")->as_string(), "x@example.com");
  EXPECT_EQ(decided.revision, 3);
  EXPECT_EQ(decided.by, "ann");

  PeerRedrive redrive{{TenantId("a")}, "", {}};
  redrive.filter.status = EventStatus::kFailed;
  redrive.filter.since = Timestamp{microseconds{5}};
  const PeerRedrive redriven = back_and_forth(redrive);
  EXPECT_EQ(redriven.filter.status, EventStatus::kFailed);
  EXPECT_EQ(redriven.filter.since, redrive.filter.since);
  EXPECT_FALSE(redriven.filter.until);

  MergeRequest merge;
  merge.kind = MergeRequest::Kind::kSplit;
  merge.keep = EntityId("k");
  merge.take = {"name", "phone"};
  merge.newest = true;
  const MergeRequest merged = back_and_forth(merge);
  EXPECT_EQ(merged.kind, MergeRequest::Kind::kSplit);
  EXPECT_EQ(merged.keep, merge.keep);
  EXPECT_EQ(merged.take, merge.take);
  EXPECT_TRUE(merged.newest);
  EXPECT_EQ(back_and_forth(pipeline::UndoRequest{{}, "e", "by", "why"}).reason, "why");
}

TEST(PeerWire, NoticesArriveWithoutTheEventsData) {
  pipeline::Notice notice;
  notice.kind = pipeline::Notice::Kind::kSyncCompleted;
  notice.event = lead();
  notice.state.status = EventStatus::kFailed;
  notice.state.message = "why";
  DeliveryResult& result = notice.state.results.emplace_back();
  result.target = PlatformId("bizosaas");
  result.status = ResultStatus::kFailed;
  const PeerNotices read = back_and_forth(PeerNotices{{notice}, true});
  EXPECT_TRUE(read.has_gap);
  ASSERT_EQ(read.notices.size(), 1u);
  EXPECT_EQ(read.notices[0].event->id, lead()->id);
  EXPECT_TRUE(read.notices[0].event->data.empty());
  EXPECT_EQ(read.notices[0].state.status, EventStatus::kFailed);
  EXPECT_EQ(read.notices[0].state.results, notice.state.results);
}

TEST(PeerWire, AnswersAndErrorsArrive) {
  const auto receipts =
      decode_answer<Receipts>(encode_answer(Result<Receipts>(Receipts{{Receipt::Status::kDuplicate, EventId("e")}})));
  ASSERT_TRUE(receipts);
  EXPECT_EQ((*receipts)[0].status, Receipt::Status::kDuplicate);
  EXPECT_EQ((*receipts)[0].id, EventId("e"));
  const auto refused = decode_answer<Receipts>(encode_answer(Result<Receipts>(Receipts{
      {Receipt::Status::kTooLarge, EventId("e"), "too large by far"}, {Receipt::Status::kCreated, EventId("f")}})));
  ASSERT_TRUE(refused);
  EXPECT_EQ((*refused)[0].status, Receipt::Status::kTooLarge);
  EXPECT_EQ((*refused)[0].why, "too large by far");
  EXPECT_EQ((*refused)[1].id, EventId("f"));
  const auto earlier = for_earlier_version(*refused);
  ASSERT_TRUE(earlier);
  EXPECT_EQ((*earlier)[0].status, Receipt::Status::kRefused);
  EXPECT_EQ((*earlier)[1].status, Receipt::Status::kCreated);
  const auto error = decode_answer<EventId>(encode_answer(Result<EventId>(fail(ErrorCode::kMoved, "elsewhere"))));
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error().code, ErrorCode::kMoved);
  EXPECT_EQ(error.error().message, "elsewhere");
  Conflict conflict;
  conflict.id = "c";
  conflict.fields.push_back({"email", Value::string("a"), Value::string("b"), "source_wins", Conflict::Outcome::kOpen,
                             std::nullopt, Value::integer(1), PlatformId("p"), EventId("e")});
  conflict.resolved_at = Timestamp{microseconds{9}};
  const auto read = decode_answer<Conflict>(encode_answer(Result<Conflict>(conflict)));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->fields, conflict.fields);
  EXPECT_EQ(read->resolved_at, conflict.resolved_at);
}

TEST(PeerWire, WhatIsCutAnywhereIsRefused) {
  const std::string whole = encode_call(PeerAccept{{{lead(), "key"}}});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_call(std::string_view(whole).substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_call(whole + "x"));
  EXPECT_FALSE(decode_call(std::string(64, '\xff')));
  EXPECT_THAT(decode_answer<EventId>("").error().message, HasSubstr("another version"));
}

}  // namespace
}  // namespace datasync::api
