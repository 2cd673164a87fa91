#pragma once

#include <memory>
#include <optional>
#include <string>

#include "api/call.h"
#include "api/event_request.h"
#include "pipeline/engine.h"

namespace datasync::api {

/// The request's `Idempotency-Key`; empty without one. Errors: 400 for one that is no id of a client.
[[nodiscard]] Read<std::string> idempotency_key_of(const net::HttpRequest& request);

/// What every event takes over from its request: the trace context.
void add_request_context(const net::HttpRequest& request, Event& event);

/// 201 for what is new, 200 for what came again, 409 for another content under a known id, 413 for what is too large.
[[nodiscard]] net::HttpResponse receipt_response(const pipeline::Receipt& receipt);

}  // namespace datasync::api
