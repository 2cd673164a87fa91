// A proposal that is decided by who holds its value: what is asked, under which key, and which word counts.

#include "pipeline/verification.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "pipeline/testing/engine_fixture.h"

namespace datasync::pipeline {
namespace {

using Choice = ReviewDecision::Choice;
using State = VerificationState;

class VerificationTest : public EngineTest {
 protected:
  /// Gamma sends the mails, beside what it does as any platform.
  void begin_verified(bool to_source = false) {
    begin({.verification_link = "https://app.example/"}, false, rules(to_source));
    events_ = 0;
    id_ = create(alpha(), R"({"email":"a@x","name":"ann"})");
    settle();
  }
  static std::map<std::string, conflict::EntityRulebook, std::less<>> rules(bool to_source) {
    conflict::FieldRule verified;
    verified.review = conflict::ReviewRule{};
    verified.review->verification = {PlatformId("gamma"), std::chrono::hours{2}, to_source};
    conflict::EntityRulebook book;
    book.fields = {{"email", verified}};
    return {{kEntity, book}};
  }
  void propose(std::string_view email) {
    edit(alpha(), id_, "email", email);
    world().run_for(seconds{30});
  }

  /// What gamma was asked to write, oldest first.
  std::vector<Fields> asked() {
    std::vector<Fields> messages;
    for (const TestPlatform::Seen& seen : gamma().seen) {
      if (seen.data.contains("token")) messages.push_back(seen.data);
    }
    return messages;
  }
  static std::string text_of(const Fields& message, const char* name) {
    const Value* value = message.find(name);
    return value == nullptr ? "(none)" : value->as_string().value_or("");
  }
  const Conflict& review() { return world().store.conflicts().front(); }
  VerificationView view(const std::string& token) {
    const security::VerificationTokens tokens(world().store.identity_secret());
    const auto claim = tokens.read(token);
    EXPECT_TRUE(claim) << token;
    return view_verification(review(), tokens, *claim, world().clock.now());
  }
  Result<Conflict> answer(const std::string& event, Choice choice) {
    ReviewDecision decision;
    decision.tenants = {kTenant};
    decision.conflict = review().id;
    decision.choice = choice;
    decision.proposal = EventId(event);
    decision.by = kVerifiedBy;
    return world().decide(decision);
  }

  std::string id_;
};

TEST_F(VerificationTest, TheHolderOfTheNewValueIsAskedAndTheStoreKnowsNoToken) {
  begin_verified();
  propose("b@x");
  ASSERT_EQ(asked().size(), 1U);
  const Fields message = asked().front();
  EXPECT_EQ(text_of(message, "id"), review().id);
  EXPECT_EQ(text_of(message, "value"), "b@x");
  EXPECT_EQ(text_of(message, "previous_value"), "a@x");
  EXPECT_EQ(text_of(message, "source_platform"), "alpha");
  EXPECT_EQ(text_of(message, "link"), "https://app.example/" + text_of(message, "token"));
  EXPECT_EQ(view(text_of(message, "token")).state, State::kOpen);
  for (const auto& [sequence, stored] : world().store.events()) EXPECT_FALSE(stored.event->data.contains("token"));
}

TEST_F(VerificationTest, AWordAboutAProposalThatWasReplacedIsRefused) {
  begin_verified();
  propose("b@x");
  propose("c@x");
  ASSERT_EQ(asked().size(), 2U);
  EXPECT_EQ(view(text_of(asked()[0], "token")).state, State::kSuperseded);
  EXPECT_EQ(view(text_of(asked()[1], "token")).state, State::kOpen);
  const auto late = answer("e2", Choice::kSource);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kConflict);
  ASSERT_TRUE(answer("e3", Choice::kSource));
  settle();
  EXPECT_EQ(held(beta(), "email"), "c@x");
  EXPECT_EQ(view(text_of(asked()[1], "token")).state, State::kConfirmed);
}

TEST_F(VerificationTest, OfSeveralProposalsOneIsDeclinedAndTheOthersWaitOn) {
  begin_verified();
  propose("b@x");
  edit(beta(), only(beta()).first, "email", "c@x");
  world().run_for(seconds{30});
  ASSERT_EQ(asked().size(), 2U);
  const auto declined = answer("e2", Choice::kTarget);
  ASSERT_TRUE(declined) << declined.error().message;
  EXPECT_EQ(declined->status, "resolved");
  EXPECT_EQ(declined->source, PlatformId("alpha"));
  settle();
  EXPECT_EQ(held(alpha(), "email"), "a@x");
  EXPECT_EQ(held(beta(), "email"), "c@x") << "it still waits";
  EXPECT_EQ(status("e2"), EventStatus::kCompleted);
  EXPECT_EQ(review().status, "open");
  EXPECT_EQ(review().source, PlatformId("beta"));
  ASSERT_TRUE(answer("e3", Choice::kSource));
  settle();
  for (TestPlatform* platform : {&alpha(), &beta(), &gamma()}) EXPECT_EQ(held(*platform, "email"), "c@x");
}

// Who reads mail there may have pressed the wrong button.
TEST_F(VerificationTest, WhatWasDeclinedByItsLinkAnOperatorMayTakeAfterAll) {
  begin_verified();
  propose("b@x");
  const auto declined = answer("e2", Choice::kTarget);
  ASSERT_TRUE(declined) << declined.error().message;
  settle();
  EXPECT_EQ(held(alpha(), "email"), "a@x");
  UndoRequest request;
  request.tenants = {kTenant};
  request.event_id = declined->resolved_event.str();
  request.by = "mira";
  request.reason = "the wrong button";
  const auto undone = world().undo(request);
  ASSERT_TRUE(undone) << undone.error().message;
  settle();
  for (TestPlatform* platform : {&alpha(), &beta(), &gamma()}) EXPECT_EQ(held(*platform, "email"), "b@x");
  EXPECT_EQ(asked().size(), 1U) << "nobody is asked again";
  EXPECT_EQ(view(text_of(asked()[0], "token")).state, State::kDeclined);
  EXPECT_FALSE(world().undo(request)) << "once";
}

TEST_F(VerificationTest, WhoDoesNotAnswerDeclinesUnlessTheRuleSaysOtherwise) {
  for (const bool to_source : {false, true}) {
    begin_verified(to_source);
    propose("b@x");
    world().run_for(std::chrono::hours{3});
    EXPECT_EQ(review().status, "resolved");
    EXPECT_EQ(view(text_of(asked().front(), "token")).state, State::kExpired);
    settle();
    EXPECT_EQ(held(alpha(), "email"), to_source ? "b@x" : "a@x");
    EXPECT_EQ(held(beta(), "email"), to_source ? "b@x" : "a@x");
  }
}

/// The process ends after the first commit, the second, … until it ends after all was said.
TEST_F(VerificationTest, WhereverTheProcessEndsTheHolderIsAskedUnderOneKeyAndTheAnswerCounts) {
  std::size_t crashes = 0;
  for (std::size_t at = 1; crashes + 1 == at; ++at) {
    begin_verified();
    std::set<std::string> keys;
    world().network.on_send = [&keys](const std::string&, const net::ClientRequest& request) {
      if (request.body.find("\"token\"") == std::string::npos) return;
      const auto begin = request.header_block.find("Idempotency-Key: ");
      keys.insert(request.header_block.substr(begin, request.header_block.find('\r', begin) - begin));
    };
    std::size_t commits = 0;
    bool ends = false;
    world().on_commit = [&] { ends = ++commits == at; };
    edit(alpha(), id_, "email", "b@x");
    for (int i = 0; i < 2'000; ++i) {
      world().run_for(milliseconds{5});
      if (!std::exchange(ends, false)) continue;
      world().crash();
      ++crashes;
    }
    world().on_commit = [] {};
    world().run_for(seconds{30});
    EXPECT_EQ(keys.size(), 1U) << "ended after commit " << at;
    EXPECT_EQ(asked().size(), 1U) << "ended after commit " << at;
    ASSERT_TRUE(answer("e2", Choice::kSource));
    world().crash();
    settle();
    EXPECT_EQ(held(beta(), "email"), "b@x");
    EXPECT_EQ(view(text_of(asked().front(), "token")).state, State::kConfirmed);
  }
  EXPECT_GT(crashes, 1U);
}

TEST_F(VerificationTest, WhatCouldNotBeToldInTimeIsADeadLetter) {
  begin_verified();
  gamma().refuse_request = [](const TenantId&, const std::string&) { return 503; };
  propose("b@x");
  world().run_for(std::chrono::hours{3});
  gamma().refuse_request = nullptr;
  settle();
  EXPECT_TRUE(asked().empty()) << "whoever read it could answer no more";
  const auto& events = world().store.events();
  const auto request = std::find_if(events.begin(), events.end(),
                                    [](const auto& stored) { return is_verification_request(*stored.second.event); });
  ASSERT_NE(request, events.end());
  EXPECT_EQ(request->second.state.status, EventStatus::kFailed);
  EXPECT_EQ(request->second.state.results.front().error_message, "its time was over before it was taken");
}

TEST_F(VerificationTest, WithoutANotifierAPersonDecides) {
  auto books = rules(false);
  books[kEntity].fields["email"].review->verification->notifier = PlatformId("nobody");
  begin({}, false, books);
  events_ = 0;
  id_ = create(alpha(), R"({"email":"a@x"})");
  settle();
  propose("b@x");
  EXPECT_TRUE(asked().empty());
  EXPECT_EQ(review().reason, "a change of email waits for a person");
  EXPECT_FALSE(review().expires_at);
}

}  // namespace
}  // namespace datasync::pipeline
