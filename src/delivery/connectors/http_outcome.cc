#include "delivery/connectors/http_outcome.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "domain/json.h"

namespace datasync::delivery {
namespace {

using Kind = Outcome::Kind;

constexpr std::chrono::hours kRetryAfterMax{24};

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::optional<int> number_in(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool digits = !text.empty() && text.front() >= '0' && text.front() <= '9';
  if (!digits || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// Bytes of the UTF-8 character at the front; 0 if it is broken. Overlong forms and surrogates count as broken.
std::size_t character_bytes(std::string_view text) {
  const auto byte = [text](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto follows = [&byte](std::size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool allowed = !(first == 0xe0 && byte(1) < 0xa0) && !(first == 0xed && byte(1) > 0x9f);
    return allowed && follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool allowed = !(first == 0xf0 && byte(1) < 0x90) && !(first == 0xf4 && byte(1) > 0x8f);
    return allowed && follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

/// A space for a control character (C0, DEL, C1), nothing more for several in a row.
void append_clean(std::string& out, std::string_view character) {
  const auto first = static_cast<unsigned char>(character.front());
  const bool c1 = first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
  if (first > 0x20 && first != 0x7f && !c1) {
    out += character;
  } else if (!out.empty() && out.back() != ' ') {
    out += ' ';
  }
}

std::optional<std::string> text_in(const Value& value) {
  if (value.is_null()) return std::nullopt;
  return value.as_string().value_or(value.text());
}

}  // namespace

Outcome::Kind kind_of_status(int status) noexcept {
  switch (status) {
    case 401:
    case 403:
      return Kind::kUnauthorized;
    case 408:
    case 425:
    case 429:
      return Kind::kRefused;
    case 409:
    case 412:
      return Kind::kMovedOn;
    case 410:
      return Kind::kGone;
    case 502:
    case 504:
      return Kind::kUnknown;
    default:
      break;
  }
  if (status < 200) return Kind::kUnknown;
  return status >= 500 ? Kind::kRefused : Kind::kRejected;
}

Outcome outcome_of_error(std::string_view platform, std::string_view asked, const Error& error) {
  Outcome outcome;
  const bool before = error.stage == Stage::kBefore;
  if (before && error.code == ErrorCode::kInvalid) {
    outcome.kind = Kind::kRejected;
    outcome.message = fmt::format("{} can't be asked {}: {}", platform, asked, cleaned(error.message));
  } else if (before) {
    outcome.kind = Kind::kRefused;
    outcome.message = fmt::format("{} was not reached for {}: {}", platform, asked, cleaned(error.message));
  } else {
    outcome.kind = Kind::kUnknown;
    outcome.message =
        fmt::format("{} gave no answer to {}, it may have acted on it: {}", platform, asked, cleaned(error.message));
  }
  return outcome;
}

std::optional<int> status_before(const Error& error) {
  constexpr std::string_view kBefore = "status ";  // as `net::ClientResult` describes `kTooLarge`
  if (error.code != ErrorCode::kTooLarge || !error.detail.starts_with(kBefore)) return std::nullopt;
  const auto status = number_in(std::string_view(error.detail).substr(kBefore.size()));
  return status && *status >= 200 && *status <= 599 ? status : std::nullopt;
}

std::optional<milliseconds> retry_after_of(const net::ClientResponse& response) {
  const auto header = response.headers.find("Retry-After");
  if (!header) return std::nullopt;
  if (!header->empty() && std::all_of(header->begin(), header->end(), [](char c) { return c >= '0' && c <= '9'; })) {
    // More digits than an int holds is a long time, too.
    return std::min<milliseconds>(seconds{number_in(*header).value_or(1'000'000)}, kRetryAfterMax);
  }
  const auto until = parse_http_date(*header);
  const auto date = response.headers.find("Date");
  const auto now = date ? parse_http_date(*date) : std::nullopt;
  if (!until || !now) return std::nullopt;
  return std::clamp<milliseconds>(std::chrono::duration_cast<milliseconds>(*until - *now), milliseconds{0},
                                  kRetryAfterMax);
}

std::optional<Timestamp> parse_http_date(std::string_view text) {
  static constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  constexpr std::string_view kShape = "Sun, 06 Nov 1994 08:49:37 GMT";
  if (text.size() != kShape.size() || text.substr(25) != " GMT" || text.substr(3, 2) != ", ") return std::nullopt;
  if (text[7] != ' ' || text[11] != ' ' || text[16] != ' ' || text[19] != ':' || text[22] != ':') return std::nullopt;
  const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  const auto day = number_in(text.substr(5, 2));
  const auto year = number_in(text.substr(12, 4));
  const auto hour = number_in(text.substr(17, 2));
  const auto minute = number_in(text.substr(20, 2));
  const auto second = number_in(text.substr(23, 2));
  if (month == kMonths.end() || !day || !year || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(month - kMonths.begin()) + 1},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok() || *year < 1970 || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  return Timestamp{std::chrono::sys_days{date} + std::chrono::hours{*hour} + std::chrono::minutes{*minute} +
                   seconds{*second}};
}

std::string cleaned(std::string_view text, std::size_t bytes_max) {
  std::string out;
  out.reserve(std::min(text.size(), bytes_max) + 3);
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    const std::size_t before = out.size();
    append_clean(out, bytes == 0 ? "?" : text.substr(0, bytes));
    if (out.size() > bytes_max) {
      out.resize(before);
      out += "…";
      return out;
    }
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string words_of(std::string_view body, const std::vector<JsonPointer>& places) {
  const auto first = body.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && (body[first] == '{' || body[first] == '[')) {
    if (const auto json = parse_json(body)) {
      for (const JsonPointer& place : places) {
        const auto value = place.find(*json);
        auto text = value ? text_in(*value) : std::nullopt;
        if (text && !text->empty()) return *std::move(text);
      }
      return json->text();  // without needless escapes
    }
  }
  return body.empty() ? "(no words)" : std::string(body);
}

std::optional<std::string> string_id_of(const Value& value) {
  auto id = value.as_string();
  if (!id || id->empty() || id->size() > kClientIdBytesMax || has_control_character(*id)) return std::nullopt;
  return id;
}

std::optional<std::string> id_of(const Value& value) {
  if (value.kind() != Value::Kind::kNumber) return string_id_of(value);
  const std::string& text = value.text();
  const bool whole = text.find_first_not_of("0123456789-") == std::string::npos;
  if (!whole) return std::nullopt;
  return text;
}

std::string_view own_id_of(const Change& change, std::string_view role) noexcept {
  for (auto at = change.known_ids.rbegin(); at != change.known_ids.rend(); ++at) {
    if (at->role == role) return at->id;
  }
  return {};
}

std::string_view imperative(Verb verb) noexcept {
  switch (verb) {
    case Verb::kCreated:
      return "create";
    case Verb::kUpdated:
      return "update";
    case Verb::kDeleted:
      return "delete";
  }
  return "update";
}

}  // namespace datasync::delivery
