#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "domain/json.h"
#include "pipeline/engine.h"
#include "pipeline/testing/world.h"

// The whole pipeline on one thread: real accept, reconcile, deliver, mapper and connector; a store, a network and
// platforms in memory. One promise per test; `histories_test.cc` tries them all at once. Only *_test.cc include it.

namespace datasync::pipeline {

inline PlatformShape shape(const char* id, bool renames = false) {
  PlatformShape made;
  made.id = PlatformId(id);
  made.renames = renames;
  return made;
}

inline Fields object(std::string_view json) {
  return parse_json_object(json).value();
}
inline Value text(std::string_view value) {
  return Value::string(value);
}

class EngineTest : public testing::Test {
 protected:
  EngineTest() { begin({}); }

  void begin(EngineOptions options, bool bulk = false,
             std::map<std::string, conflict::EntityRulebook, std::less<>> rules = {}) {
    shapes_ = {shape("alpha"), shape("beta", true), shape("gamma")};
    shapes_[1].bulk = bulk;
    begin_with(std::move(options), std::move(rules));
  }

  /// With `shapes_` as they are.
  void begin_with(EngineOptions options, std::map<std::string, conflict::EntityRulebook, std::less<>> rules = {}) {
    world_ = std::make_unique<World>(World::Options{7, shapes_, std::move(options), std::move(rules)});
    for (const auto& platform : world_->platforms) {
      platform->on_change = [this, p = platform.get()](const TestPlatform::Told& told) {
        last_ = world_->event_of(*p, told);
        if (last_id_.empty()) last_id_ = "e" + std::to_string(++events_);
        last_->id = EventId(std::exchange(last_id_, {}));
        if (sends_) world_->send(last_);
      };
    }
  }

  World& world() { return *world_; }
  TestPlatform& alpha() { return world_->platform(0); }
  TestPlatform& beta() { return world_->platform(1); }
  TestPlatform& gamma() { return world_->platform(2); }

  std::string create(TestPlatform& platform, std::string_view json) {
    return platform.create(kTenant, kEntity, object(json));
  }
  void edit(TestPlatform& platform, const std::string& id, std::string_view field, std::string_view value) {
    platform.edit(kTenant, kEntity, id, field, text(value));
  }
  void remove(TestPlatform& platform, const std::string& id) { platform.remove(kTenant, kEntity, id); }
  /// What just happened, as an event that has yet to be sent: its time is told.
  std::shared_ptr<Event> held_back() {
    last_->occurred_at = world_->clock.true_now();
    return last_;
  }
  void settle() { ASSERT_TRUE(world_->run_until_quiet()) << testing::PrintToString(world_->broken()); }

  /// The one copy that a platform has, and its id.
  std::pair<std::string, TestPlatform::Copy> only(TestPlatform& platform) {
    const auto& copies = platform.copies(kTenant, kEntity);
    EXPECT_EQ(copies.size(), 1U) << platform.shape().id.str();
    if (copies.empty()) return {};
    return {copies.begin()->first, copies.begin()->second};
  }
  std::string held(TestPlatform& platform, std::string_view field) {
    const auto copy = only(platform).second;
    const Value* value = copy.data.find(platform.shape().local(field));
    return value == nullptr ? "(none)" : value->as_string().value_or(value->text());
  }
  EventStatus status(const std::string& id) {
    const EventState* state = world_->state_of(id);
    return state == nullptr ? EventStatus::kProcessing : state->status;
  }
  const DeliveryResult& result(const std::string& id, const char* target) {
    static const DeliveryResult none;
    for (const DeliveryResult& result : world_->state_of(id)->results) {
      if (result.target.str() == target) return result;
    }
    ADD_FAILURE() << id << " has no result for " << target;
    return none;
  }

  std::vector<PlatformShape> shapes_;
  std::unique_ptr<World> world_;
  std::shared_ptr<Event> last_;
  std::string last_id_;
  int events_ = 0;
  bool sends_ = true;
};

}  // namespace datasync::pipeline
