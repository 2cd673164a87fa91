#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "storage/contents.h"

namespace datasync::storage {

// The lines of an export, each one compact JSON object with one member that says what it is, so that engines can be
// changed: names and numbers never change their meaning. What is packed in a store is so here, in Base64. A line may
// grow members; one that is not known is an error, for nothing may be lost.

void append_export_line(std::string& out, const ContentMarks& marks);
void append_export_line(std::string& out, const LaneState& state);
void append_export_line(std::string& out, const Record& record);
void append_export_line(std::string& out, const IdentityWrite& identity);
void append_export_line(std::string& out, const ContentEvent& event);
void append_export_line(std::string& out, const Conflict& conflict);
/// The last line: how many there were of each.
void append_export_line(std::string& out, const ContentCounts& counts);

/// What a line says.
struct ExportLine {
  std::optional<ContentMarks> marks;
  std::optional<LaneState> lane_state;
  std::optional<Record> record;
  std::optional<IdentityWrite> identity;
  std::optional<ContentEvent> event;
  std::optional<Conflict> conflict;
  std::optional<ContentCounts> counts;
};
/// Errors: `kCorrupt` for what `append_export_line` did not write.
[[nodiscard]] Result<ExportLine> read_export_line(std::string_view line);

}  // namespace datasync::storage
