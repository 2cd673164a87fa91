#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "net/http_message.h"

namespace datasync::api {

/// What a body claims to be.
enum class BodyKind : std::uint8_t {
  kJson,  ///< also where nothing is said, or what curl says by itself
  kNdjson,
  kCloudEvent,  ///< structured mode
  kCloudEventBatch,
  kCloudEventBinary,  ///< attributes in `ce-` headers, data in the body
};

/// None for what is surely none of them (a form with files, XML) and for compressed bodies: 415.
[[nodiscard]] std::optional<BodyKind> body_kind_of(const net::HttpRequest& request);

/// The type without parameters: `application/json` of `Application/JSON; charset=utf-8`; compare it without case.
[[nodiscard]] std::string_view media_type_of(std::string_view content_type) noexcept;

[[nodiscard]] net::HttpResponse unsupported_body();

}  // namespace datasync::api
