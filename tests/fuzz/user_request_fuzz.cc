// A user as a client sends it, and the event that is made of it.

#include "api/user_request.h"
#include "event_world.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace datasync;
  const std::string_view text = fuzz::text_of(data, size);
  const auto context = fuzz::event_context();
  auto user = api::read_user(text, context);
  const auto json = parse_json(text);
  fuzz::require(json.has_value() != (!user && user.error().status == 400), "400 is for what is no JSON");
  if (!user) {
    fuzz::check_problem(user.error());
    return 0;
  }
  const auto again = api::read_user(json->text(), context);
  fuzz::require(again && again->user_id == user->user_id && again->event.outer == user->event.outer &&
                    again->event.inner == user->event.inner,
                "the way in which JSON is written decides nothing", json->text());
  fuzz::require(user->tenant == TenantId{"t1"}, "a user is of the caller's tenant");
  fuzz::require(!api::fault_of_id(user->user_id), "a user's id is one that a client may have");
  user->event.outer.set("event_type", Value::string("user_updated"));
  const auto event = api::read_event(user->event, context);
  if (event) {
    fuzz::require((*event)->entity_id == EntityId{user->user_id}, "the event is about the user");
    fuzz::require((*event)->tenant == user->tenant && (*event)->entity == "user", "in its tenant, as a user");
    fuzz::check_event(**event);
  } else {
    fuzz::check_problem(event.error());
    // Members of the envelope that a user may carry, such as `priority`, are judged only now.
    fuzz::require(event.error().status == 422, "only what a user said of its event can be wrong with it");
  }
  return 0;
}
