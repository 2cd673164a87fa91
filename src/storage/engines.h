#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "storage/store.h"

namespace datasync::storage {

struct OpenOptions {
  /// `DATABASE_URL`, or the path of a file.
  std::string location;
  std::string instance;  ///< who opens it, for the messages of other instances
};

/// One way to keep things. A new engine is one folder and one line in `engines()`; by that line it also joins the
/// contract tests.
struct Engine {
  std::string_view name;
  bool (*opens)(std::string_view location);  ///< the first engine that says yes gets it
  Result<std::unique_ptr<Store>> (*open)(const OpenOptions& options);
};

[[nodiscard]] std::span<const Engine> engines();

/// Opens the store that the location speaks of, makes or migrates its schema, and takes over its shards.
/// Errors: `kInvalid` for a location that no engine opens, or data of a newer version; else as the engine says.
[[nodiscard]] Result<std::unique_ptr<Store>> open_store(const OpenOptions& options);

}  // namespace datasync::storage
