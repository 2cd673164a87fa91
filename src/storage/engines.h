#pragma once

#include <cstdint>
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

/// What a store holds, to be read beside the service that writes it. Takes no lock and changes nothing.
struct View {
  std::unique_ptr<Reader> reader;
  std::string identity_secret;
  Sequence last_sequence{};  ///< when it was opened
};

/// The schema of a database, and the newest one. `found` 0: nothing is there yet.
struct SchemaVersions {
  std::int64_t found = 0;
  std::int64_t newest = 0;
};

/// One way to keep things. A new engine is one folder and one line in `engines()`; by that line it also joins the
/// contract tests.
struct Engine {
  std::string_view name;
  bool (*opens)(std::string_view location);  ///< the first engine that says yes gets it
  Result<std::unique_ptr<Store>> (*open)(const OpenOptions& options);
  Result<void> (*migrate)(const std::string& location);
  Result<View> (*view)(const std::string& location);
  Result<SchemaVersions> (*look_at_schema)(const std::string& location);
  std::string (*describe)(const std::string& location);
};

[[nodiscard]] std::span<const Engine> engines();

/// Opens the store that the location speaks of, makes or migrates its schema, and takes over its shards.
/// Errors: `kInvalid` for a location that no engine opens, or data of a newer version; else as the engine says.
[[nodiscard]] Result<std::unique_ptr<Store>> open_store(const OpenOptions& options);

/// Makes or migrates the schema, and takes nothing over. Errors: as `open_store`.
[[nodiscard]] Result<void> migrate(const std::string& location);

/// Errors: `kInvalid` for data of another schema than this program's; `kUnavailable` where there is none.
[[nodiscard]] Result<View> open_view(const std::string& location);

/// Changes nothing. Errors: as `open_store`.
[[nodiscard]] Result<SchemaVersions> look_at_schema(const std::string& location);

/// Where it is, for people and the log: without user and password.
[[nodiscard]] std::string describe(const std::string& location);

}  // namespace datasync::storage
