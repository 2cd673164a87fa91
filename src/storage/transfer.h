#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "storage/contents.h"

namespace datasync::storage {

/// Takes text of an export, in its order. A failure of it ends the export.
using ExportSink = std::function<Result<void>(std::string_view text)>;
/// Gives the next line of an export; none at its end.
using ExportSource = std::function<Result<bool>(std::string& line)>;

/// Writes all that the database at `location` holds as lines of JSON (`codec/export_codec.h`), as of one moment, beside
/// the service that writes it. The last line says how many there were of each, so that a file that was cut is known.
/// Errors: as `open_view`; what `sink` says.
[[nodiscard]] Result<ContentCounts> export_contents(const std::string& location, const ExportSink& sink);

/// Fills the database at `location`, which must be empty or not there, from the lines of an export. A database whose
/// import did not come to its end is not opened by anything else.
/// Errors: `kInvalid` if something is there already; `kCorrupt`, with the line's number, for a line that is none of an
///         export, or for one that was cut; as `open_store`; what `source` says.
[[nodiscard]] Result<ContentCounts> import_contents(const std::string& location, const ExportSource& source);

}  // namespace datasync::storage
