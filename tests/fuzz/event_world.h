#pragma once

// Platforms, callers and a moment for the targets that read events.

#include <string>

#include "api/event_request.h"
#include "fuzz.h"
#include "pipeline/catalog.h"
#include "transform/contract_mapping_for_tests.h"

namespace datasync::fuzz {

/// The platforms and entities of the wire contract; no connectors.
inline const pipeline::Catalog& contract_catalog() {
  static const pipeline::Catalog catalog{transform::contract_mapper(), conflict::RuleBook{}, {}};
  return catalog;
}

/// May write for `t1` alone.
inline const security::Caller& caller_of_one_tenant() {
  static const security::Caller caller = [] {
    security::Caller made;
    made.subject = "someone";
    made.tenants = {TenantId{"t1"}};
    made.add(security::Role::kOperator);
    return made;
  }();
  return caller;
}

inline api::RequestContext event_context() {
  return {contract_catalog(), caller_of_one_tenant(),
          Timestamp{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}}};
}

/// A problem is told in JSON, whatever was wrong.
inline void check_problem(const api::Problem& problem) {
  require(problem.status == 400 || problem.status == 404 || problem.status == 415 || problem.status == 422,
          "a bad request is the client's fault", std::to_string(problem.status));
  const net::HttpResponse response = api::to_response(problem);
  const auto body = parse_json_object(response.body);
  require(body.has_value(), "a problem is JSON", response.body);
  const Value* detail = body->find("detail");
  require(detail != nullptr && detail->kind() == Value::Kind::kString, "a problem has a detail", response.body);
}

/// All that a read event says, as the store would keep it.
std::string told(const Event& event);

/// What holds for every event that was read: it may go to the engine, be stored and be written to each platform.
void check_event(const Event& event, bool of_any_tenant = false);

}  // namespace datasync::fuzz
