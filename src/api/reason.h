#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/event_request.h"
#include "domain/value.h"

namespace datasync::api {

/// Why a person does something; kept for those who read it later.
/// The member `reason` of a body: a string of 1 to 2000 bytes that says something. Errors: with its pointer.
[[nodiscard]] tl::expected<std::string, FieldError> reason_of(const Fields& members);

/// The body of a call that needs nothing but a reason: `{reason}`. Errors: 400 for what is no JSON object, 422.
[[nodiscard]] Read<std::string> read_reason(std::string_view body);

/// The members of a body. Errors: 400 for text that is no JSON, 422 for JSON that is no object.
[[nodiscard]] Read<Fields> read_members(std::string_view body);

}  // namespace datasync::api
