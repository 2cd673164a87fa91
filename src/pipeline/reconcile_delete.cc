#include <algorithm>
#include <utility>

#include "conflict/detector.h"
#include "conflict/strategy.h"
#include "pipeline/holdings.h"
#include "pipeline/reconcile.h"
#include "pipeline/reconcile_change.h"

// The second verb where a record as a whole is to go or to come back: a delete meets edits that its platform had not
// seen, or an edit meets a tombstone that its platform had not seen.

namespace datasync::pipeline {
namespace {

using conflict::Verdict;
using Outcome = conflict::Resolution::Outcome;

const Value kTrue = Value::boolean(true);
const Value kFalse = Value::boolean(false);

constexpr std::size_t kEditsNamedMax = 5;
constexpr std::string_view kChangedAgain = "; it has been changed again since";

const FieldState& newest_of(const std::vector<FieldState>& edits) {
  return *std::max_element(edits.begin(), edits.end(),
                           [](const FieldState& a, const FieldState& b) { return a.time < b.time; });
}

/// The person who decides reads whose changes are at stake. Names no values.
std::string reason_of_delete(const PlatformId& platform, const std::vector<FieldState>& edits) {
  std::string named;
  for (std::size_t i = 0; i < std::min(edits.size(), kEditsNamedMax); ++i) {
    const std::string what = edits[i].name == kDeletedField ? "that it was made anew" : edits[i].name.str();
    named += (i == 0 ? "" : ", ") + what + " by " + edits[i].writer.str();
  }
  if (edits.size() > kEditsNamedMax) named += " and others";
  return platform.str() + " deleted the record and had not seen: " + named;
}

std::string reason_of_edit(const PlatformId& platform, const FieldState& tombstone) {
  return platform.str() + " changed the record and had not seen that " + tombstone.writer.str() + " deleted it";
}

}  // namespace

/// Whatever becomes of the record, its platform's copy is gone; a create of ours that is under way makes another.
Result<void> Reconciler::judge_delete(Window& window, Change& change) {
  const Event& event = change.event();
  if (change.copy.doubtful) settle_copy(window, change);
  if (change.is_former()) {
    change.learned = forget_beside(change.source(), event.own_id) || event.occurred_at || change.learned;
    if (event.occurred_at) note_end(change.source(), event.own_id, event_time(event));
  }
  // It has another one: what it deletes is that copy, and not the record.
  const bool is_present = !change.is_former() && !event.own_id.empty();
  if (is_present && end_one_copy(window, change)) return {};
  if (change.is_former() && !is_replaced(change.source(), event.own_id)) return {};
  // A delete of ours may have come to the copy that its platform made after this one.
  const KnownValue* before = change.source().find(kDeletedField);
  const Timestamp touched = before == nullptr ? Timestamp{} : before->acknowledged;
  const auto verdict = judge(window, change, kDeletedField, kTrue);
  if (!verdict) return fail(verdict.error());
  if (change.is_former() || *verdict == Verdict::kStale) return {};
  const KnownValue* said = change.source().find(kDeletedField);
  const bool is_golden = change.record().is_deleted();
  change.learned = true;
  if (take_copy_beside(change.record(), change.source(), window.now, change.under_way)) {
    if (event.occurred_at && !event.own_id.empty()) note_end(change.source(), event.own_id, event_time(event));
    change.source_corrected = true;
    return {};
  }
  end_copy(change.record(), change.source(), said != nullptr && is_golden ? said->version : RecordVersion{},
           std::max(event_time(event), touched), change.under_way);
  return {};
}

/// True if its platform has another copy, which takes the place of the one that it deleted. Of that one it may be told
/// nothing any more before it goes too: what it had seen in the first it has seen.
bool Reconciler::end_one_copy(const Window& window, Change& change) {
  Knowledge& known = change.source();
  if (known.own_id(kBesideRole).empty()) return false;
  const bool has_seen_all = unseen_edits(window, change).empty();
  if (!take_copy_beside(change.record(), known, window.now, change.under_way)) return false;
  if (has_seen_all) note_seen(known, change.record().version, event_time(change.event()));
  if (change.event().occurred_at) note_end(known, change.event().own_id, event_time(change.event()));
  change.learned = change.source_corrected = true;
  return true;
}

/// What others have changed and the event's platform had not seen when it deleted its copy. What it is never told of
/// does not count.
std::vector<FieldState> Reconciler::unseen_edits(const Window& window, const Change& change) {
  const Event& event = change.event();
  const Record& record = change.record();
  const Knowledge* known = change.is_former() ? nullptr : record.known_by(event.source);
  const auto is_seen = [&](const FieldState& field) {
    return known != nullptr && !event.base_version && had_seen(*known, field.version);
  };
  std::vector<FieldState> edits;
  for (const FieldState& field : record.fields) {
    if (field.name == kDeletedField || field.writer == event.source) continue;
    if (!transform::Mapper::writable(change.plan, field.name)) continue;
    if (change.is_former() && !event.base_version) {
      // Of a copy that is gone nothing is known any more but when.
      const Timestamp written{microseconds{field.time.microseconds}};
      if (written + conflict::kClockTolerance > event_time(event)) edits.push_back(field);
      continue;
    }
    if (is_seen(field)) continue;
    const conflict::Observation seen = observe_unsaid(window, change, field);
    const KnownValue* held = known == nullptr ? nullptr : known->find(field.name);
    const bool had_seen_value = held != nullptr && held->hash == seen.golden_hash &&
                                conflict::tells_base(record, event, held->version) &&
                                *event.base_version >= held->version.value;
    if (!had_seen_value && conflict::is_unseen(record, field, event, seen)) edits.push_back(field);
  }
  // That it was deleted and made anew meanwhile. Who was never told of an end holds the same record all the time.
  const FieldState* existence = record.find(kDeletedField);
  const bool was_told = known != nullptr && known->find(kDeletedField) != nullptr;
  if (existence != nullptr && existence->version.value > 0 && existence->writer != event.source &&
      !is_seen(*existence) && (event.base_version || was_told)) {
    if (conflict::is_unseen(record, *existence, event, observe_unsaid(window, change, *existence))) {
      edits.push_back(*existence);
    }
  }
  return edits;
}

/// As `observe`, of a field that the event says nothing of.
conflict::Observation Reconciler::observe_unsaid(const Window& window, const Change& change, const FieldState& field) {
  conflict::Observation seen;
  seen.field = field.name;
  seen.golden_hash = window.catalog->mapper.held_hash(change.plan, field.name, field.value);
  seen.of_former_copy = change.is_former();
  if (change.exposed == nullptr) return seen;
  const auto& sent = change.exposed->fields;
  seen.delivery_unknown =
      std::any_of(sent.begin(), sent.end(), [&field](const SentField& one) { return one.name == field.name; });
  return seen;
}

/// The record is to go (`value` true) or to come back: at once where that is known to be later than all else.
Result<void> Reconciler::settle_existence(Window& window, Change& change, const Value& value, Verdict verdict,
                                          std::uint64_t held_hash) {
  const Event& event = change.event();
  const FieldState* golden = change.record().find(kDeletedField);
  if (value == kTrue) {
    const auto edits = unseen_edits(window, change);
    if (!edits.empty()) {
      return contest(window, change, value, edits, reason_of_delete(event.source, edits), held_hash);
    }
    const auto& fields = change.record().fields;
    const bool is_asked = window.catalog->rules.rule(change.record().entity, kDeletedField).review.has_value();
    if (golden == nullptr && is_asked && !fields.empty()) note_existence(change.record(), newest_of(fields));
    return take_over(window, change, kDeletedField, value, held_hash);
  }
  // Who never had it makes it now; that it was there before and was deleted need not be known to him.
  const bool is_new_there = change.source().values.empty() && event_time(event) > golden->source_time;
  if (verdict == Verdict::kOrdinary || is_new_there) {
    return take_over(window, change, kDeletedField, value, held_hash);
  }
  return contest(window, change, value, {*golden}, reason_of_edit(event.source, *golden), held_hash);
}

/// A delete against `others`, which are edits, or an edit against `others`, which is the tombstone. It must win over
/// each of them.
Result<void> Reconciler::contest(Window& window, Change& change, const Value& value,
                                 const std::vector<FieldState>& others, std::string reason, std::uint64_t held_hash) {
  const Event& event = change.event();
  Record& record = change.record();
  const conflict::RuleBook& rules = window.catalog->rules;
  const conflict::FieldRule& rule = rules.rule(record.entity, kDeletedField);
  const Value opposite = Value::boolean(value != kTrue);
  Outcome outcome = Outcome::kIncoming;
  for (const FieldState& other : others) {
    const conflict::FieldConflict both{record.entity,
                                       kDeletedField,
                                       {&value, event.source, HybridTime{event_time(event).time_since_epoch().count()},
                                        rules.rank(record.entity, event.source)},
                                       {&opposite, other.writer, other.time, rules.rank(record.entity, other.writer)}};
    const Outcome one = rule.strategy->resolve(both).outcome;
    if (one == Outcome::kReview || one == Outcome::kMerged) {  // half a record there is not
      outcome = Outcome::kReview;
      break;
    }
    if (one == Outcome::kGolden) outcome = one;
  }
  const FieldState newest = newest_of(others);
  std::string_view type = conflict::conflict_type(event, rule.critical);
  if (outcome == Outcome::kIncoming && rule.review) {
    outcome = Outcome::kReview;
    type = "business_rule_violation";
  }
  FieldState golden = newest;
  golden.name = kDeletedField;
  golden.value = opposite;
  Conflict::Side side = make_side(golden, value, rule, event);
  if (outcome == Outcome::kReview || is_disputed(record)) {
    if (record.find(kDeletedField) == nullptr) note_existence(record, newest);
    return propose(window, change, kDeletedField, std::move(side), type, std::move(reason), held_hash);
  }
  if (outcome == Outcome::kIncoming) {
    side.outcome = Conflict::Outcome::kSource;
    overwrite(change, kDeletedField, value);
    hold(change, kDeletedField, change.next_version, held_hash);
  } else {
    keep_golden(change, kDeletedField, held_hash);
  }
  note_conflict(change, std::move(side), type, newest.writer);
  return {};
}

/// That the record is there, in so many words: what waits for a person has a golden value. Nobody wrote it, so it is of
/// no version and no event.
void Reconciler::note_existence(Record& record, const FieldState& newest) {
  const PlatformId writer = newest.writer;
  const HybridTime time = newest.time;
  const Timestamp source_time = newest.source_time;
  FieldState& state = record.at_or_new(kDeletedField);
  state.value = kFalse;
  state.writer = writer;
  state.time = time;
  state.source_time = source_time;
}

/// Whether the event, which changes a record that is deleted, is more than a late word: its platform had not seen the
/// tombstone, so it may bring the record back. It has been settled then, or waits, and what it says counts.
Result<bool> Reconciler::contest_tombstone(Window& window, Change& change, const Fields& fields) {
  const Event& event = change.event();
  const Record& record = change.record();
  const FieldState tombstone = *record.find(kDeletedField);
  if (tombstone.writer == event.source) return false;  // it deleted the record itself
  conflict::Observation seen = observe(window, change, kDeletedField, kFalse);
  const bool overtaken = !change.is_former() && is_overtaken(change, seen);
  seen.delivery_unknown = false;  // where our delete had come first there were nothing to change
  const bool is_unseen = change.is_former() && !event.base_version
                             ? holds_record(record, event.source)
                             : conflict::is_unseen(record, tombstone, event, seen);
  if (!is_unseen) return false;
  auto says_something = is_news(window, change, fields);
  if (!says_something || !*says_something) return says_something;
  DATASYNC_TRY(contest(window, change, kFalse, {tombstone}, reason_of_edit(event.source, tombstone), seen.held_hash));
  if (is_gone(record)) return false;
  // Our delete may come after it all the same: then its platform must be told the outcome.
  change.copy.doubtful = change.copy.doubtful || overtaken;
  change.source_corrected = change.source_corrected || overtaken;
  return true;
}

/// Whether one of the fields is neither what its platform held already nor what stands.
Result<bool> Reconciler::is_news(const Window& window, Change& change, const Fields& fields) const {
  for (const Field& field : fields) {
    const conflict::Observation seen = observe(window, change, field.name, field.value);
    const Verdict verdict = conflict::judge(change.record(), change.event(), seen);
    if (verdict == Verdict::kOrdinary) return true;
    if (verdict != Verdict::kConcurrent) continue;
    const auto base = base_of(window, change, *change.record().find(field.name));
    if (!base) return fail(base.error());
    if (!is_untouched(window, change, field.name, *base, seen.held_hash)) return true;
  }
  return false;
}

/// Who is about to decide whether the record goes must know that it was changed meanwhile.
Result<void> Reconciler::note_changed_again(Window& window, Change& change) {
  const Record& record = change.record();
  const Hold* dispute = record.find_hold(kDeletedField);
  if (dispute == nullptr || dispute->review == change.review) return {};
  auto review = load_review(window, record.tenant, dispute->review);
  if (!review) return fail(std::move(review).error());
  if (!review->reason.ends_with(kChangedAgain)) review->reason += kChangedAgain;
  ++review->revision;
  review->version = record.version;
  window.batch.conflicts.push_back(std::move(*review));
  return {};
}

}  // namespace datasync::pipeline
