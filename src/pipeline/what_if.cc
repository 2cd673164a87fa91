#include "pipeline/what_if.h"

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include <algorithm>
#include <utility>

#include "pipeline/identity.h"
#include "pipeline/past.h"
#include "pipeline/replay.h"

namespace datasync::pipeline {
namespace {

constexpr std::int64_t kPage = 500;             // events that are read and committed together
constexpr std::size_t kContentsMax = 20'000;    // deliveries whose content is kept to tell what differs
constexpr std::size_t kFieldsMax = 8;           // of an example
constexpr std::int64_t kProgressEvery = 2'000;  // events

/// The last event that is older than `since`; events are stored in the order in which they were accepted.
Result<Sequence> last_before(storage::Reader& reader, Timestamp since, Sequence last) {
  std::int64_t low = 0, high = last.value;  // the answer is not below, not above
  while (low < high) {
    const std::int64_t middle = low + (high - low + 1) / 2;
    const auto next = reader.events_after({}, {middle - 1}, 1);
    if (!next) return fail(next.error());
    const bool is_older = !next->empty() && next->front().event->created_at < since;
    if (is_older) {
      low = std::max(middle, next->front().event->sequence.value);
    } else {
      high = middle - 1;
    }
  }
  return Sequence{std::min(low, last.value)};
}

WhatIf::Example::Difference difference_of(const std::string& field, const Value* now, const Value* proposed) {
  const auto copy = [](const Value* value) { return value == nullptr ? std::nullopt : std::optional(*value); };
  return {field, copy(now), copy(proposed)};
}

/// What a target would have been told, without the context that goes along.
struct Said {
  std::uint64_t hash = 0;
  bool has_content = false;
  TenantId tenant;
  std::string entity;
  EntityId id;
  Fields data;
};

Said said_of(const delivery::Change& change, bool with_content) {
  Said said;
  said.tenant = change.tenant;
  said.entity = change.entity;
  said.id = change.entity_id;
  Fields data;
  for (const Field& field : change.data) {
    if (!field.name.starts_with('_')) data.set(field.name, field.value);
  }
  said.hash = hash64(std::string(to_string(change.verb)) + data.to_json());
  said.has_content = with_content;
  if (with_content) said.data = std::move(data);
  return said;
}

/// Holds what one side sends against what the other one does, as soon as both have.
class Deliveries {
 public:
  Deliveries(WhatIf& found, std::size_t examples_max) : found_(found), examples_max_(examples_max) {}

  void sent(bool proposed, Sequence event, const delivery::Change& change) {
    ++(proposed ? found_.proposed : found_.now).deliveries;
    const Key key{event, change.target};
    auto& other = open_[proposed ? 0 : 1];
    if (const auto at = other.find(key); at != other.end()) {
      const Said said = said_of(change, at->second.has_content);
      if (said.hash != at->second.hash) {
        proposed ? note(key, &at->second, &said) : note(key, &said, &at->second);
      }
      contents_ -= at->second.has_content ? 1 : 0;
      other.erase(at);
      return;
    }
    // One event is said to a target once: what comes again says more of the same.
    auto& mine = open_[proposed ? 1 : 0];
    Said said = said_of(change, contents_ < kContentsMax);
    contents_ += said.has_content ? 1 : 0;
    mine.insert_or_assign(key, std::move(said));
  }

  /// What was sent on one side alone.
  void finish() {
    for (const bool proposed : {false, true}) {
      std::vector<std::pair<Key, const Said*>> left;
      for (const auto& [key, said] : open_[proposed ? 1 : 0]) left.emplace_back(key, &said);
      std::sort(left.begin(), left.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
      for (const auto& [key, said] : left) proposed ? note(key, nullptr, said) : note(key, said, nullptr);
    }
  }

 private:
  struct Key {
    Sequence event;
    PlatformId target;
    bool operator==(const Key&) const = default;
    bool operator<(const Key& other) const {
      return event != other.event ? event < other.event : target.str() < other.target.str();
    }
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept {
      return std::hash<Sequence>{}(key.event) * 31 + std::hash<PlatformId>{}(key.target);
    }
  };

  void note(const Key& key, const Said* now, const Said* proposed) {
    const Said& either = now == nullptr ? *proposed : *now;
    ++found_.deliveries_differ;
    ++found_.by_platform[key.target.str()];
    static const Fields kNothing;
    const Fields& before = now == nullptr ? kNothing : now->data;
    const Fields& after = proposed == nullptr ? kNothing : proposed->data;
    WhatIf::Example example{either.tenant, either.entity, either.id, key.target, {}};
    const auto add = [&](const std::string& field, const Value* was, const Value* is) {
      ++found_.by_sent[key.target.str() + " " + either.entity + "." + field];
      if (example.fields.size() < kFieldsMax) example.fields.push_back(difference_of(field, was, is));
    };
    for (const Field& field : before) {
      const Value* then = after.find(field.name);
      if (then == nullptr || *then != field.value) add(field.name, &field.value, then);
    }
    for (const Field& field : after) {
      if (!before.contains(field.name)) add(field.name, nullptr, &field.value);
    }
    if (found_.delivery_examples.size() < examples_max_) found_.delivery_examples.push_back(std::move(example));
  }

  WhatIf& found_;
  std::size_t examples_max_;
  std::size_t contents_ = 0;
  boost::unordered_flat_map<Key, Said, KeyHash> open_[2];  // now, proposed: what the other side has not sent yet
};

/// The records that differ at this moment. An event touches one on each side, so only those need to be looked at.
class Records {
 public:
  void touched(const Record* now, const Record* proposed) {
    for (const Record* one : {now, proposed}) {
      if (one != nullptr) known_.insert(hash_of(*one));
    }
    if (now != nullptr && proposed != nullptr && now->id != proposed->id) {
      // Each side has found another record for it: both are held against what the other side has of them.
      compare(*now, nullptr);
      compare(*proposed, nullptr);
      return;
    }
    if (const Record* either = now == nullptr ? proposed : now) {
      now == nullptr || proposed == nullptr ? compare(*either, nullptr) : compare(*now, proposed);
    }
  }

  [[nodiscard]] std::int64_t count() const noexcept { return static_cast<std::int64_t>(known_.size()); }

  Result<void> finish(Replay& now, Replay& proposed, std::size_t examples_max, WhatIf& found) {
    std::vector<const Suspect*> suspects;
    for (const auto& [hash, suspect] : suspects_) suspects.push_back(&suspect);
    std::sort(suspects.begin(), suspects.end(), [](const Suspect* a, const Suspect* b) { return a->at < b->at; });
    for (const Suspect* suspect : suspects) {
      const auto before = now.find(suspect->tenant, suspect->entity, suspect->id);
      if (!before) return fail(before.error());
      const auto after = proposed.find(suspect->tenant, suspect->entity, suspect->id);
      if (!after) return fail(after.error());
      note(*suspect, *before, *after, examples_max, found);
    }
    return {};
  }

 private:
  struct Suspect {
    std::int64_t at = 0;  // in which order they were found
    TenantId tenant;
    std::string entity;
    EntityId id;
  };

  static Hash128 hash_of(const Record& record) {
    return identity_of_canonical(record.tenant, record.entity, record.id.str());
  }

  static bool are_equal(const Record& now, const Record& proposed) {
    const auto same = [](const FieldState& a, const FieldState& b) { return a.name == b.name && a.value == b.value; };
    return std::equal(now.fields.begin(), now.fields.end(), proposed.fields.begin(), proposed.fields.end(), same);
  }

  void compare(const Record& now, const Record* proposed) {
    const Hash128 hash = hash_of(now);
    if (proposed != nullptr && are_equal(now, *proposed)) {
      suspects_.erase(hash);
    } else {
      suspects_.try_emplace(hash, Suspect{++found_, now.tenant, now.entity, now.id});
    }
  }

  static void note(const Suspect& suspect, const Record* now, const Record* proposed, std::size_t examples_max,
                   WhatIf& found) {
    std::map<std::string, std::pair<const Value*, const Value*>> fields;
    for (const Record* record : {now, proposed}) {
      if (record == nullptr) continue;
      for (const FieldState& field : record->fields) {
        auto& both = fields[field.name.str()];
        (record == now ? both.first : both.second) = &field.value;
      }
    }
    WhatIf::Example example{suspect.tenant, suspect.entity, suspect.id, {}, {}};
    bool differs = false;
    for (const auto& [field, both] : fields) {
      const auto [before, after] = both;
      if (before != nullptr && after != nullptr && *before == *after) continue;
      differs = true;
      ++found.by_field[suspect.entity + "." + field];
      if (example.fields.size() < kFieldsMax) example.fields.push_back(difference_of(field, before, after));
    }
    if (differs && found.record_examples.size() < examples_max) found.record_examples.push_back(std::move(example));
    found.records_differ += differs ? 1 : 0;
  }

  boost::unordered_flat_set<Hash128, Hash128Hasher> known_;
  boost::unordered_flat_map<Hash128, Suspect, Hash128Hasher> suspects_;
  std::int64_t found_ = 0;
};

/// Tells of each event what a replay can't find out by itself.
class Teller {
 public:
  Teller(storage::Reader& reader, const Past& past) : reader_(reader), past_(past) {}

  Result<Replay::Told> tell(const storage::StoredEvent& stored) {
    Replay::Told told{stored, {}, false};
    const RecordKey key = stored.state.record;
    if (key.value <= 0 || !met_.insert(key).second) return told;
    auto then = past_.record(stored.event->tenant, key);
    if (!then) return fail(std::move(then).error());
    told.is_met = then->has_value();
    if (told.is_met) return told;
    auto now = reader_.load_record(stored.event->tenant, key);
    if (!now) return fail(std::move(now).error());
    if (*now) told.made = (*now)->id;
    return told;
  }

 private:
  storage::Reader& reader_;
  const Past& past_;
  boost::unordered_flat_set<RecordKey, std::hash<RecordKey>> met_;
};

void count(const Replay::Outcome& outcome, WhatIf::Side& side) {
  side.waits_for_person += outcome.waits_for_person ? 1 : 0;
  side.failed += outcome.failed ? 1 : 0;
  side.not_asked += outcome.was_decided ? 0 : 1;
}

}  // namespace

Result<WhatIf> what_if(const WhatIfParts& parts, const std::shared_ptr<const Catalog>& now,
                       const std::shared_ptr<const Catalog>& proposed, const WhatIfOptions& options) {
  WhatIf found;
  const auto before = last_before(parts.reader, options.since, options.until);
  if (!before) return fail(before.error());
  Sequence after = *before;
  const Past past(parts.reader, *now, Sequence{after.value + 1}, options.since);
  Deliveries deliveries(found, options.examples_max);
  Records records;
  Teller teller(parts.reader, past);
  Replay one({parts.reader, past, parts.scratch_now, parts.identity_secret}, now,
             [&](Sequence event, const delivery::Change& change) { deliveries.sent(false, event, change); });
  Replay other({parts.reader, past, parts.scratch_proposed, parts.identity_secret}, proposed,
               [&](Sequence event, const delivery::Change& change) { deliveries.sent(true, event, change); });
  while (after < options.until) {
    const auto page = parts.reader.events_after(options.tenants, after, kPage);
    if (!page) return fail(page.error());
    if (page->empty()) break;
    after = page->back().event->sequence;
    for (const storage::StoredEvent& stored : *page) {
      if (stored.event->sequence > options.until) break;
      const auto told = teller.tell(stored);
      if (!told) return fail(told.error());
      const auto left = one.step(*told);
      if (!left) return fail(left.error());
      const auto right = other.step(*told);
      if (!right) return fail(right.error());
      records.touched(left->record, right->record);
      count(*left, found.now);
      count(*right, found.proposed);
      ++found.events;
    }
    DATASYNC_TRY(one.commit());
    DATASYNC_TRY(other.commit());
    if (options.progress && found.events % kProgressEvery < kPage) {
      options.progress(found.events, static_cast<double>(after.value - before->value) /
                                         static_cast<double>(options.until.value - before->value));
    }
  }
  DATASYNC_TRY(one.finish());
  DATASYNC_TRY(other.finish());
  deliveries.finish();
  DATASYNC_TRY(records.finish(one, other, options.examples_max, found));
  found.records = records.count();
  return found;
}

}  // namespace datasync::pipeline
