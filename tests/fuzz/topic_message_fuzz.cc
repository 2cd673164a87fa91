// A message of an input topic: its headers as `name: value` lines, and its value behind an empty line. What is read of
// it may go to the engine, and is the same whenever it is read.

#include "api/topic_message.h"
#include "event_world.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace datasync;
  std::string_view value = fuzz::text_of(data, size);
  std::string_view head = fuzz::take_until(value, "\n\n");
  bus::kafka::GroupConsumer::Message message;
  message.place = {"topic", 3};
  message.offset = 7;
  while (!head.empty()) {
    std::string_view line = fuzz::take_until(head, "\n");
    const std::string name(fuzz::take_until(line, ": "));
    message.headers.emplace_back(name, line);
  }
  message.value = value;
  const Timestamp now{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};
  message.written_at = now - seconds{60};
  const auto submission = api::read_topic_message(message, {fuzz::contract_catalog(), now, 64 * 1024});
  if (!submission) {
    if (submission.error().status != 413) fuzz::check_problem(submission.error());
    return 0;
  }
  const Event& event = *submission->event;
  fuzz::require(event.id.empty() == !submission->idempotency_key.empty(), "a key stands in for an id");
  fuzz::require(!event.tenant.empty(), "an event names its tenant");
  constexpr bool kOfAnyTenant = true;
  fuzz::check_event(event, kOfAnyTenant);
  const auto again = api::read_topic_message(message, {fuzz::contract_catalog(), now + seconds{3600}, 64 * 1024});
  fuzz::require(again.has_value(), "what can be read can be read again");
  fuzz::require(fuzz::told(*again->event) == fuzz::told(event), "and says the same", fuzz::told(event));
  fuzz::require(again->idempotency_key == submission->idempotency_key, "under the same key");
  return 0;
}
