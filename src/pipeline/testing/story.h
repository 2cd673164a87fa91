#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/random.h"
#include "pipeline/testing/clerk.h"
#include "pipeline/testing/history.h"
#include "pipeline/testing/merger.h"
#include "pipeline/testing/prices.h"
#include "pipeline/testing/reviewer.h"
#include "pipeline/testing/world.h"

namespace datasync::pipeline {

/// One random history: `history.cc` tells it, `story_checks.cc` says what must hold once all is at rest.
class Story {
 public:
  Story(HistoryKind kind, std::uint64_t seed);
  HistoryReport run();

 private:
  struct Edit {
    std::string field;
    Value before;
  };
  struct Slot {
    TenantId tenant;
    std::string email;  // the first; people change it only where `ids` find the copies
    std::map<TestPlatform*, std::string> ids;
    // Calm histories only: what every platform must hold, and what can be taken back of it.
    std::map<std::string, Value> model = {};
    std::map<std::string, std::string> writers = {};  // of fields: the edit that wrote the value last
    std::map<std::string, Edit> edits = {};
    bool alive = false;
  };

  World::Options options();
  [[nodiscard]] conflict::EntityRulebook rulebook(const std::vector<PlatformShape>& platforms);
  [[nodiscard]] conflict::FieldRule some_rule();
  void make_copies();
  void make_records();
  PlatformShape shape_of(std::size_t index);
  double unit() { return dice_->unit(); }
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(dice_->next() % n); }
  bool happens(double share) { return unit() < share; }

  void changed(TestPlatform& platform, const TestPlatform::Told& told);
  void set_clock();
  void fail_or_recover(TestPlatform& platform);
  void act();
  void edit_some_copy();
  void create(Slot& slot, TestPlatform& platform);
  [[nodiscard]] bool may_return(const TestPlatform& platform, const Slot& slot, const std::string& own_id) const;
  void edit(Slot& slot, TestPlatform& platform, const std::string& own_id);
  void set_price(Slot& slot, TestPlatform& platform, const std::string& own_id);
  [[nodiscard]] bool is_golden_price(const Slot& slot, const TestPlatform& platform, const Value& amount) const;
  void note_edit(Slot& slot, const std::string& field, const Value& value);
  [[nodiscard]] bool is_held(const TestPlatform& platform, const TestPlatform::Copy* copy, std::string_view field,
                             const Value& value, Timestamp since) const;
  void remove(Slot& slot, TestPlatform& platform, const std::string& own_id);
  void take_back(Slot& slot);
  Value some_value(const Slot& slot, const std::string& field);
  std::optional<std::string> id_in(TestPlatform& platform, const Slot& slot);

  void come_to_rest();
  void rest();
  void decide_all();
  void merge_all();
  void check();
  void check_events();
  void check_last_words();
  void tell_results() const;
  void check_record(const Record& record);
  void check_copy(const Record& record, std::size_t platform);
  void check_model(const Slot& slot);
  [[nodiscard]] bool is_named(const Record& record, const FieldState& field, const PlatformId& platform) const;
  void complain(const std::string& what) { world_->complain(what); }

  HistoryKind kind_;
  bool is_store_far_;  // not by dice: so that seeds tell the same story as ever
  std::unique_ptr<Random> dice_;
  std::unique_ptr<Random> garbling_, clock_dice_;  // for what came later
  std::unique_ptr<World> world_;
  std::vector<Slot> slots_;
  std::map<TestPlatform*, std::map<std::string, std::size_t>> owners_;  // own id → slot
  microseconds lateness_max_{};
  bool commits_fail_ = false;
  bool has_crashes_ = false;
  bool has_little_room_ = false;
  bool changes_kinds_ = false;
  bool changes_emails_ = false;  // then every slot has one copy everywhere from the beginning, and keeps it
  bool merges_ = false;          // then every slot is a record from the beginning, and people only edit what is there
  bool is_apart_ = false;        // and no platform has two of them at first
  bool takes_back_ = false;
  bool has_prices_ = false;
  bool sets_clock_ = false;  // the service's, for which no platform's time of day means anything then
  bool all_decided_ = true;  // a field that waits for a person is not the same everywhere
  std::unique_ptr<Reviewer> reviewer_;
  std::unique_ptr<Clerk> clerk_;
  std::unique_ptr<Prices> prices_;
  std::unique_ptr<Merger> merger_;
  std::vector<PlatformId> told_only_;  // events name these alone, if any
  std::string last_event_;             // that somebody's act made
  std::map<std::tuple<const Slot*, const TestPlatform*, std::string>, Value> last_words_;  // if nothing is deleted
  std::set<std::string> words_;
  double subset_share_ = 0;
  double duplicate_share_ = 0;
  std::uint64_t counter_ = 0;
  HistoryReport report_;
};

}  // namespace datasync::pipeline
