// Random histories of two records that are merged and parted again, while platforms change their copies, requests get
// lost and the process ends: at quiet every copy holds what its record says, and nothing has failed.

#include <iterator>

#include "base/random.h"
#include "pipeline/holdings.h"
#include "pipeline/testing/engine_fixture.h"

namespace datasync::pipeline {
namespace {

constexpr std::uint64_t kSeeds = 400;
constexpr std::array<const char*, 3> kFields{"city", "name", "phone"};

class MergeHistories : public EngineTest {
 protected:
  void begin_story(std::uint64_t seed) {
    dice_ = make_seeded_random(seed);
    story_.clear();
    events_ = values_ = 0;
    is_merged_ = false;
    shapes_ = {shape("alpha"), shape("beta", true), shape("gamma")};
    // Neither the canonical id nor the address: an event that was made before a split would say whose copy it was then.
    for (PlatformShape& each : shapes_) {
      each.sends_base = happens(0.5);
      each.sends_occurred = happens(0.3);
      each.sends_version = happens(0.3);
    }
    begin_with({});
    create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
    if (happens(0.5)) last_->targets = {PlatformId("gamma")};
    settle();
    create(beta(), R"({"email":"b@x","name":"t1:beth","phone":"t1:7"})");
    settle();
    keep_ = world().record_of(0, "alpha-1")->id;
    other_ = world().record_of(1, only_id_of("b@x"))->id;
  }

  void play() {
    for (std::size_t left = 4 + below(14); left > 0; --left) {
      const double what = dice_->unit();
      if (what < 0.5) {
        edit_any();
      } else if (what < 0.8) {
        merge_or_split();
      } else if (what < 0.9) {
        story_ += "the process ends\n";
        world().crash();
      } else {
        story_ += "a request is lost\n";
        world().network.script = {happens(0.5) ? "lost_after" : "503"};
      }
    }
    settle();
  }

  void expect_all_agree() {
    EXPECT_TRUE(world().broken().empty()) << testing::PrintToString(world().broken());
    EXPECT_EQ(world().snapshot().unfinished, 0U);
    for (const auto& [sequence, stored] : world().store.events()) {
      EXPECT_NE(stored.state.status, EventStatus::kFailed) << stored.event->id.str() << ' ' << stored.state.message;
    }
    for (const auto& [key, record] : world().store.records()) {
      if (record.merged_into) continue;
      for (const Knowledge& known : record.knowledge) {
        if (holds_record(record, known.platform)) expect_agrees(record, known);
      }
    }
  }

  std::string story_;

 private:
  bool happens(double share) { return dice_->unit() < share; }
  std::size_t below(std::size_t count) { return dice_->next() % count; }

  std::string only_id_of(std::string_view email) {
    return beta().holder_of_email(kTenant, kEntity, text(email)).value_or("");
  }

  /// Of copies whose ids are known: what another one says makes a record of its own.
  void edit_any() {
    const std::size_t index = below(3);
    TestPlatform& platform = world().platform(index);
    const auto& copies = platform.copies(kTenant, kEntity);
    if (copies.empty()) return;
    const std::string id = std::next(copies.begin(), static_cast<std::ptrdiff_t>(below(copies.size())))->first;
    if (world().record_of(index, id) == nullptr) return;
    const char* field = kFields[below(kFields.size())];
    const std::string value = "t1:" + std::to_string(++values_);
    story_ += platform.shape().id.str() + " sets " + field + " of " + id + " to " + value + "\n";
    edit(platform, id, field, value);
    if (happens(0.5)) world().run_for(milliseconds{happens(0.3) ? 2 : 300});
    if (happens(0.3)) settle();
  }

  void merge_or_split() {
    if (happens(0.5)) settle();
    if (!is_merged_ && happens(0.5)) std::swap(keep_, other_);
    MergeRequest request;
    request.kind = is_merged_ ? MergeRequest::Kind::kSplit : MergeRequest::Kind::kMerge;
    request.tenant = kTenant;
    request.entity = kEntity;
    request.keep = keep_;
    request.other = other_;
    request.by = "mira";
    request.reason = "dice";
    if (!is_merged_ && happens(0.5)) request.take = {FieldName("name")};
    const auto done = world().merge(std::move(request));
    story_ += std::string(is_merged_ ? "split" : "merge") + (done ? "\n" : ", refused: " + done.error().message + "\n");
    if (done) {
      is_merged_ = !is_merged_;
    } else {
      EXPECT_EQ(done.error().code, ErrorCode::kConflict) << done.error().message;
    }
  }

  void expect_agrees(const Record& record, const Knowledge& known) {
    const auto platform = std::find_if(world().platforms.begin(), world().platforms.end(),
                                       [&known](const auto& one) { return one->shape().id == known.platform; });
    const std::string id(known.own_id());
    const TestPlatform::Copy* copy = (*platform)->find(kTenant, kEntity, id);
    ASSERT_NE(copy, nullptr) << id << " is no copy";
    for (const FieldState& field : record.fields) {
      if (field.name == kDeletedField) continue;
      const Value* held = copy->data.find((*platform)->shape().local(field.name.str()));
      EXPECT_EQ(held == nullptr ? Value() : *held, field.value) << id << ' ' << field.name.str();
    }
  }

  std::unique_ptr<Random> dice_;
  EntityId keep_, other_;
  bool is_merged_ = false;
  int values_ = 0;
};

TEST_F(MergeHistories, EndWithEveryCopyAsItsRecordSays) {
  for (std::uint64_t seed = 1; seed <= kSeeds && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    begin_story(seed);
    play();
    expect_all_agree();
    if (HasFailure()) ADD_FAILURE() << story_;
  }
}

}  // namespace
}  // namespace datasync::pipeline
