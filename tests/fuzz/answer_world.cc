#include "answer_world.h"

#include <charconv>

namespace datasync::fuzz {
namespace {

using delivery::Change;
using delivery::Outcome;
using Kind = Outcome::Kind;

constexpr int kRequestsMax = 130;  // four ways through a plan of thirty steps

void check_outcome(const Outcome& outcome) {
  const std::string_view message = outcome.message;
  require(is_utf8(message) && !has_control_character(message), "a message is one line of text", message);
  require(message.size() <= 1000, "a message is short", message);
  require(message.find(kPlatformSecret) == std::string_view::npos, "a message does not tell the secret", message);
  require(!outcome.retry_after || (outcome.retry_after->count() >= 0 && *outcome.retry_after <= std::chrono::hours{24}),
          "a wait is at most a day");
  for (const OwnId& own : outcome.learned) {
    require(!own.id.empty() && own.id.size() <= kClientIdBytesMax && !has_control_character(own.id),
            "a platform's id is one that may be stored", own.id);
  }
}

/// What the pipeline does with an outcome before the next request.
void follow(Change& change, const Outcome& outcome) {
  for (const OwnId& own : outcome.learned) change.known_ids.push_back(own);
  if (outcome.kind == Kind::kRepeat || outcome.kind == Kind::kUnknown) change.repeat_as_update = true;
  change.steps_done = outcome.steps_done;
}

void check_request(const net::ClientRequest& request) {
  require(
      request.body.empty() || parse_json_object(request.body).has_value() || parse_json_array(request.body).has_value(),
      "a request is JSON", request.body);
  require(request.target.starts_with('/') && !has_control_character(request.target), "a target is a path",
          request.target);
}

}  // namespace

net::ClientResponse answer_of(std::string_view text) {
  net::ClientResponse answer;
  const std::string_view status = take_until(text, "\n");
  std::from_chars(status.data(), status.data() + status.size(), answer.status);
  while (!text.empty()) {
    std::string_view line = take_until(text, "\n");
    if (line.empty()) break;
    const std::string_view name = take_until(line, ": ");
    answer.headers.add(name, line);
  }
  answer.body = text;
  return answer;
}

std::vector<Change> changes_of(std::string_view entity, std::string_view data, std::string_view target) {
  std::vector<Change> changes;
  for (const Verb verb : {Verb::kCreated, Verb::kUpdated, Verb::kDeleted}) {
    for (const int attempt : {0, 1, 2, 3}) {
      Change change;
      change.idempotency_key = "0190-event";
      change.event = EventId("0190-event");
      change.entity = entity;
      change.event_type = change.entity + "_" + std::string(to_string(verb));
      change.tenant = TenantId("t1");
      change.source = PlatformId("bizosaas");
      change.target = PlatformId(std::string(target));
      change.verb = verb;
      change.entity_id = EntityId("canonical-1");
      change.version = RecordVersion{4};
      change.data = parse_json_object(data).value();
      change.repeat_as_update = attempt >= 2;
      if (attempt % 2 == 1) change.known_ids.push_back({"", "own-1"});
      changes.push_back(std::move(change));
    }
  }
  return changes;
}

void check_alone(const delivery::Connector& connector, const Change& first, const net::ClientResponse& answer) {
  Change change = first;
  const Change* one[] = {&change};
  for (int i = 0; i < kRequestsMax; ++i) {
    const auto request = connector.build(one, {});
    if (!request) {
      return require(request.error().code == ErrorCode::kInvalid || request.error().code == ErrorCode::kNotFound,
                     "a change that can't be said is no defect", request.error().message);
    }
    check_request(*request);
    const auto outcomes = connector.read(one, answer);
    require(outcomes.size() == 1, "one change has one outcome");
    check_outcome(outcomes.front());
    follow(change, outcomes.front());
    if (outcomes.front().kind != Kind::kStepDone && outcomes.front().kind != Kind::kRepeat) return;
  }
  require(false, "a platform that always answers the same can't keep us busy for ever", change.event_type);
}

void check_together(const delivery::Connector& connector, const std::vector<Change>& changes,
                    const net::ClientResponse& answer) {
  for (const Verb verb : {Verb::kCreated, Verb::kUpdated, Verb::kDeleted}) {
    std::vector<const Change*> batch;
    for (const Change& change : changes) {
      if (change.verb != verb || batch.size() >= connector.batch_max(change.entity, verb)) continue;
      if (batch.empty() || connector.batches_with(*batch.front(), change)) batch.push_back(&change);
    }
    if (batch.size() < 2 || !connector.build(batch, "0190-batch")) continue;
    const auto outcomes = connector.read(batch, answer);
    require(outcomes.size() == batch.size(), "each change of a batch has an outcome");
    for (const Outcome& outcome : outcomes) check_outcome(outcome);
  }
}

}  // namespace datasync::fuzz
