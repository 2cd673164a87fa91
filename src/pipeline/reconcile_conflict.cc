#include <algorithm>
#include <array>
#include <utility>

#include "conflict/strategy.h"
#include "domain/money.h"
#include "pipeline/holdings.h"
#include "pipeline/reconcile.h"
#include "pipeline/reconcile_change.h"

// The second verb where a value meets another: which one survives, and whether a person must say so.

namespace datasync::pipeline {
namespace {

using conflict::Verdict;

constexpr std::string_view kRuleViolation = "business_rule_violation";
/// So far back the base of a conflict is looked for: an event may name a version that a million others lie above.
constexpr std::size_t kBaseRowsMax = 10'000;

/// Why a person is asked, where both a rule and the kind of the value want it.
std::string both_reasons(std::string rule, const std::string& kind) {
  if (!rule.empty() && !kind.empty()) rule += "; ";
  return rule + kind;
}

/// A merged value is nobody's own: were it its last writer's, that platform's next word would count as having seen it.
void disown(FieldState& state) {
  state.writer = kReviewer;
  state.source_version.reset();
}

}  // namespace

Conflict::Side make_side(const FieldState& golden, const Value& value, const conflict::FieldRule& rule,
                         const Event& event) {
  Conflict::Side side;
  side.field = golden.name.str();
  side.source_value = value;
  side.target_value = golden.value;
  side.strategy = rule.strategy->name();
  side.platform = event.source;
  side.event = event.id;
  return side;
}

std::size_t rank_of_conflict_type(std::string_view type) noexcept {
  constexpr std::array<std::string_view, 5> kTypes{kRuleViolation, kSchemaChange, "version_conflict", "data_mismatch",
                                                   "concurrent_update"};
  return static_cast<std::size_t>(std::find(kTypes.begin(), kTypes.end(), type) - kTypes.begin());
}

/// A change that is causally later: it becomes the golden value, unless a person has to decide.
Result<void> Reconciler::take_over(Window& window, Change& change, const FieldName& field, const Value& value,
                                   std::uint64_t held_hash) {
  const Record& record = change.record();
  const FieldState* golden = record.find(field);
  const conflict::FieldRule& rule = window.catalog->rules.rule(record.entity, field);
  using conflict::SchemaChange;
  const std::string kinds = golden == nullptr ? std::string() : schema_reason(window, record, *golden, value);
  if (!kinds.empty() && window.catalog->rules.schema_change(record.entity, field) == SchemaChange::kStrategy) {
    return settle_conflict(window, change, field, value, held_hash, Verdict::kOrdinary);
  }
  const std::string broken = rule_against(window, rule, golden, value);
  const std::string_view type = broken.empty() && !kinds.empty() ? kSchemaChange : kRuleViolation;
  std::string reason = both_reasons(broken, kinds);
  if (record.find_hold(field) == nullptr && reason.empty()) {
    overwrite(change, field, value);
    hold(change, field, change.next_version, held_hash);
    return {};
  }
  Conflict::Side side = make_side(*golden, value, rule, change.event());
  side.base = golden->value;                        // its platform had seen it
  if (is_gone(record) && field != kDeletedField) {  // nobody waits for it
    keep_golden(change, field, held_hash);
    note_conflict(change, std::move(side), type, golden->writer);
    return {};
  }
  return propose(window, change, field, std::move(side), type, std::move(reason), held_hash);
}

/// It is what its platform had seen: a late echo, or an untouched field of a whole object. One that has written another
/// value since has changed it back: its own ones it does not count among what it had seen.
bool Reconciler::is_untouched(const Window& window, const Change& change, const FieldName& field,
                              const std::optional<Value>& base, std::uint64_t held_hash) {
  const Event& event = change.event();
  if (!event.base_version || !base) return false;
  if (window.catalog->mapper.held_hash(change.plan, field, *base) != held_hash) return false;
  const Knowledge* known = change.is_former() ? nullptr : change.record().known_by(event.source);
  const KnownValue* held = known == nullptr ? nullptr : known->find(field);
  return held == nullptr || held->hash == held_hash || !conflict::is_own_write(change.record(), event.source, *held);
}

/// `verdict` is kOrdinary for a change that is known to be later and must be settled all the same.
Result<void> Reconciler::settle_conflict(Window& window, Change& change, const FieldName& field, const Value& value,
                                         std::uint64_t held_hash, Verdict verdict) {
  const Event& event = change.event();
  Record& record = change.record();
  const FieldState golden = *record.find(field);
  const conflict::RuleBook& rules = window.catalog->rules;
  const conflict::FieldRule& rule = rules.rule(record.entity, field);
  auto base = base_of(window, change, golden);
  if (!base) return fail(std::move(base).error());
  if (verdict == Verdict::kConcurrent && is_untouched(window, change, field, *base, held_hash)) return {};
  HybridTime time{event_time(event).time_since_epoch().count()};
  if (verdict == Verdict::kOrdinary) time.microseconds = std::max(time.microseconds, golden.time.microseconds + 1);
  const conflict::FieldConflict both{
      record.entity,
      field,
      {&value, event.source, time, rules.rank(record.entity, event.source)},
      {&golden.value, golden.writer, golden.time, rules.rank(record.entity, golden.writer)},
      *base ? &**base : nullptr};
  using Outcome = conflict::Resolution::Outcome;
  const std::string kinds = schema_reason(window, record, golden, value);
  const bool is_asked = !kinds.empty() && rules.schema_change(record.entity, field) == conflict::SchemaChange::kReview;
  conflict::Resolution resolution;
  if (is_asked) {  // no strategy compares what is of two kinds
    resolution.outcome = Outcome::kReview;
    resolution.reason = both_reasons(rule_against(window, rule, &golden, value), kinds);
  } else {
    resolution = rule.strategy->resolve(both);
  }
  std::string_view type = kinds.empty() ? conflict::conflict_type(event, rule.critical) : kSchemaChange;
  if (is_asked && resolution.reason != kinds) type = kRuleViolation;
  if (resolution.outcome == Outcome::kIncoming || resolution.outcome == Outcome::kMerged) {
    const bool merged = resolution.outcome == Outcome::kMerged;
    resolution.reason = rule_against(window, rule, &golden, merged ? resolution.merged : value);
    if (!resolution.reason.empty()) type = kRuleViolation;
  }
  Conflict::Side side = make_side(golden, value, rule, event);
  side.base = std::move(*base);
  if (resolution.outcome == Outcome::kMerged) side.merged = resolution.merged;
  const bool needs_person = resolution.outcome == Outcome::kReview || !resolution.reason.empty();
  if (needs_person && is_gone(record)) {
    resolution.outcome = Outcome::kGolden;  // nobody waits for it
  } else if (needs_person || record.find_hold(field) != nullptr) {
    return propose(window, change, field, std::move(side), type, std::move(resolution.reason), held_hash);
  }
  switch (resolution.outcome) {
    case Outcome::kIncoming:
      side.outcome = Conflict::Outcome::kSource;
      overwrite(change, field, value);
      hold(change, field, change.next_version, held_hash);
      break;
    case Outcome::kMerged:
      side.outcome = Conflict::Outcome::kMerged;
      overwrite(change, field, resolution.merged);
      disown(record.at_or_new(field));
      [[fallthrough]];
    case Outcome::kGolden:
    case Outcome::kReview:
      keep_golden(change, field, held_hash);
      break;
  }
  note_conflict(change, std::move(side), type, golden.writer);
  return {};
}

/// Its platform holds a value that is not golden, hence version 0: so it lacks the golden one and will be told.
void Reconciler::keep_golden(Change& change, const FieldName& field, std::uint64_t held_hash) {
  hold(change, field, RecordVersion{0}, held_hash);
  change.source_corrected = true;
}

/// The event's conflict has one more field. Its type is the first that fits any of them.
void Reconciler::note_conflict(Change& change, Conflict::Side side, std::string_view type, const PlatformId& writer) {
  Conflict& conflict = change.conflict;
  if (conflict.fields.empty()) conflict.target = writer;
  if (conflict.fields.empty() || rank_of_conflict_type(type) < rank_of_conflict_type(conflict.type))
    conflict.type = type;
  conflict.fields.push_back(std::move(side));
}

/// The version that the event's platform held when it wrote the field: of a late event not the one that it holds now.
/// 0 if none is known.
RecordVersion Reconciler::base_version_of(const Change& change, const FieldName& field) {
  const Event& event = change.event();
  const Knowledge* source = change.record().known_by(event.source);
  if (source == nullptr || change.is_former()) return {};
  const auto was_seen = [&](const KnownValue& held) {
    return held.field == field && conflict::is_surely_after(change.record(), event, held);
  };
  const KnownValue* now = source->find(field);
  if (now == nullptr || was_seen(*now)) return now == nullptr ? RecordVersion{} : now->version;
  const auto before = std::find_if(source->earlier.rbegin(), source->earlier.rend(), was_seen);
  return before == source->earlier.rend() ? RecordVersion{} : before->version;
}

/// What both sides were made from: the value that the event's platform had seen when it wrote another one.
Result<std::optional<Value>> Reconciler::base_of(const Window& window, Change& change, const FieldState& golden) const {
  const Event& event = change.event();
  const bool is_told = event.base_version && *event.base_version >= change.record().joined.value;
  const RecordVersion version = is_told ? RecordVersion{*event.base_version} : base_version_of(change, golden.name);
  if (version.value == 0) return std::nullopt;
  if (!change.history) change.history.emplace(tools_.store, &window.batch, kBaseRowsMax);
  auto then = change.history->field_at(golden, version);
  if (!then) return fail(std::move(then).error());
  if (!*then) return std::nullopt;
  return std::optional<Value>(std::move((*then)->value));
}

Conflict Reconciler::describe(const Window& window, const Change& change) {
  const Record& record = change.record();
  const Event& event = change.event();
  Conflict conflict;
  conflict.tenant = record.tenant;
  conflict.record = record.key;
  conflict.entity = record.entity;
  conflict.entity_id = record.id;
  conflict.event = event.sequence;
  conflict.event_id = event.id;
  conflict.source = event.source;
  conflict.created_at = window.now;
  return conflict;
}

/// Why the change needs a person, whoever made it; empty if it needs none. A first value is no change.
std::string Reconciler::rule_against(const Window& window, const conflict::FieldRule& rule, const FieldState* before,
                                     const Value& after) const {
  if (!rule.review || before == nullptr || before->value == after) return {};
  const Value& old = before->value;
  if (old.is_null() || old.text() == R"("")") return {};
  const std::string& field = before->name.str();
  if (!rule.review->above) return "a change of " + field + " waits for a person";
  const Money& limit = *rule.review->above;
  const std::string more_than =
      field + " changes by more than " + limit.to_decimal() + " " + std::string(limit.currency().code());
  const auto worth = [&](const Value& value) -> std::optional<Money> {
    const auto money = Money::from_value(value);
    if (!money) return std::nullopt;
    const auto converted = window.catalog->mapper.worth_in(*money, limit.currency());
    return converted ? std::optional(*converted) : std::nullopt;
  };
  const auto from = worth(old), to = worth(after);
  if (!from || !to) return "whether " + more_than + " can't be told: no amount, or no rate of exchange";
  const std::int64_t difference =
      to->minor() > from->minor() ? to->minor() - from->minor() : from->minor() - to->minor();
  return difference > limit.minor() ? more_than : std::string();
}

}  // namespace datasync::pipeline
