#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "delivery/connector.h"
#include "delivery/connectors/json_pointer.h"

namespace datasync::delivery {

/// What HTTP alone tells of an attempt; the same for every kind of platform. Pure functions over what came in, which is
/// never trusted.

/// The meaning of a status that is no success: 408, 425, 429, 500, 503 and other 5xx refused; 502 and 504 unknown,
/// since the gateway does not know either; 401, 403 unauthorized; 409, 412 moved on; 410 gone; all else rejected,
/// redirects and unasked-for successes too. A status below 200 is no final answer: unknown.
[[nodiscard]] Outcome::Kind kind_of_status(int status) noexcept;

/// No answer came. `kBefore` is refused, since nothing was sent; but a request that is malformed is rejected. All else
/// is unknown. `asked` is `POST /api/sync/user/create`.
[[nodiscard]] Outcome outcome_of_error(std::string_view platform, std::string_view asked, const Error& error);

/// An answer that was too large to read told its status before that: 200 is a success all the same.
[[nodiscard]] std::optional<int> status_before(const Error& error);

/// The answer's `Retry-After`: seconds, or an HTTP date measured against the answer's own `Date`; none for all else, so
/// no clock of ours is needed. 0 to 24 h.
[[nodiscard]] std::optional<milliseconds> retry_after_of(const net::ClientResponse& response);

/// IMF-fixdate (RFC 9110, 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`; none for all else.
[[nodiscard]] std::optional<Timestamp> parse_http_date(std::string_view text);

inline constexpr std::size_t kMessageBytesMax = 200;
/// What a platform wrote, fit for one line of a log: control characters are spaces, broken UTF-8 is `?`, and it ends
/// with `…` at a whole character where it was longer.
[[nodiscard]] std::string cleaned(std::string_view text, std::size_t bytes_max = kMessageBytesMax);

/// The platform's own words, as they came (`RequestHeaders::printable` makes them fit to be shown): the first of
/// `places` that has some in a JSON answer, else all of it.
[[nodiscard]] std::string words_of(std::string_view body, const std::vector<JsonPointer>& places);

/// A string, or a number that is whole, as an id: none if it is empty, over 255 bytes or has a control character.
[[nodiscard]] std::optional<std::string> id_of(const Value& value);
/// The same for platforms whose ids are strings only.
[[nodiscard]] std::optional<std::string> string_id_of(const Value& value);

/// The newest id by which the target knows the change's record in that role; empty if none.
[[nodiscard]] std::string_view own_id_of(const Change& change, std::string_view role = {}) noexcept;

/// `create`, `update` or `delete`: as addresses name a verb.
[[nodiscard]] std::string_view imperative(Verb verb) noexcept;

}  // namespace datasync::delivery
