#pragma once

#include <memory>

#include "base/result.h"
#include "storage/store.h"

namespace datasync::app {

/// Two empty stores that nobody needs later. They are on the disk, since a history may be larger than memory, in files
/// for the user alone that have no name any more once they are open: whatever becomes of this process, nothing is left.
struct ScratchStores {
  std::unique_ptr<storage::Store> first, second;
};
/// In TMPDIR, else in /tmp. Errors: `kUnavailable`.
[[nodiscard]] Result<ScratchStores> open_scratch_stores();

}  // namespace datasync::app
