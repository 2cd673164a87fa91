#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "storage/contents.h"

namespace datasync::storage::postgres {

/// All that a database holds, in one snapshot of its server. Errors: as `open_postgres_view`.
[[nodiscard]] Result<std::unique_ptr<Contents>> open_postgres_contents(const std::string& url);

/// Makes an empty database for what has these marks, which nothing opens but an import.
/// Errors: `kInvalid` if something is there already; as `open_postgres_store`.
[[nodiscard]] Result<void> begin_import(const std::string& url, const ContentMarks& marks);
/// Gives it free. Numbers up to `last` were given out already.
[[nodiscard]] Result<void> end_import(const std::string& url, Sequence last);
/// Errors: `kInvalid` between the two; as `open_postgres_store`.
[[nodiscard]] Result<void> expect_no_import(const std::string& url);

}  // namespace datasync::storage::postgres
