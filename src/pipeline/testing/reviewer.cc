#include "pipeline/testing/reviewer.h"

#include <algorithm>
#include <utility>

#include "domain/json.h"
#include "pipeline/holdings.h"
#include "pipeline/ledger.h"

namespace datasync::pipeline {
namespace {

constexpr const char* kContext = "_platform_context";

std::string text_of(const Fields& fields, std::string_view name) {
  const Value* value = fields.find(name);
  return value == nullptr ? std::string{} : value->as_id().value_or("");
}

std::string key_of(std::string_view headers) {
  constexpr std::string_view kName = "Idempotency-Key: ";
  const auto at = headers.find(kName);
  if (at == std::string_view::npos) return {};
  const auto begin = at + kName.size();
  return std::string(headers.substr(begin, headers.find("\r\n", begin) - begin));
}

std::string said_of(const TenantId& tenant, const std::string& field, const Value& value) {
  return tenant.str() + "\n" + field + "\n" + value.text();
}

}  // namespace

Reviewer::Reviewer(World& world, Random& dice, bool commits_fail)
    : world_(world), dice_(dice), commits_fail_(commits_fail) {
  world_.on_commit = [this] { look(); };
  world_.network.on_send = [this](const std::string& host, const net::ClientRequest& request) { hear(host, request); };
}

void Reviewer::look() {
  if (std::exchange(commits_seen_, world_.store.commits) == world_.store.commits) return;
  for (const auto& [key, record] : world_.store.records()) look_at(record);
  look_at_events();
  look_at_conflicts();
}

void Reviewer::look_at(const Record& record) {
  for (const FieldState& field : record.fields) {
    once_golden_.insert(said_of(record.tenant, field.name.str(), field.value));
  }
  for (const Hold& hold : record.holds) look_at(record, hold);
  if (is_gone(record) && !record.holds.empty()) {
    world_.complain("record " + std::to_string(record.key.value) + " is deleted and waits for a person");
  }
}

void Reviewer::look_at(const Record& record, const Hold& hold) {
  const std::string where = "review " + hold.review + " of " + hold.field.str();
  const FieldState* field = record.find(hold.field);
  const Conflict* review = find_conflict(hold.review);
  if (is_copy_field(hold.field)) {
    if (review == nullptr || review->status != "open") world_.complain(where + " has no open conflict");
    return;
  }
  if (field == nullptr) return world_.complain(where + " is about a field without a value");
  if (review == nullptr || review->status != "open") return world_.complain(where + " has no open conflict");
  const auto [golden, first] = golden_.emplace(hold.review, field->value);
  if (!first && golden->second != field->value) world_.complain(where + " is open and the golden value moved");
  if (review->record != record.key) world_.complain(where + " is about another record");
  if (review->fields.size() != hold.candidates.size()) return world_.complain(where + " has not as many candidates");
  for (std::size_t i = 0; i < hold.candidates.size(); ++i) {
    const Hold::Candidate& candidate = hold.candidates[i];
    const Conflict::Side& side = review->fields[i];
    const auto event = world_.store.events().find(candidate.event);
    if (side.field != hold.field.str() || side.platform != candidate.platform) {
      world_.complain(where + " has another side than candidate");
    }
    if (side.outcome != Conflict::Outcome::kOpen) world_.complain(where + " has a side that is settled");
    if (side.target_value != field->value) world_.complain(where + " shows another value than the golden one");
    if (event == world_.store.events().end()) {
      world_.complain(where + " waits for an event that is not there");
      continue;
    }
    if (side.event != event->second.event->id) world_.complain(where + " names another event");
    const EventStatus status = event->second.state.status;
    if (status == EventStatus::kCompleted || status == EventStatus::kExpired) {
      world_.complain(where + " waits for " + side.event.str() + ", which is over");
    }
  }
}

void Reviewer::look_at_events() {
  for (const auto& [sequence, stored] : world_.store.events()) {
    if (stored.state.status != EventStatus::kReview) continue;
    const auto record = world_.store.records().find(stored.state.record);
    if (record == world_.store.records().end() || !waits_for_review(record->second, sequence)) {
      world_.complain(stored.event->id.str() + " waits for a review that is over");
    }
  }
}

void Reviewer::look_at_conflicts() {
  for (const Conflict& conflict : world_.store.conflicts()) {
    if (conflict.status != "open") continue;
    const auto record = world_.store.records().find(conflict.record);
    const bool holds = record != world_.store.records().end() &&
                       (std::any_of(record->second.holds.begin(), record->second.holds.end(),
                                    [&](const Hold& hold) { return hold.review == conflict.id; }) ||
                        is_about_missing(conflict));
    if (!holds) world_.complain("conflict " + conflict.id + " is open and nothing waits for it");
  }
}

bool Reviewer::is_about_missing(const Conflict& review) const {
  const auto record = world_.store.records().find(review.record);
  return record != world_.store.records().end() &&
         std::any_of(record->second.missing.begin(), record->second.missing.end(),
                     [&](const MissingField& missing) { return missing.conflict == review.id; });
}

const Conflict* Reviewer::find_conflict(const std::string& id) const {
  for (const Conflict& conflict : world_.store.conflicts()) {
    if (conflict.id == id) return &conflict;
  }
  return nullptr;
}

void Reviewer::hear(const std::string& host, const net::ClientRequest& request) {
  look();
  const auto platform = std::find_if(world_.platforms.begin(), world_.platforms.end(),
                                     [&](const auto& one) { return one->shape().id.str() == host; });
  const auto body = parse_json_object(request.body);
  if (platform == world_.platforms.end() || !body) return world_.complain("a request that can't be read");
  const bool is_update = request.target.find("/update") != std::string::npos;
  const std::string verb = is_update ? "update" : "another";
  const Value* items = body->find("items");
  if (items == nullptr) return hear_item(**platform, verb, key_of(request.header_block), *body);
  for (const Value& item : elements_of(*items)) {
    const Fields envelope = members_of(item);
    hear_item(**platform, verb, text_of(envelope, "idempotency_key"), envelope);
  }
}

/// Whether the first attempt under this key was noted before the review was opened. A crash may have come between the
/// note and the request: after it the attempt is one of unknown outcome, and such are repeated whatever happens.
bool Reviewer::began_before(const std::string& review, const PlatformId& target, const TenantId& tenant,
                            const std::string& key) const {
  const Conflict* opened = find_conflict(review);
  if (opened == nullptr) return false;
  const auto& events = world_.store.events();
  return std::any_of(events.begin(), events.end(), [&](const auto& each) {
    const Event& event = *each.second.event;
    if (event.tenant != tenant || !key.starts_with(event.id.str())) return false;
    return std::any_of(each.second.state.results.begin(), each.second.state.results.end(), [&](const auto& result) {
      return result.target == target && idempotency_key(event.id, result) == key && result.outcome_unknown &&
             result.first_attempt_at && *result.first_attempt_at < opened->created_at;
    });
  });
}

void Reviewer::hear_item(const TestPlatform& platform, const std::string& verb, const std::string& key,
                         const Fields& envelope) {
  const PlatformShape& shape = platform.shape();
  const TenantId tenant(text_of(envelope, "tenant_id"));
  const Fields data = members_of(*envelope.find("data"));
  const Value* context = data.find(kContext);
  const std::string entity_id = context == nullptr ? std::string{} : text_of(members_of(*context), "entity_id");
  const bool is_first = keys_.insert(shape.id.str() + "\n" + tenant.str() + "\n" + key).second;
  const auto record = std::find_if(world_.store.records().begin(), world_.store.records().end(), [&](const auto& one) {
    return one.second.tenant == tenant && one.second.id.str() == entity_id;
  });
  if (record != world_.store.records().end() && is_first && !commits_fail_) {
    const Record& now = record->second;
    const bool is_silent = is_disputed(now) && (now.is_deleted() || proposes(now, shape.id, kDeletedField));
    if (is_silent && !began_before(now.find_hold(kDeletedField)->review, shape.id, tenant, key)) {
      world_.complain(shape.id.str() + " is told something under " + key + ", while a person is asked whether the " +
                      "record goes or comes back");
    }
  }
  for (const char* field : {"email", "city", "name", "phone"}) {
    const Value* value = data.find(shape.local(field));
    if (value == nullptr) continue;
    if (!once_golden_.contains(said_of(tenant, field, *value))) {
      world_.complain(shape.id.str() + " is told " + value->text() + " as " + field + ", which was never golden");
    }
    const bool waits = record != world_.store.records().end() && proposes(record->second, shape.id, FieldName(field)) &&
                       !began_before(record->second.find_hold(FieldName(field))->review, shape.id, tenant, key);
    if (waits && verb == "update" && is_first && !commits_fail_) {
      world_.complain(shape.id.str() + " is told " + value->text() + " as " + field + " under " + key +
                      ", while its own value waits for a person");
    }
  }
}

bool Reviewer::decide_any() {
  std::vector<const Conflict*> open;
  for (const Conflict& conflict : world_.store.conflicts()) {
    if (conflict.status == "open") open.push_back(&conflict);
  }
  if (open.empty()) return false;
  const Conflict review = *open[below(open.size())];
  Value expected;
  ReviewDecision decision = choose(review, expected);
  if (unit() < 0.1) {
    ReviewDecision outdated = decision;
    outdated.revision = review.revision + (unit() < 0.5 ? 1 : -1);
    expect_refusal(std::move(outdated), "outdated");
    const Conflict* now = find_conflict(review.id);
    if (now == nullptr || now->status != "open" || now->revision != review.revision) return true;  // it goes on
  }
  if (unit() < 0.1) return assign(review);
  if (unit() < 0.3) {
    decide_at_once();
    return true;
  }
  if (unit() < 0.5) decision.revision = review.revision;
  const std::string field = review.fields.front().field;
  world_.trace("a person decides review " + review.id + " of " + field + " for " + expected.text());
  const Result<Conflict> answer = world_.decide(decision);
  if (!answer) {
    if (answer.error().code == ErrorCode::kUnavailable && commits_fail_) return true;
    if (answer.error().code == ErrorCode::kConflict && is_copy_field(FieldName(field))) return true;  // they must rest
    world_.complain("a decision about " + field + " was refused: " + answer.error().message);
    return true;
  }
  ++decided;
  expect_decided(review.id, *answer, field, expected);
  if (unit() < 0.2) {
    decision.revision.reset();
    expect_refusal(std::move(decision), "a second");
  }
  return true;
}

bool Reviewer::is_kept(const TenantId& tenant, const std::string& field, const Value& value) const {
  if (once_golden_.contains(said_of(tenant, field, value))) return true;
  // It may have been golden within a transaction alone.
  for (const auto& [sequence, stored] : world_.store.events()) {
    const HistoryEntry* history = stored.event->tenant == tenant ? world_.store.history_of(sequence) : nullptr;
    if (history == nullptr) continue;
    const auto& states = history->overwritten;
    if (std::any_of(states.begin(), states.end(),
                    [&](const FieldState& state) { return state.name == field && state.value == value; })) {
      return true;
    }
  }
  return std::any_of(world_.store.conflicts().begin(), world_.store.conflicts().end(), [&](const Conflict& conflict) {
    return conflict.tenant == tenant &&
           std::any_of(conflict.fields.begin(), conflict.fields.end(),
                       [&](const Conflict::Side& side) { return side.field == field && side.source_value == value; });
  });
}

/// The record and the one that it shares a copy with.
bool Reviewer::have_one_address(const Conflict& review) const {
  const auto& records = world_.store.records();
  const auto other = std::find_if(records.begin(), records.end(), [&review](const auto& each) {
    return each.second.tenant == review.tenant &&
           Value::string(each.second.id.str()) == review.fields.front().source_value;
  });
  const FieldState* mine = records.at(review.record).find("email");
  const FieldState* theirs = other == records.end() ? nullptr : other->second.find("email");
  return mine != nullptr && theirs != nullptr && mine->value == theirs->value;
}

ReviewDecision Reviewer::choose(const Conflict& review, Value& expected) {
  using Choice = ReviewDecision::Choice;
  const Conflict::Side& side = review.fields[below(review.fields.size())];
  ReviewDecision decision;
  decision.conflict = review.id;
  decision.by = "person";
  decision.reason = "dice";
  if (unit() < 0.5) decision.tenants = {review.tenant};
  if (is_about_missing(review)) {  // there is nothing to choose from
    const FieldState* golden = world_.store.records().at(review.record).find(FieldName(side.field));
    decision.choice = Choice::kTarget;
    expected = golden->value;
    return decision;
  }
  if (is_copy_field(FieldName(side.field))) {
    // Whoever made them meant two. But no platform takes two with one address, and a late word of the one with that of
    // the other can't be told from a change where clocks differ, or where the copy has been deleted since.
    decision.choice = have_one_address(review) ? Choice::kSource : Choice::kTarget;
    return decision;
  }
  const double dice = unit();
  if (dice < 0.4) {
    decision.choice = Choice::kSource;
    const bool must_name = review.fields.size() > 1 && side.field != kDeletedField.str();
    if (unit() < 0.3) {
      decision.proposal = side.event;
    } else if (must_name || unit() < 0.5) {
      decision.platform = side.platform;
    }
    expected = side.source_value;
  } else if (dice < 0.75 || side.field == "price") {
    decision.choice = Choice::kTarget;
    if (unit() < 0.3) decision.proposal = side.event;  // of several, this one alone
    expected = side.target_value;
  } else if (side.field == kDeletedField.str()) {
    decision.choice = Choice::kSource;
    expected = side.source_value;
  } else {
    decision.choice = Choice::kMerged;
    const std::string number = std::to_string(++merged_);
    expected = side.field == "email" ? Value::string("m" + number + "@" + review.entity_id.str())
                                     : Value::string(review.tenant.str() + ":merged" + number);
    decision.data.set(side.field, expected);
  }
  return decision;
}

/// It is given to somebody, and is another revision then.
bool Reviewer::assign(const Conflict& review) {
  ReviewDecision decision;
  decision.conflict = review.id;
  decision.choice = ReviewDecision::Choice::kAssign;
  decision.assignee = "somebody";
  const Result<Conflict> answer = world_.decide(std::move(decision));
  if (!answer && !(answer.error().code == ErrorCode::kUnavailable && commits_fail_)) {
    world_.complain("a review was not assigned: " + answer.error().message);
  }
  return true;
}

/// Of each two that are about one review, the second comes too late.
void Reviewer::decide_at_once() {
  std::vector<ReviewDecision> decisions;
  std::vector<Value> expected;
  std::vector<std::string> fields, ids;
  for (const Conflict& conflict : world_.store.conflicts()) {
    if (conflict.status != "open") continue;
    decisions.push_back(choose(conflict, expected.emplace_back()));
    fields.push_back(conflict.fields.front().field);
    ids.push_back(conflict.id);
  }
  const std::size_t count = decisions.size();
  if (unit() < 0.3) decisions.push_back(decisions[below(count)]);
  world_.trace("a person decides " + std::to_string(decisions.size()) + " reviews at once");
  const std::vector<Result<Conflict>> answers = world_.decide(std::move(decisions));
  for (std::size_t i = 0; i < count; ++i) {
    if (answers[i]) {
      ++decided;
      expect_decided(ids[i], *answers[i], fields[i], expected[i]);
      continue;
    }
    if (answers[i].error().code == ErrorCode::kUnavailable && commits_fail_) return;
    // One of the others may have deleted the record: then nothing of it waits any more.
    const Conflict* review = find_conflict(ids[i]);
    const bool is_over = answers[i].error().code == ErrorCode::kConflict && review != nullptr &&
                         review->status == "resolved" && review->resolved_why == "the record was deleted";
    const bool must_rest = answers[i].error().code == ErrorCode::kConflict && is_copy_field(FieldName(fields[i]));
    if (!is_over && !must_rest) world_.complain("decisions at once were refused: " + answers[i].error().message);
  }
  for (std::size_t i = count; i < answers.size(); ++i) {
    const ErrorCode code = answers[i] ? ErrorCode::kInternal : answers[i].error().code;
    if (code == ErrorCode::kUnavailable && commits_fail_) continue;
    if (code != ErrorCode::kConflict) world_.complain("one review was decided twice");
  }
}

/// It was so right then; an event of the same transaction may have changed it after.
void Reviewer::expect_decided(const std::string& asked, const Conflict& answer, const std::string& field,
                              const Value& expected) {
  const Conflict* review = find_conflict(answer.id);
  if (review == nullptr || review->status != "resolved" || review->resolved_by != "person") {
    return world_.complain("a decision was taken, and its review says no such thing");
  }
  const Record& record = world_.store.records().at(answer.record);
  const FieldState* golden = record.find(FieldName(field));
  if (world_.store.find(answer.resolved_event.str()) == nullptr) world_.complain("a decision made no event");
  if (is_copy_field(FieldName(field))) return;  // nor has the record such a field
  const bool is_notice = answer.type == "schema_change" && answer.fields.front().source_value.is_null();
  if (is_notice) return;                     // the field itself waits for nobody, or for another decision
  const bool is_alone = answer.id == asked;  // else one of several proposals was declined, and the others wait on
  const Hold* hold = record.find_hold(FieldName(field));  // another one, if an event of the same window came after
  if (is_alone && hold != nullptr && hold->review == asked) {
    world_.complain("a decision was taken, and " + field + " still waits");
  }
  if (record.version == answer.version && golden->value != expected) {
    world_.complain("a person decided for " + expected.text() + " and got " + golden->value.text());
  }
}

void Reviewer::expect_refusal(ReviewDecision decision, const char* why) {
  const Result<Conflict> answer = world_.decide(std::move(decision));
  if (!answer && answer.error().code == ErrorCode::kConflict) {
    ++refused;
    return;
  }
  if (!answer && answer.error().code == ErrorCode::kUnavailable && commits_fail_) return;
  world_.complain(std::string(why) + " decision was answered " + (answer ? "well" : answer.error().message));
}

}  // namespace datasync::pipeline
