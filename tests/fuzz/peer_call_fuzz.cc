// What one instance asks of another, and answers it. What can be read is written and read again as the same bytes.

#include "api/peer_wire.h"
#include "fuzz.h"

namespace datasync::fuzz {
namespace {

using namespace api;

void check_call(std::string_view bytes) {
  const auto call = decode_call(bytes);
  if (!call) return;
  const std::string once = encode_call(*call);
  const auto again = decode_call(once);
  require(again.has_value(), "a call that was written can be read", once);
  require(encode_call(*again) == once, "and says the same", once);
}

template <typename T>
void check_answer(std::string_view bytes) {
  const auto answer = decode_answer<T>(bytes);
  const std::string once = encode_answer(answer);
  const auto again = decode_answer<T>(once);
  require(again.has_value() == answer.has_value(), "a value stays one, and so does an error", once);
  require(encode_answer(again) == once, "and says the same", once);
}

}  // namespace
}  // namespace datasync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace datasync;
  const std::string_view bytes = fuzz::text_of(data, size);
  fuzz::check_call(bytes);
  fuzz::check_answer<api::Receipts>(bytes);
  fuzz::check_answer<pipeline::Redriven>(bytes);
  fuzz::check_answer<Conflict>(bytes);
  fuzz::check_answer<EventId>(bytes);
  fuzz::check_answer<pipeline::Merged>(bytes);
  return 0;
}
