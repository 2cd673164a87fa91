// An entry of the log that events are accepted into: its headers, a line each, and its value. What can be read is
// written and read again as the same entry.

#include "fuzz.h"
#include "pipeline/log_entry.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace datasync;
  std::string_view rest = fuzz::text_of(data, size);
  std::array<std::string, pipeline::kLogHeaders.size()> headers;
  for (std::string& header : headers) header = fuzz::take_until(rest, "\n");
  const auto read = pipeline::read_log_entry(headers, rest);
  if (!read) {
    fuzz::require(read.error().code == ErrorCode::kCorrupt, "what can't be read is damaged");
    return 0;
  }
  const auto once = pipeline::write_log_entry(*read);
  const auto find = [&once](std::string_view name) -> std::optional<std::string> {
    for (const auto& [known, text] : once.headers) {
      if (known == name) return text;
    }
    return std::nullopt;
  };
  const auto again = pipeline::read_log_entry(find, once.value);
  fuzz::require(again.has_value(), "an entry that was written can be read", once.value);
  const auto twice = pipeline::write_log_entry(*again);
  fuzz::require(twice.value == once.value && twice.headers == once.headers, "and says the same", once.value);
  return 0;
}
