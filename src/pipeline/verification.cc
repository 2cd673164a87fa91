#include "pipeline/verification.h"

#include <algorithm>

#include "base/uuid.h"
#include "pipeline/engine.h"

namespace datasync::pipeline {
namespace {

const std::string kEventId = "event_id";
const std::string kExpiresAt = "expires_at";

}  // namespace

std::shared_ptr<Event> make_verification_request(const Conflict& review, const Conflict::Side& side,
                                                 const PlatformId& notifier, Timestamp expires_at) {
  auto event = std::make_shared<Event>();
  event->tenant = review.tenant;
  event->type = std::string(kVerificationEntity) + "_created";
  event->entity = kVerificationEntity;
  event->verb = Verb::kCreated;
  event->source = kReviewer;
  event->targets = {notifier};
  event->entity_id = EntityId(review.id);
  event->expires_at = expires_at;
  Fields& data = event->data;
  data.set("entity_type", Value::string(review.entity));
  data.set("entity_id", Value::string(review.entity_id.str()));
  data.set("field", Value::string(side.field));
  data.set("value", side.source_value);
  data.set("previous_value", side.target_value);
  data.set("source_platform", Value::string(side.platform.str()));
  data.set(kEventId, Value::string(side.event.str()));
  data.set(kExpiresAt, Value::string(format_rfc3339(expires_at)));
  event->order_key = order_key_of(*event);
  return event;
}

bool is_verification_request(const Event& event) noexcept {
  return event.entity == kVerificationEntity && event.source == kReviewer;
}

Result<void> add_token(const security::VerificationTokens& tokens, std::string_view link, const Event& event,
                       Fields& said) {
  const Value* event_id = said.find(kEventId);
  const Value* until = said.find(kExpiresAt);
  const auto expires_at = until == nullptr ? std::nullopt : until->as_string();
  const auto time = parse_rfc3339(expires_at.value_or(""));
  const auto proposal = event_id == nullptr ? std::nullopt : event_id->as_string();
  const auto token =
      time && proposal ? tokens.make({event.entity_id.str(), tokens.proposal_of(*proposal), *time}) : std::nullopt;
  if (!token) return fail(ErrorCode::kInternal, "the request for a verification can't be read");
  said.set("token", Value::string(*token));
  if (!link.empty()) said.set("link", Value::string(std::string(link) + *token));
  return {};
}

std::string id_of_declined(const std::string& review, Hash128 proposal) {
  return format_uuid(
      uuid_of_name("declined " + review + " " + std::to_string(proposal.high) + " " + std::to_string(proposal.low)));
}

VerificationView view_verification(const Conflict& review, const security::VerificationTokens& tokens,
                                   const security::VerificationClaim& claim, Timestamp now) {
  using State = VerificationState;
  const auto side = std::find_if(review.fields.begin(), review.fields.end(), [&](const Conflict::Side& one) {
    return tokens.proposal_of(one.event.str()) == claim.proposal;
  });
  const bool is_open = review.status == "open";
  if (side == review.fields.end()) return {claim.expires_at <= now ? State::kExpired : State::kSuperseded, nullptr};
  if (!is_open && review.resolved_by == kVerifiedBy) {
    if (side->outcome == Conflict::Outcome::kSource) return {State::kConfirmed, &*side};
    // Of several proposals only the last is declined by closing the review.
    if (review.fields.size() == 1) return {State::kDeclined, &*side};
    return {State::kClosed, &*side};
  }
  if (claim.expires_at <= now) return {State::kExpired, &*side};
  return {is_open ? State::kOpen : State::kClosed, &*side};
}

}  // namespace datasync::pipeline
