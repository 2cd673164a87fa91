// Times as clients and platforms write them.

#include <cstring>

#include "base/time.h"
#include "delivery/connectors/http_outcome.h"
#include "fuzz.h"

namespace datasync::fuzz {
namespace {

constexpr Timestamp kLast{std::chrono::sys_days{std::chrono::year{9999} / 12 / 31} + std::chrono::hours{24} -
                          microseconds{1}};

void check_time(Timestamp time) {
  require(time >= Timestamp{} && time <= kLast, "a time lies between 1970 and 9999");
  const std::string text = format_rfc3339(time);
  const auto again = parse_rfc3339(text);
  require(again && *again == time, "a time that was written is the same time", text);
}

}  // namespace
}  // namespace datasync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace datasync;
  const std::string_view text = fuzz::text_of(data, size);
  if (const auto time = parse_rfc3339(text)) fuzz::check_time(*time);
  if (const auto time = delivery::parse_http_date(text)) {
    fuzz::require(*time >= Timestamp{}, "a date of HTTP lies after 1970");
  }
  std::uint64_t micros = 0;
  std::memcpy(&micros, data, std::min(size, sizeof micros));
  const auto range = static_cast<std::uint64_t>(fuzz::kLast.time_since_epoch().count());
  fuzz::check_time(Timestamp{microseconds{static_cast<std::int64_t>(micros % range)}});
  return 0;
}
