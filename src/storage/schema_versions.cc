#include "storage/schema_versions.h"

#include <string>

namespace datasync::storage {

Result<std::int64_t> schema_to_reach(const SchemaVersions& versions, std::optional<std::int64_t> wanted) {
  const std::int64_t to = wanted.value_or(versions.newest);
  if (to > versions.newest) {
    return fail(ErrorCode::kInvalid, "this program knows schemas up to " + std::to_string(versions.newest) +
                                         "; the version of it that brought schema " + std::to_string(to) +
                                         " must be used");
  }
  if (to < versions.found) {
    return fail(ErrorCode::kInvalid, "the database has schema " + std::to_string(versions.found) +
                                         ", and no way leads back to " + std::to_string(to) +
                                         "; restore a backup that was made before it was migrated");
  }
  return to;
}

}  // namespace datasync::storage
