#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/testing/engine_fixture.h"

// What tests of fields that wait for a person share. Only *_test.cc include it.

namespace datasync::pipeline {

/// Every change of a name or an email waits, and a phone where two changes are concurrent; a city waits for nobody.
class ReviewTest : public EngineTest {
 protected:
  using Choice = ReviewDecision::Choice;

  ReviewTest() { begin({}, false, rules()); }

  static std::map<std::string, conflict::EntityRulebook, std::less<>> rules() {
    conflict::FieldRule every;
    every.review = conflict::ReviewRule{};
    conflict::FieldRule manual;
    manual.strategy = conflict::find_strategy("manual_review");
    conflict::EntityRulebook book;
    book.fields = {{"name", every}, {"email", every}, {"phone", manual}};
    return {{kEntity, book}};
  }

  /// One record that all platforms have; its id on alpha.
  std::string start() {
    std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann","phone":"t1:1","city":"t1:rome"})");
    settle();
    return id;
  }
  std::string id_on(TestPlatform& platform) { return only(platform).first; }
  const Record& record() { return world().store.records().begin()->second; }
  std::string golden(const char* field) {
    const FieldState* state = record().find(FieldName(field));
    return state == nullptr ? "(none)" : state->value.as_string().value_or(state->value.text());
  }

  std::vector<Conflict> open() {
    std::vector<Conflict> found;
    for (const Conflict& conflict : world().store.conflicts()) {
      if (conflict.status == "open") found.push_back(conflict);
    }
    return found;
  }
  const Conflict& only_conflict() {
    EXPECT_EQ(world().store.conflicts().size(), 1U);
    return world().store.conflicts().front();
  }
  static ReviewDecision decision(const Conflict& review, Choice choice) {
    ReviewDecision made;
    made.conflict = review.id;
    made.choice = choice;
    made.by = "olga";
    made.reason = "she says so";
    return made;
  }
  Result<Conflict> decide(Choice choice) {
    EXPECT_EQ(open().size(), 1U);
    return world().decide(decision(open().front(), choice));
  }
  static ErrorCode code_of(const Result<Conflict>& result) {
    return result ? ErrorCode::kInternal : result.error().code;
  }
  /// All platforms and the golden record say so.
  void expect_everywhere(const char* field, const char* value) {
    EXPECT_EQ(record().find_hold(FieldName(field)), nullptr) << field << " waits";
    EXPECT_EQ(golden(field), value);
    for (TestPlatform* platform : {&alpha(), &beta(), &gamma()}) {
      EXPECT_EQ(held(*platform, field), value) << platform->shape().id.str();
    }
  }
  /// It is what waits as the name, and all have it once a person has taken it.
  void expect_proposed(const char* name) {
    ASSERT_EQ(open().size(), 1U);
    EXPECT_EQ(open().front().fields[0].source_value, text(name));
    ASSERT_TRUE(decide(Choice::kSource));
    settle();
    expect_everywhere("name", name);
  }
  bool was_told(TestPlatform& platform, const char* field, std::string_view value) {
    return std::any_of(platform.seen.begin(), platform.seen.end(), [&](const TestPlatform::Seen& seen) {
      const Value* said = seen.data.find(platform.shape().local(field));
      return said != nullptr && *said == text(value);
    });
  }
};

}  // namespace datasync::pipeline
