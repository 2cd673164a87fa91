#pragma once

#include "base/result.h"

namespace datasync::app {

/// Tells people on stderr why the program does not go on. Returns the exit code: 69 for what may be well later, 78 for
/// what somebody must put right.
[[nodiscard]] int refuse(const Error& error);

/// A write to a closed socket or pipe, or past a limit on the size of files, is an error code, not a signal.
void take_signals_of_writes_as_errors();

/// What the database holds is personal: the files that this process makes are for its own user alone.
void keep_files_private();

}  // namespace datasync::app
