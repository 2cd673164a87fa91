#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "transform/mapping.h"

namespace datasync::app {

/// The last good rates of the source as one JSON text: `{"base":"USD","rates":{"INR":{"as_of":"…","rate":"83.2"}}}`.
[[nodiscard]] std::string to_json(const transform::Quotes& quotes);
/// Errors: `kCorrupt` for anything that `to_json` does not write.
[[nodiscard]] Result<transform::Quotes> parse_quotes(std::string_view text);

/// Keeps them over a restart. Writing replaces the file as a whole: after a crash the former or the new one is there.
/// Threads: not thread-safe. It blocks for as long as the disk takes.
class RateFile {
 public:
  /// Beside that database.
  [[nodiscard]] static std::string beside(const std::string& database_file) { return database_file + ".rates.json"; }
  explicit RateFile(std::string path) : path_(std::move(path)) {}

  /// What was written last; empty if nothing was. Errors: `kUnavailable`, with the reason; `kCorrupt`.
  [[nodiscard]] Result<transform::Quotes> read() const;
  /// Errors: `kUnavailable`, with the reason; the former file stays.
  [[nodiscard]] Result<void> write(const transform::Quotes& quotes) const;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

}  // namespace datasync::app
