#include "script/exact.h"

#include <algorithm>
#include <boost/multiprecision/cpp_int.hpp>
#include <charconv>
#include <string>

#include "domain/json.h"

namespace datasync::script {
namespace {

/// Without expression templates: they save nothing in numbers of this size.
using Whole = boost::multiprecision::number<boost::multiprecision::cpp_int_backend<>, boost::multiprecision::et_off>;

constexpr int kExponentMax = 1000;

/// units × 10^-scale
struct Exact {
  Whole units;
  int scale = 0;
};

Whole power_of_ten(int exponent) {
  return boost::multiprecision::pow(Whole(10), static_cast<unsigned>(exponent));
}

std::optional<Exact> parse(std::string_view text) {
  int exponent = 0;
  if (const auto e = text.find('e'); e != std::string_view::npos) {
    std::string_view digits = text.substr(e + 1);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (error != std::errc{} || exponent > kExponentMax || exponent < -kExponentMax) return std::nullopt;
    text = text.substr(0, e);
  }
  const bool negative = text.starts_with('-');
  Exact number;
  bool after_point = false;
  for (const char c : text) {
    if (c == '.') after_point = true;
    if (c < '0' || c > '9') continue;
    number.units = number.units * 10 + (c - '0');
    if (after_point) ++number.scale;
  }
  if (negative) number.units = -number.units;
  number.scale -= exponent;
  return number;
}

struct Pair {
  Whole a;
  Whole b;
  int scale;  ///< of both
};

std::optional<Pair> parse_both(std::string_view a, std::string_view b) {
  auto one = parse(a);
  auto other = parse(b);
  if (!one || !other) return std::nullopt;
  const int scale = std::max({one->scale, other->scale, 0});
  return Pair{one->units * power_of_ten(scale - one->scale), other->units * power_of_ten(scale - other->scale), scale};
}

std::optional<std::int64_t> as_integer(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string plain_decimal(const Whole& units, std::size_t scale) {
  const std::string digits = units.str();
  std::string text(digits.size() <= scale ? scale + 1 - digits.size() : 0, '0');
  text += digits;
  if (scale == 0) return text;
  return text.substr(0, text.size() - scale).append(".").append(text, text.size() - scale);
}

}  // namespace

std::optional<int> compare(std::string_view a, std::string_view b) {
  const auto both = parse_both(a, b);
  if (!both) return std::nullopt;
  return both->a.compare(both->b);
}

std::optional<Value> distance(std::string_view a, std::string_view b) {
  const auto one = as_integer(a);  // as nearly all are
  const auto other = as_integer(b);
  std::int64_t apart = 0;
  if (one && other && !__builtin_sub_overflow(std::max(*one, *other), std::min(*one, *other), &apart)) {
    return Value::integer(apart);
  }
  const auto both = parse_both(a, b);
  if (!both) return std::nullopt;
  std::string text = canonical_number(plain_decimal(abs(both->a - both->b), static_cast<std::size_t>(both->scale)));
  if (text.size() > kJsonNumberBytesMax) return std::nullopt;
  return Value::from_canonical(std::move(text));
}

}  // namespace datasync::script
