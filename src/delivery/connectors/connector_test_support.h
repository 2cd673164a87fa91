#pragma once

#include <string>
#include <utility>
#include <vector>

#include "delivery/connector.h"
#include "domain/json.h"

namespace datasync::delivery::test {

inline Value json(std::string_view text) {
  return parse_json(text).value();
}
inline Fields fields(std::string_view text) {
  return parse_json_object(text).value();
}

/// A user's change on its way to `target`.
inline Change change_of(std::string entity, Verb verb, std::string_view data, std::string target = "bizoholic") {
  Change change;
  change.idempotency_key = "0190-event";
  change.event = EventId("0190-event");
  change.event_type = entity + "_" + std::string(to_string(verb));
  change.tenant = TenantId("tenant123");
  change.source = PlatformId("bizosaas");
  change.target = PlatformId(std::move(target));
  change.user_id = "u-7";
  change.entity = std::move(entity);
  change.verb = verb;
  change.entity_id = EntityId("canonical-1");
  change.version = RecordVersion{4};
  change.data = fields(data);
  return change;
}

inline Result<net::ClientResponse> answer(int status, std::string body,
                                          const std::vector<std::pair<std::string, std::string>>& headers = {}) {
  net::ClientResponse response;
  response.status = status;
  response.body = std::move(body);
  for (const auto& [name, value] : headers) response.headers.add(name, value);
  return response;
}

inline Outcome read_one(const Connector& connector, const Change& change, const Result<net::ClientResponse>& answer) {
  const Change* one[] = {&change};
  return connector.read(one, answer).at(0);
}

inline Result<net::ClientRequest> build_one(const Connector& connector, const Change& change) {
  const Change* one[] = {&change};
  return connector.build(one, {});
}

/// What the pipeline does with an outcome before the next attempt.
inline void follow(Change& change, const Outcome& outcome) {
  using Kind = Outcome::Kind;
  for (const OwnId& own : outcome.learned) change.known_ids.push_back(own);
  if (outcome.kind == Kind::kRepeat || outcome.kind == Kind::kUnknown) change.repeat_as_update = true;
  change.steps_done = outcome.steps_done;
}

}  // namespace datasync::delivery::test
