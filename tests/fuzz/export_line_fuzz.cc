// Lines of an export, as an operator hands them in. What can be read is written and read again as the same line.

#include "fuzz.h"
#include "storage/codec/export_codec.h"

namespace datasync::fuzz {
namespace {

using namespace storage;

template <typename Part>
void append(std::string& out, const std::optional<Part>& part) {
  if (part) append_export_line(out, *part);
}

std::string written(const ExportLine& line) {
  std::string out;
  append(out, line.marks);
  append(out, line.lane_state);
  append(out, line.record);
  append(out, line.identity);
  append(out, line.event);
  append(out, line.conflict);
  append(out, line.counts);
  return out;
}

void check_line(std::string_view bytes) {
  const auto line = read_export_line(bytes);
  if (!line) return;
  const std::string once = written(*line);
  require(once.find('\n') == once.size() - 1, "it is one line", once);
  const auto again = read_export_line(once);
  require(again.has_value(), "a line that was written can be read", once);
  require(written(*again) == once, "and says the same", once);
}

}  // namespace
}  // namespace datasync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  datasync::fuzz::check_line(datasync::fuzz::text_of(data, size));
  return 0;
}
