#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace datasync::storage {

/// First byte of every stored value that may hold personal data. What follows is never queried inside SQL, only shown
/// to operators where it is plain. Numbers are stored, so they never change their meaning.
enum class Codec : std::uint8_t {
  kPlain = 0,  ///< the text as it is
  kZstd = 1,   ///< one zstd frame that names its content size
};

/// Texts from this size on are compressed where that makes them smaller: below it the gain is less than a page.
inline constexpr std::size_t kCompressFromBytes = 2048;
/// No stored value is larger when opened; a frame that claims more is damaged.
inline constexpr std::size_t kOpenedBytesMax = 64U << 20U;

/// Appends `text` in its envelope to `out`. Threads: any; each keeps one compression context.
void append_envelope(std::string& out, std::string_view text);
/// Wraps what stands in `out` from `from` on: the byte at `from` was left free for the codec, the text follows it.
void close_envelope(std::string& out, std::size_t from);

/// The text inside. It lies in `envelope`, or in `buffer` if it had to be unpacked.
/// Errors: `kCorrupt` for an unknown codec or a damaged frame.
[[nodiscard]] Result<std::string_view> open_envelope(std::string_view envelope, std::string& buffer);

}  // namespace datasync::storage
