#include "base/time.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace datasync {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

/// Takes exactly `width` digits from the front of `text`.
bool take_number(std::string_view& text, std::size_t width, int& out) {
  if (text.size() < width) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + width, out);
  if (error != std::errc{} || end != text.data() + width || text[0] == '-' || text[0] == '+') return false;
  text.remove_prefix(width);
  return true;
}

bool take_char(std::string_view& text, std::string_view allowed) {
  if (text.empty() || allowed.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// The fraction of a second; digits past the microsecond are checked and dropped.
bool take_fraction(std::string_view& text, microseconds& out) {
  std::int64_t micros = 0;
  std::size_t digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    if (digits < 6) micros = micros * 10 + (text.front() - '0');
    ++digits;
    text.remove_prefix(1);
  }
  for (std::size_t i = digits; i < 6; ++i) micros *= 10;
  out = microseconds{micros};
  return digits > 0;
}

bool take_offset(std::string_view& text, minutes& out) {
  if (text.empty()) return true;
  if (take_char(text, "Zz")) return true;
  const bool negative = text.front() == '-';
  int hour = 0;
  int minute = 0;
  if (!take_char(text, "+-") || !take_number(text, 2, hour)) return false;
  take_char(text, ":");
  if (!take_number(text, 2, minute) || hour > 23 || minute > 59) return false;
  out = hours{hour} + minutes{minute};
  if (negative) out = -out;
  return true;
}

}  // namespace

Timestamp SystemClock::now() const {
  return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
}

SteadyTime SystemClock::steady_now() const {
  return std::chrono::time_point_cast<microseconds>(std::chrono::steady_clock::now());
}

std::string format_rfc3339(Timestamp time) {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date{day};
  const auto in_day = time - day;
  const auto second = std::chrono::floor<seconds>(in_day);
  const auto fraction = (in_day - second).count();
  const std::chrono::hh_mm_ss clock{second};
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                 clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  if (fraction != 0) fmt::format_to(std::back_inserter(text), ".{:06}", fraction);
  text += 'Z';
  return text;
}

Result<Timestamp> parse_rfc3339(std::string_view text) {
  const auto refuse = [] { return fail(ErrorCode::kInvalid, "must be an RFC 3339 time such as 2026-01-31T09:30:00Z"); };
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  microseconds fraction{0};
  minutes offset{0};
  if (!take_number(text, 4, year) || !take_char(text, "-") || !take_number(text, 2, month) || !take_char(text, "-") ||
      !take_number(text, 2, day) || !take_char(text, "Tt ") || !take_number(text, 2, hour) || !take_char(text, ":") ||
      !take_number(text, 2, minute) || !take_char(text, ":") || !take_number(text, 2, second)) {
    return refuse();
  }
  if (take_char(text, ".,") && !take_fraction(text, fraction)) return refuse();
  if (!take_offset(text, offset) || !text.empty()) return refuse();
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  // A leap second (60) is taken as the first of the next minute, as POSIX clocks do.
  if (!date.ok() || year < 1970 || hour > 23 || minute > 59 || second > 60) return refuse();
  return Timestamp{std::chrono::sys_days{date} + hours{hour} + minutes{minute} + seconds{second} + fraction - offset};
}

}  // namespace datasync
