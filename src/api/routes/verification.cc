#include <memory>
#include <utility>

#include "api/routes/routes.h"
#include "api/verification_view.h"

// The holder of an address says whether it is theirs. The token in the path is all the authority there is: it names one
// proposal in one review, so the call can reach nothing else.

namespace datasync::api::routes {
namespace {

using State = pipeline::VerificationState;

/// What the token speaks of, as it stands.
struct Found {
  Verification shown;
  TenantId tenant;
  std::string conflict;
  EventId proposal;
};

/// Errors: of the store.
Result<std::optional<Conflict>> find_conflict(const std::string& id, storage::Reader& reader) {
  storage::Reader::ConflictFilter filter;
  filter.id = id;
  filter.limit = 1;
  auto page = reader.list_conflicts(filter);
  if (!page) return fail(std::move(page).error());
  if (page->conflicts.empty()) return std::nullopt;
  return std::move(page->conflicts.front());
}

/// None where there is no such review any more. Errors: of the store.
Result<std::optional<Found>> look(const Services& services, const security::VerificationClaim& claim,
                                  storage::Reader& reader) {
  const auto view = [&](const Conflict& conflict) {
    return pipeline::view_verification(conflict, services.verifications, claim, services.clock.now());
  };
  const auto review = find_conflict(claim.conflict, reader);
  if (!review) return fail(review.error());
  if (!*review) return std::nullopt;
  pipeline::VerificationView seen = view(**review);
  Result<std::optional<Conflict>> declined;
  if (seen.side == nullptr) {  // perhaps it was one of several and was declined alone
    declined = find_conflict(pipeline::id_of_declined(claim.conflict, claim.proposal), reader);
    if (!declined) return fail(declined.error());
    if (*declined) seen = view(**declined);
  }
  Found found{{seen.state, (*review)->entity, {}, {}, {}, claim.expires_at}, (*review)->tenant, (*review)->id, {}};
  if (seen.side != nullptr) {
    found.shown.field = seen.side->field;
    found.shown.value = masked(seen.side->source_value.as_string().value_or(""));
    found.shown.platform = seen.side->platform.str();
    found.proposal = seen.side->event;
  }
  return found;
}

enum class Wish : std::uint8_t { kLook, kConfirm, kDecline };

/// One answer on its way: asked for, looked up, decided.
struct Asked {
  Call call;
  security::VerificationClaim claim;
  Wish wish = Wish::kLook;

  [[nodiscard]] std::string_view token() const { return call.parameters[0]; }
  void send(net::HttpResponse response) { std::move(call.reply).send(std::move(response)); }
  /// The same word twice has the same answer; the other one comes too late.
  void tell(const Verification& now) {
    const bool opposite = (wish == Wish::kConfirm && now.state == State::kDeclined) ||
                          (wish == Wish::kDecline && now.state == State::kConfirmed);
    send(opposite ? refuse_verification(call, now) : answer_verification(call, now, token()));
  }
};

void look_and_tell(Services& services, std::shared_ptr<Asked> asked, bool again = false);

void decide(Services& services, std::shared_ptr<Asked> asked, const Found& found) {
  pipeline::ReviewDecision decision;
  decision.tenants = {found.tenant};
  decision.conflict = found.conflict;
  const bool confirms = asked->wish == Wish::kConfirm;
  decision.choice = confirms ? pipeline::ReviewDecision::Choice::kSource : pipeline::ReviewDecision::Choice::kTarget;
  decision.proposal = found.proposal;
  decision.by = pipeline::kVerifiedBy;
  decision.reason = confirms ? "confirmed by who holds it" : "declined by who holds it";
  Verification shown = found.shown;
  shown.state = confirms ? State::kConfirmed : State::kDeclined;
  services.backend.decide(std::move(decision), [&services, asked, shown](Result<Conflict> outcome) mutable {
    if (outcome) return asked->tell(shown);
    const ErrorCode code = outcome.error().code;
    if (code != ErrorCode::kConflict && code != ErrorCode::kNotFound) return asked->send(to_response(outcome.error()));
    look_and_tell(services, std::move(asked), true);  // somebody was quicker: perhaps with the same word
  });
}

void look_and_tell(Services& services, std::shared_ptr<Asked> asked, bool again) {
  WorkPool::Job job = [&services, asked, again](const WorkPool::GetReader& get_reader) {
    const auto reader = get_reader();
    if (!reader) return asked->send(to_response(reader.error()));
    const auto found = look(services, asked->claim, **reader);
    if (!found) return asked->send(to_response(found.error()));
    if (!*found) return asked->send(no_verification(asked->call));
    const bool decides = asked->wish != Wish::kLook && (*found)->shown.state == State::kOpen;
    if (!decides) return asked->tell((*found)->shown);
    if (again) return asked->send(overloaded());  // something else was in its way: the next try will tell
    decide(services, asked, **found);
  };
  if (!services.queries->post(job)) asked->send(overloaded());
}

/// Strangers may call: what is no token of ours is told so here, and takes no place from others.
void answer(Services& services, Call call, Wish wish) {
  const auto claim = services.verifications.read(call.parameters[0]);
  if (claim) return look_and_tell(services, std::make_shared<Asked>(Asked{std::move(call), *claim, wish}));
  net::HttpResponse none = no_verification(call);
  std::move(call.reply).send(std::move(none));
}

}  // namespace

/// GET /sync/verifications/{token}: what is asked. Changes nothing, since mail scanners open links.
void get_verification(Services& services, Call call) {
  answer(services, std::move(call), Wish::kLook);
}

/// POST /sync/verifications/{token}/confirm: the value that waits is everybody's from now on.
void confirm_verification(Services& services, Call call) {
  answer(services, std::move(call), Wish::kConfirm);
}

/// POST /sync/verifications/{token}/decline: all stays as it was, and the platform that asked is told so.
void decline_verification(Services& services, Call call) {
  answer(services, std::move(call), Wish::kDecline);
}

}  // namespace datasync::api::routes
