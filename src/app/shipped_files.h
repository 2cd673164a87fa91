#pragma once

#include <span>
#include <string_view>

namespace datasync::app {

/// A text file inside the binary, by its path below `config/`.
struct EmbeddedFile {
  std::string_view path;
  std::string_view content;
};

/// All of `config/`, sorted by path: the service needs no file on disk. Made by cmake/EmbedFiles.cmake.
[[nodiscard]] std::span<const EmbeddedFile> shipped_files();

}  // namespace datasync::app
