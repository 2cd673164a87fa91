#include "base/time.h"

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

/// Writes the last `width` digits of a number that is not negative.
void put_number(char* at, std::size_t width, std::int64_t number) noexcept {
  for (std::size_t i = width; i > 0; --i, number /= 10) at[i - 1] = static_cast<char>('0' + number % 10);
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
  // Twice an event: digit by digit it costs a twentieth of what a format string does.
  std::string text = "0000-00-00T00:00:00.000000Z";
  const int year = static_cast<int>(date.year());
  put_number(&text[0], 4, year);
  put_number(&text[5], 2, static_cast<unsigned>(date.month()));
  put_number(&text[8], 2, static_cast<unsigned>(date.day()));
  put_number(&text[11], 2, clock.hours().count());
  put_number(&text[14], 2, clock.minutes().count());
  put_number(&text[17], 2, clock.seconds().count());
  if (fraction != 0) {
    put_number(&text[20], 6, fraction);
  } else {
    text.erase(19, 7);
  }
  if (year < 0 || year > 9999) text.replace(0, 4, std::to_string(year));  // no RFC 3339 time, yet no other time either
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
  const Timestamp time{std::chrono::sys_days{date} + hours{hour} + minutes{minute} + seconds{second} + fraction -
                       offset};
  // The offset, or a leap second, may have moved it out of the years that `format_rfc3339` can write.
  constexpr std::chrono::sys_days kEnd{std::chrono::year{10'000} / 1 / 1};
  if (time < Timestamp{} || time >= kEnd) return refuse();
  return time;
}

}  // namespace datasync
