#pragma once

#include <span>
#include <string_view>

namespace datasync::api {

/// A file of `ui/` or of this room that was built into the binary.
struct EmbeddedFile {
  std::string_view path;
  std::string_view text;
};

/// The live page, by path below `ui/live/`.
[[nodiscard]] std::span<const EmbeddedFile> live_page_files();
/// `openapi.json` and `docs.html`.
[[nodiscard]] std::span<const EmbeddedFile> description_files();

/// The file's text; empty if there is none.
[[nodiscard]] inline std::string_view find_file(std::span<const EmbeddedFile> files, std::string_view path) noexcept {
  for (const EmbeddedFile& file : files) {
    if (file.path == path) return file.text;
  }
  return {};
}

}  // namespace datasync::api
