// One event as a client sends it: what is accepted may be stored and passed on, and says the same however its JSON is
// written.

#include "event_world.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace datasync;
  const std::string_view text = fuzz::text_of(data, size);
  const auto context = fuzz::event_context();
  const auto event = api::read_event(text, context);
  const auto json = parse_json(text);
  fuzz::require(json.has_value() != (!event && event.error().status == 400), "400 is for what is no JSON");
  if (!json) return 0;
  const auto again = api::read_event(json->text(), context);
  fuzz::require(event.has_value() == again.has_value(), "the way in which JSON is written decides nothing",
                json->text());
  if (event) {
    fuzz::require(fuzz::told(**event) == fuzz::told(**again), "nor what it says", json->text());
    fuzz::check_event(**event);
  } else {
    fuzz::check_problem(event.error());
    fuzz::require(event.error().detail == again.error().detail, "nor what is wrong with it", json->text());
  }
  return 0;
}
