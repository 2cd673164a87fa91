#include "pipeline/testing/history.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "domain/json.h"
#include "domain/money.h"
#include "pipeline/testing/story.h"

namespace datasync::pipeline {
namespace {

using conflict::SchemaChange;

constexpr std::array<const char*, 5> kNames{"alpha", "beta", "gamma", "delta", "epsilon"};
constexpr std::array<const char*, 3> kFields{"city", "name", "phone"};

}  // namespace

Story::Story(HistoryKind kind, std::uint64_t seed)
    : kind_(kind),
      is_store_far_(seed % 8 == 5),
      dice_(make_seeded_random(seed * 4 + static_cast<std::uint64_t>(kind))),
      garbling_(make_seeded_random(hash64("garbled stories", seed * 8 + static_cast<std::uint64_t>(kind)))),
      clock_dice_(make_seeded_random(hash64("clocks that are set", seed))) {
  world_ = std::make_unique<World>(options());
  for (const auto& platform : world_->platforms) {
    platform->on_change = [this, p = platform.get()](const TestPlatform::Told& told) { changed(*p, told); };
  }
  if (kind_ != HistoryKind::kCalm) reviewer_ = std::make_unique<Reviewer>(*world_, *dice_, commits_fail_);
  if (has_prices_) prices_ = std::make_unique<Prices>(*world_, *dice_, kind_ == HistoryKind::kCalm);
  clerk_ = std::make_unique<Clerk>(*world_, *dice_, commits_fail_);
  clerk_->keeps_records = changes_emails_;
  if (merges_) merger_ = std::make_unique<Merger>(*world_, *dice_, commits_fail_);
  const std::size_t slots = (merges_ ? 2 : 1) + below(has_little_room_ ? 8 : 3);
  for (std::size_t i = 0; i < slots; ++i) {
    slots_.push_back({TenantId(happens(0.2) ? "t2" : "t1"), "s" + std::to_string(i) + "@x", {}});
  }
  if (kind_ == HistoryKind::kCalm) return;
  if (changes_emails_) make_copies();
  if (merges_) make_records();
  duplicate_share_ = 0.1;
  subset_share_ = !merges_ && happens(0.2) ? 0.3 : 0;
  const double bad = happens(0.3) ? 0 : 0.15 * unit();
  const double garbled = garbling_->unit() < 0.5 ? 0 : 0.1 * garbling_->unit();
  world_->network.weather = {bad, bad, bad, bad, bad, bad, milliseconds{happens(0.5) ? 50 : 5'000}, garbled};
}

World::Options Story::options() {
  World::Options options;
  options.seed = dice_->next();
  options.is_store_far = is_store_far_;
  commits_fail_ = kind_ == HistoryKind::kStoreFails || (kind_ == HistoryKind::kCrashes && happens(0.5));
  has_crashes_ = kind_ == HistoryKind::kCrashes;
  has_little_room_ = kind_ == HistoryKind::kLittleRoom;
  if (kind_ == HistoryKind::kReviews) {
    // Only one of them: with outages and many crashes all attempts are over in no time, and a request that is late
    // comes after its event was given up.
    const double trouble = unit();
    commits_fail_ = trouble < 0.2;
    has_crashes_ = trouble >= 0.2 && trouble < 0.5;
    has_little_room_ = trouble >= 0.5 && trouble < 0.65;
    changes_emails_ = happens(0.4);
  }
  takes_back_ = happens(0.4);
  merges_ = kind_ != HistoryKind::kCalm && !changes_emails_ && happens(0.2);
  is_apart_ = merges_ && happens(0.6);
  sets_clock_ = kind_ == HistoryKind::kWild && clock_dice_->unit() < 0.15;
  has_prices_ = happens(0.3) && !sets_clock_;  // what they are worth is told by the time
  const std::size_t platforms = 2 + below(4);
  lateness_max_ = kind_ == HistoryKind::kCalm ? microseconds{1'000} : (happens(0.5) ? seconds{1} : seconds{30});
  for (std::size_t i = 0; i < platforms; ++i) options.platforms.push_back(shape_of(i));
  options.engine.window_events_max = happens(0.3) ? 2 : 100;
  options.engine.records_cached = happens(0.5) ? 1 : 100;
  if (has_little_room_) options.engine.events_in_memory_max = 1 + below(12);
  changes_kinds_ = kind_ != HistoryKind::kCalm && happens(0.3);
  if (kind_ == HistoryKind::kReviews || happens(0.6)) options.rules[kEntity] = rulebook(options.platforms);
  return options;
}

conflict::EntityRulebook Story::rulebook(const std::vector<PlatformShape>& platforms) {
  conflict::EntityRulebook book;
  for (auto shape = platforms.rbegin(); shape != platforms.rend(); ++shape) book.priority.push_back(shape->id);
  if (kind_ != HistoryKind::kCalm && happens(0.4)) book.fields["_deleted"] = some_rule();
  if (happens(0.5)) book.schema_change = happens(0.5) ? SchemaChange::kAllowed : SchemaChange::kStrategy;
  changes_kinds_ = kind_ == HistoryKind::kCalm ? book.schema_change == SchemaChange::kAllowed : happens(0.4);
  if (kind_ != HistoryKind::kReviews) {
    const char* strategy = happens(0.5) ? "merge_smart" : "source_wins";
    for (const char* field : kFields) book.fields[field] = {conflict::find_strategy(strategy), true, {}, {}};
    book.fields[kPrice] = book.fields[kFields[0]];
    return book;
  }
  for (const char* field : kFields) book.fields[field] = some_rule();
  if (has_prices_) book.fields[kPrice] = some_rule();
  if (changes_emails_) book.fields["email"] = some_rule();
  if (happens(0.2)) book.expiry = {std::chrono::hours{below(2)}, happens(0.5)};
  return book;
}

conflict::FieldRule Story::some_rule() {
  const char* strategy = happens(0.4) ? "manual_review" : happens(0.5) ? "latest_wins" : "source_wins";
  conflict::FieldRule rule{conflict::find_strategy(strategy), happens(0.5), {}, {}};
  if (!happens(0.4)) return rule;
  rule.review = conflict::ReviewRule{};
  constexpr std::chrono::hours kLong{24 * 5};  // retries end before
  if (happens(0.4)) rule.review->verification = {PlatformId(kNames[0]), kLong, happens(0.5)};
  return rule;
}

/// Each slot is created once and told to all, before anything goes wrong.
void Story::make_copies() {
  for (Slot& slot : slots_) {
    create(slot, world_->platform(below(world_->platforms.size())));
    if (!world_->run_until_quiet()) return;
    for (const auto& platform : world_->platforms) {
      const auto own_id = platform->holder_of_email(slot.tenant, kEntity, Value::string(slot.email));
      if (!own_id) return complain(platform->shape().id.str() + " never got " + slot.email);
      slot.ids[platform.get()] = *own_id;
    }
  }
}

/// Each slot becomes a record, before anything goes wrong: with copies everywhere or, where they are apart, on every
/// other platform.
void Story::make_records() {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    std::vector<TestPlatform*> homes;
    for (std::size_t p = 0; p < world_->platforms.size(); ++p) {
      if (!is_apart_ || (p + i) % 2 == 0) homes.push_back(&world_->platform(p));
    }
    if (is_apart_) {
      for (const TestPlatform* home : homes) told_only_.push_back(home->shape().id);
    }
    create(slots_[i], *homes[below(homes.size())]);
    told_only_.clear();
    if (!world_->run_until_quiet()) return;
  }
}

/// Who sends late must say something that tells when: else nobody can know whether it came before or after.
PlatformShape Story::shape_of(std::size_t index) {
  PlatformShape shape;
  shape.id = PlatformId(kNames[index]);
  shape.renames = happens(0.5);
  shape.sends_whole = happens(0.4);
  shape.is_known_whole = shape.sends_whole && shape.renames && kind_ != HistoryKind::kCalm && happens(0.5);
  // While the outcome of a create is unknown we do not know the id that it made: an event that names only that id would
  // be taken for one about another record.
  shape.sends_email = true;
  shape.sends_echoes = happens(0.4);
  shape.bulk = happens(0.3);
  // The first may be a notifier, whose messages have none.
  shape.id_required = kind_ != HistoryKind::kCalm && index > 0 && garbling_->unit() < 0.3;
  // After a failed transaction the engine asks again while the first request may still be on its way.
  shape.honours_keys = happens(0.7) || commits_fail_;
  shape.sends_version = happens(0.3);
  if (has_prices_) shape.currency = Prices::some_currency(*dice_, index > 0);
  // An accept that fails makes any event late.
  const bool always_late = commits_fail_ || has_crashes_ || has_little_room_;
  shape.sends_base = happens(0.5);
  shape.sends_occurred = (always_late || happens(0.5)) && !sets_clock_;
  // Carried out twice, a delivery overwrites what was written after the first time, by one who had seen it.
  if (shape.sends_base && !shape.sends_occurred) shape.honours_keys = true;
  if (shape.sends_occurred && kind_ != HistoryKind::kCalm) {
    shape.clock_skew = milliseconds{static_cast<std::int64_t>(below(1'000)) - 500};
  }
  return shape;
}

/// Something happened on a platform: it tells us, sooner or later, once or twice.
void Story::changed(TestPlatform& platform, const TestPlatform::Told& told) {
  auto event = world_->event_of(platform, told);
  world_->trace(platform.shape().id.str() + " changed " + told.own_id + " " + event->type + " " +
                event->data.to_json());
  if (happens(0.8)) event->id = EventId("e" + std::to_string(++counter_));
  last_event_ = event->id.str();
  event->wire_priority = static_cast<int>(1 + below(10));
  if (platform.shape().is_known_whole && told.verb == Verb::kUpdated && happens(0.2)) {
    const std::string lost = platform.shape().local(kFields[below(kFields.size())]);
    if (std::find(told.changed.begin(), told.changed.end(), lost) == told.changed.end()) (void)event->data.take(lost);
  }
  if (!told_only_.empty()) event->targets = told_only_;
  if (happens(subset_share_)) event->targets.resize(1 + below(event->targets.size()));
  // What waits for a person, or stays as it was by his decision, leaves the record's version as it is. What a platform
  // is then told again has the number of before, by which nobody can tell whether it wrote before it or after.
  const bool is_told_by_number = event->base_version && kind_ != HistoryKind::kReviews;
  const bool may_be_late = is_told_by_number || event->occurred_at;
  const microseconds late{may_be_late && happens(0.6)
                              ? static_cast<std::int64_t>(below(static_cast<std::size_t>(lateness_max_.count())))
                              : 0};
  if (!event->id.empty() && happens(duplicate_share_)) world_->send_again(event, late + seconds{60});
  world_->send(std::move(event), late);
}

HistoryReport Story::run() {
  const std::size_t actions = 3 + below(kind_ == HistoryKind::kCalm ? 8 : has_little_room_ ? 60 : 25);
  if (has_crashes_) world_->crash_share = 0.03;
  if (has_little_room_ && happens(0.5)) world_->crash_share = 0.01;
  if (commits_fail_) {
    const double share = kind_ == HistoryKind::kCrashes ? 0.01 : 0.08;
    world_->store.on_commit = [this, share] {
      if (!happens(share)) return MemoryStore::Fault::kNone;
      return happens(0.5) ? MemoryStore::Fault::kNothingWritten : MemoryStore::Fault::kAnswerLost;
    };
    if (kind_ == HistoryKind::kStoreFails) world_->store.on_read_fails = [this] { return happens(0.01); };
  }
  if (is_apart_ && happens(0.5)) merger_->act();
  for (std::size_t i = 0; i < actions && world_->broken().empty(); ++i) {
    if (prices_ && happens(0.15)) prices_->move_rates();
    if (has_little_room_ && happens(0.15)) fail_or_recover(world_->platform(below(world_->platforms.size())));
    act();
    if (kind_ == HistoryKind::kCalm) {
      if (world_->run_until_quiet()) check();
      world_->run_for(
          seconds{3});  // who writes sooner after a delivery, by clocks that differ, may be told his own value
    } else {
      static constexpr std::array<int, 5> kPauses{0, 5, 200, 3'000, 40'000};
      world_->run_for(milliseconds{kPauses[below(kPauses.size())]} + microseconds{1});
      if (happens(0.03)) (void)world_->redrive_all();
      if (reviewer_ && happens(0.2)) reviewer_->decide_any();
      if (takes_back_ && happens(0.15)) clerk_->undo_any();
      if (merger_ && happens(0.2)) merger_->act();
      if (sets_clock_ && clock_dice_->unit() < 0.15) set_clock();
      report_.set_aside += world_->snapshot().set_aside;
    }
  }
  come_to_rest();
  if (world_->broken().empty()) check();
  report_.broken = world_->broken();
  if (!report_.broken.empty()) tell_results();
  report_.events = world_->store.events().size();
  for (const auto& platform : world_->platforms) {
    report_.requests += platform->requests;
    report_.reworded += platform->reworded;
  }
  report_.conflicts = world_->store.conflicts().size();
  report_.garbled = world_->network.garbled;
  report_.crashes = world_->crashes;
  report_.refused = world_->refused;
  if (reviewer_) report_.decided = reviewer_->decided;
  report_.undone = clerk_->undone;
  if (merger_) report_.merged = merger_->merged;
  if (merger_) report_.parted = merger_->parted;
  return report_;
}

/// By hours or by seconds, forth or back.
void Story::set_clock() {
  const microseconds most = clock_dice_->unit() < 0.5 ? microseconds{std::chrono::hours{3}} : microseconds{seconds{30}};
  const auto by =
      microseconds{static_cast<std::int64_t>((2 * clock_dice_->unit() - 1) * static_cast<double>(most.count()))};
  world_->trace("the clock is set by " + std::to_string(by.count()) + " us");
  world_->clock.step(by);
}

/// For long, so that much waits for it.
void Story::fail_or_recover(TestPlatform& platform) {
  if (platform.refuse) {
    platform.refuse = nullptr;
  } else {
    platform.refuse = [](const std::string&) { return 503; };
  }
}

void Story::act() {
  if (merges_) return edit_some_copy();
  Slot& slot = slots_[below(slots_.size())];
  TestPlatform& platform = world_->platform(below(world_->platforms.size()));
  const auto own_id = id_in(platform, slot);
  if (kind_ == HistoryKind::kCalm && takes_back_ && happens(0.2)) return take_back(slot);
  if (kind_ == HistoryKind::kCalm && slot.alive && !own_id) return;  // can't be: `check_model` has said so
  if (!own_id) {
    create(slot, platform);
  } else if (!changes_emails_ && happens(0.08)) {
    remove(slot, platform, *own_id);
  } else {
    edit(slot, platform, *own_id);
  }
}

void Story::edit_some_copy() {
  Slot& slot = slots_[below(slots_.size())];
  TestPlatform& platform = world_->platform(below(world_->platforms.size()));
  const auto& copies = platform.copies(slot.tenant, kEntity);
  if (copies.empty()) return;
  const std::string own_id = std::next(copies.begin(), static_cast<std::ptrdiff_t>(below(copies.size())))->first;
  edit(slot, platform, own_id);
}

void Story::create(Slot& slot, TestPlatform& platform) {
  Fields data;
  data.set("email", Value::string(slot.email));
  for (const char* field : kFields) {
    if (happens(0.6)) data.set(field, some_value(slot, field));
  }
  if (prices_ && happens(0.6)) {
    for (const Field& field : prices_->some_price(platform, nullptr)) data.set(field.name, field.value);
  }
  // A record that comes back does so under its old id, or under a new one.
  std::string own_id;
  for (const auto& [id, index] : owners_[&platform]) {
    if (&slots_[index] == &slot && happens(0.5) && may_return(platform, slot, id)) own_id = id;
  }
  own_id = platform.create(slot.tenant, kEntity, data, own_id);
  owners_[&platform][own_id] = static_cast<std::size_t>(&slot - slots_.data());
  if (kind_ != HistoryKind::kCalm) return;
  slot.alive = true;
  slot.edits.clear();
  for (const Field& field : data) {
    if (field.name != "currency")
      slot.model[field.name] = field.name == kPrice ? Prices::canonical(platform, data) : field.value;
  }
}

/// Of a new copy there is no base version to name. Who has no other way to say when it happened must not take an old
/// id again before all is told that happened under it: it would tell too late, and nobody could know.
bool Story::may_return(const TestPlatform& platform, const Slot& slot, const std::string& own_id) const {
  return platform.shape().sends_occurred || !world_->must_wait(slot.tenant, platform.shape().id, own_id);
}

void Story::edit(Slot& slot, TestPlatform& platform, const std::string& own_id) {
  if (prices_ && happens(0.25)) return set_price(slot, platform, own_id);
  const std::string field = changes_emails_ && happens(0.3) ? "email" : kFields[below(kFields.size())];
  const Value value = some_value(slot, field);
  platform.edit(slot.tenant, kEntity, own_id, field, value);
  note_edit(slot, field, value);
  if (!changes_emails_) return;
  // What was said before may be taken for a late echo of that.
  const bool is_new = words_.insert(field + value.text()).second;
  last_words_.erase({&slot, &platform, field});
  if (is_new) last_words_.emplace(std::tuple(&slot, &platform, field), value);
}

void Story::set_price(Slot& slot, TestPlatform& platform, const std::string& own_id) {
  const TestPlatform::Copy* copy = platform.find(slot.tenant, kEntity, own_id);
  const Fields price = prices_->some_price(platform, copy);
  const Value amount = Prices::canonical(platform, price);
  const bool is_news =
      copy == nullptr || (Prices::amount_on(platform, *copy) != amount && !is_golden_price(slot, platform, amount));
  platform.edit(slot.tenant, kEntity, own_id, price);
  if (is_news) note_edit(slot, kPrice, amount);
}

/// What the golden amount is worth today says nothing new either, where the platform is told no more than that.
bool Story::is_golden_price(const Slot& slot, const TestPlatform& platform, const Value& amount) const {
  if (platform.shape().currency.empty()) return false;  // it keeps amounts as they were written
  const auto golden = slot.model.find(kPrice);
  const auto money = golden == slot.model.end() ? std::nullopt : Money::from_value(golden->second);
  if (!money) return false;
  const auto worth = world_->mapper().worth_in(*money, Money::from_value(amount)->currency());
  return worth && worth->to_value() == amount;
}

void Story::note_edit(Slot& slot, const std::string& field, const Value& value) {
  if (kind_ != HistoryKind::kCalm) return;
  Value& model = slot.model[field];
  if (model != value && !last_event_.empty()) slot.edits[last_event_] = {field, model};
  if (model != value) slot.writers[field] = last_event_;
  model = value;
}

void Story::remove(Slot& slot, TestPlatform& platform, const std::string& own_id) {
  platform.remove(slot.tenant, kEntity, own_id);
  slot.alive = false;
}

/// Only an edit, and one whose value is still there, can be taken back without more.
void Story::take_back(Slot& slot) {
  if (slot.edits.empty()) return;
  const auto& [id, edit] = *std::next(slot.edits.begin(), static_cast<std::ptrdiff_t>(below(slot.edits.size())));
  const storage::StoredEvent* event = world_->store.find(id);
  if (event == nullptr) return complain(id + " was never heard of");
  std::string& writer = slot.writers[edit.field];
  const bool is_there = slot.alive && writer == id;
  if (clerk_->undo(storage::StoredEvent(*event)) != is_there) {
    complain(id + (is_there ? " could not be taken back" : " was taken back, though its value was there no more"));
  }
  if (!is_there) return;
  slot.model[edit.field] = edit.before;
  writer.clear();
}

/// Few different values, so that changes back and forth and to the same value are common.
Value Story::some_value(const Slot& slot, const std::string& field) {
  const std::size_t n = happens(0.5) ? below(3) : 100 + ++counter_;
  if (field == "email") return Value::string(std::to_string(n) + slot.email);
  if (changes_kinds_ && happens(0.1)) return Value::integer(static_cast<std::int64_t>(n));
  // Sets and lines, which merge; few of them, so that the same ones come again.
  std::vector<std::size_t> parts;
  for (std::size_t i = 0; i < 5; ++i) {
    if (happens(0.5)) parts.push_back(i);
  }
  if (n > 99) parts.push_back(n);
  if (field == "phone") return Value::from_canonical(fmt::format("[{}]", fmt::join(parts, ",")));
  return Value::string(fmt::format("{}:{}\n{}", slot.tenant.str(), field, fmt::join(parts, "\n")));
}

std::optional<std::string> Story::id_in(TestPlatform& platform, const Slot& slot) {
  if (const auto at = slot.ids.find(&platform); at != slot.ids.end()) return at->second;
  return platform.holder_of_email(slot.tenant, kEntity, Value::string(slot.email));
}

/// The storm is over: what is under way comes to its end, what is dead is tried again.
void Story::come_to_rest() {
  world_->network.weather = {};
  for (const auto& platform : world_->platforms) platform->refuse = nullptr;
  world_->crash_share = 0;
  world_->store.on_commit = nullptr;
  world_->store.on_read_fails = nullptr;
  rest();
  if (merger_) return merge_all();
  if (reviewer_) decide_all();
}

/// With fields that still wait all else must be well already.
void Story::decide_all() {
  constexpr int kRoundsMax = 20;  // a decision may come to platforms that have changed the field once more
  for (int round = 0; world_->broken().empty(); ++round) {
    all_decided_ = false;
    check();
    all_decided_ = true;
    if (round > kRoundsMax) complain("there is always something to decide");
    bool any = false;
    while (world_->broken().empty() && reviewer_->decide_any()) any = true;
    if (!any) return;
    rest();
  }
}

/// What is told of two records with one address ends as dead letters: people make one of them.
void Story::merge_all() {
  constexpr int kRoundsMax = 30;
  for (int round = 0; world_->broken().empty(); ++round) {
    if (round > kRoundsMax) return complain("there is always something to decide or to merge");
    bool any = false;
    while (world_->broken().empty() && reviewer_->decide_any()) any = true;
    if (any) rest();
    if (!any && !merger_->merge_alike()) return;
    rest();
  }
}

void Story::rest() {
  if (!world_->broken().empty() || !world_->run_until_quiet()) return;
  report_.dead = 0;
  for (const auto& [sequence, stored] : world_->store.events())
    report_.dead += stored.state.status == EventStatus::kFailed;
  if (report_.dead == 0) return;
  (void)world_->redrive_all();
  world_->run_until_quiet();
}

HistoryReport run_history(HistoryKind kind, std::uint64_t seed) {
  return Story(kind, seed).run();
}

}  // namespace datasync::pipeline
