#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "domain/value.h"

namespace datasync::cli {

/// An event as it is put together on a command line. What is given by name goes before the file.
struct EventDraft {
  std::string type;                 ///< `user_created`; may be missing where a file is given
  std::vector<std::string> fields;  ///< `name=text` and `name:=json`
  std::string file;                 ///< JSON of an event; `-` is standard input
  std::string source, tenant, id, entity_id, user_id;
  std::vector<std::string> targets;
  std::optional<std::int64_t> priority, base_version;

  void declare(Options& options);
  /// The body of `POST /sync/events`.
  /// Errors: `kInvalid`, for the person who typed it: a file that can't be read, a field that is none, what is missing.
  [[nodiscard]] Result<Fields> build(const Session& session) const;

 private:
  [[nodiscard]] Result<Fields> read_file(const Session& session) const;
  [[nodiscard]] std::optional<Error> add_data(Fields& event) const;
};

}  // namespace datasync::cli
