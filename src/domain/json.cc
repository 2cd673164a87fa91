#include "domain/json.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>

#include "domain/name_order.h"

namespace datasync {
namespace {

namespace ondemand = simdjson::ondemand;

/// One member of an object while it is read. Its value is `verbatim` where the text itself writes it canonically, else
/// it stands in `Workspace::text`. Names and verbatim values are in the parser's own buffers, which live as long as the
/// document.
struct Member {
  std::string_view name;
  std::uint64_t prefix;    // of the name
  std::uint32_t position;  // among the members as they came
  std::string_view verbatim;
  std::size_t begin = 0;
  std::size_t end = 0;

  [[nodiscard]] bool comes_before(const Member& other) const noexcept {
    if (prefix != other.prefix) return prefix < other.prefix;
    const int order = name.compare(other.name);
    return order < 0 || (order == 0 && position < other.position);
  }
};

/// simdjson reads up to 64 bytes past the text, so the text is copied into a padded buffer. Parser and buffers are kept
/// per thread: they hold no state between calls, and making them anew would cost more than the parse.
struct Workspace {
  ondemand::parser parser;
  std::string padded;
  std::string text;             // canonical text of what has been read, innermost last
  std::vector<Member> members;  // of all objects that are open, innermost last
  bool busy = false;
  std::unique_ptr<Workspace> inner;  // for who reads JSON while an array is being handed over
};

/// Borrows the thread's workspace for one text, and gives back what a large one made it hold.
class Lease {
 public:
  Lease() : work_(free_one()) {
    work_.busy = true;
    work_.text.clear();
    work_.members.clear();
  }
  ~Lease() {
    constexpr std::size_t kKeptBytesMax = 1U << 20U;
    if (work_.padded.capacity() > kKeptBytesMax) {
      work_.parser = ondemand::parser();
      std::string().swap(work_.padded);
      std::string().swap(work_.text);
    }
    work_.busy = false;
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  Workspace& operator*() const noexcept { return work_; }

 private:
  static Workspace& free_one() {
    thread_local Workspace outermost;
    Workspace* work = &outermost;
    while (work->busy) {
      if (!work->inner) work->inner = std::make_unique<Workspace>();
      work = work->inner.get();
    }
    return *work;
  }

  Workspace& work_;
};

struct ParseFailure {
  std::string message;
};

[[noreturn]] void refuse(std::string message) {
  throw ParseFailure{std::move(message)};
}

void check_depth(int depth) {
  if (depth > kJsonDepthMax) refuse("nested deeper than 64 levels");
}

std::string_view trim_right(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\r' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

/// Takes a scalar that the text writes canonically already, as nearly all are; for any other value it returns nothing
/// and leaves it to be read.
std::string_view take_verbatim(ondemand::value& value) {
  switch (value.type()) {
    case ondemand::json_type::string: {
      // UTF-8 and control characters of the whole text were checked before; without an escape nothing is left to check.
      const std::string_view raw = trim_right(value.raw_json_token());
      if (raw.size() < 2 || raw.back() != '"' || std::memchr(raw.data(), '\\', raw.size()) != nullptr) return {};
      if (value.get_raw_json_string().error() != simdjson::SUCCESS) return {};
      return raw;
    }
    case ondemand::json_type::number: {
      const std::string_view raw = trim_right(value.raw_json_token());
      if (raw == "-0" || value.get_int64().error() != simdjson::SUCCESS) return {};
      return raw;
    }
    case ondemand::json_type::boolean:
      return value.get_bool().value() ? "true" : "false";
    case ondemand::json_type::null:
      if (!value.is_null()) refuse("a word is none of true, false, null");
      return "null";
    default:
      return {};
  }
}

void append_value(Workspace& work, ondemand::value value, int depth);

/// The number without the zeros that an exponent may begin with; none if there are no such zeros.
std::optional<std::string> without_exponent_zeros(std::string_view number) {
  const auto e = number.find_first_of("eE");
  if (e == std::string_view::npos) return std::nullopt;
  const auto digits = number.find_first_not_of("+-", e + 1);
  if (digits == std::string_view::npos || digits > e + 2 || number[digits] != '0') return std::nullopt;
  if (number.find_first_not_of("0123456789", digits) != std::string_view::npos) return std::nullopt;
  const auto first = std::min(number.find_first_not_of('0', digits), number.size() - 1);
  if (first == digits) return std::nullopt;
  return std::string(number.substr(0, digits)) + std::string(number.substr(first));
}

void append_number(std::string& out, ondemand::value value) {
  const std::string_view raw = trim_right(value.raw_json_token());
  if (raw.size() > kJsonNumberBytesMax) refuse("a number has more than 128 characters");
  // The library checks the grammar; what it calls out of its range is no fault here, the text is kept, not the float.
  const simdjson::error_code error = value.get_double().error();
  if (error != simdjson::SUCCESS && error != simdjson::NUMBER_ERROR) refuse(simdjson::error_message(error));
  if (const auto shorter = error == simdjson::SUCCESS ? std::nullopt : without_exponent_zeros(raw)) {
    const auto number = parse_json(*shorter);  // the library counts the zeros of an exponent as if they meant something
    if (!number) refuse("a number is not written as JSON demands");
    out += number->text();
    return;
  }
  const std::string_view magnitude = raw.front() == '-' ? raw.substr(1) : raw;
  const bool digits_only = magnitude.find_first_not_of("0123456789") == std::string_view::npos;
  const bool grammatical =
      raw.find_first_not_of("0123456789+-.eE") == std::string_view::npos && (error == simdjson::SUCCESS || digits_only);
  const bool leading_zero = digits_only && magnitude.size() > 1 && magnitude.front() == '0';
  if (!grammatical || magnitude.empty() || magnitude.front() < '0' || magnitude.front() > '9' || leading_zero) {
    refuse("a number is not written as JSON demands");
  }
  if (digits_only && raw != "-0") {
    out += raw;
  } else {
    const std::string number = canonical_number(raw);
    // An exponent may come to the digits: what is stored must be readable again.
    if (number.size() > kJsonNumberBytesMax) refuse("a number has more than 128 characters");
    out += number;
  }
}

void append_array(Workspace& work, ondemand::array array, int depth) {
  work.text += '[';
  bool first = true;
  for (auto element : array) {
    if (!first) work.text += ',';
    first = false;
    append_value(work, element.value(), depth + 1);
  }
  work.text += ']';
}

/// Sorts the members above `base` by name. Of two with one name the last one stays.
void sort_members(std::vector<Member>& members, std::size_t base) {
  const auto first = members.begin() + static_cast<std::ptrdiff_t>(base);
  std::sort(first, members.end(), [](const Member& a, const Member& b) { return a.comes_before(b); });
  const auto same = [](const Member& a, const Member& b) { return a.prefix == b.prefix && a.name == b.name; };
  if (std::adjacent_find(first, members.end(), same) == members.end()) return;
  const auto kept = std::unique(std::make_reverse_iterator(members.end()), std::make_reverse_iterator(first), same);
  members.erase(first, kept.base());
}

/// Drops what stands above `base` under this name: of two members the last one stays, whatever kind the first was.
void forget_member(std::vector<Member>& members, std::size_t base, std::string_view name) {
  const auto first = members.begin() + static_cast<std::ptrdiff_t>(base);
  members.erase(std::remove_if(first, members.end(), [name](const Member& member) { return member.name == name; }),
                members.end());
}

/// Reads the members of `object` onto the end of `work.members`, sorted, and their values onto `work.text`. A member
/// `inner_name` that is an object goes into `inner` instead.
void read_members(Workspace& work, ondemand::object object, int depth, std::string_view inner_name = {},
                  std::optional<Fields>* inner = nullptr);

std::string_view text_of(const Workspace& work, const Member& member) noexcept {
  if (!member.verbatim.empty()) return member.verbatim;
  return std::string_view(work.text).substr(member.begin, member.end - member.begin);
}

/// Takes the members above `base` out of the workspace.
Fields take_fields(Workspace& work, std::size_t base) {
  Fields fields;
  fields.reserve(work.members.size() - base);
  for (std::size_t i = base; i < work.members.size(); ++i) {
    const Member& member = work.members[i];
    fields.set(member.name, Value::from_canonical(std::string(text_of(work, member))));
  }
  work.members.resize(base);
  return fields;
}

void read_members(Workspace& work, ondemand::object object, int depth, std::string_view inner_name,
                  std::optional<Fields>* inner) {
  const std::size_t base = work.members.size();
  std::uint32_t position = 0;  // counted: a member that is forgotten must not give its place to a later one
  for (ondemand::field field : object) {
    const std::string_view name = field.unescaped_key();
    ondemand::value value = field.value();
    const std::size_t begin = work.text.size();
    ++position;
    check_depth(depth + 1);
    const bool is_inner = inner != nullptr && name == inner_name;
    if (is_inner) {
      forget_member(work.members, base, name);
      inner->reset();
    }
    if (const std::string_view verbatim = take_verbatim(value); !verbatim.empty()) {
      work.members.push_back({name, sort_prefix(name), position, verbatim});
      continue;
    }
    if (is_inner && value.type() == ondemand::json_type::object) {
      const std::size_t inner_base = work.members.size();
      read_members(work, value.get_object(), depth + 1);
      *inner = take_fields(work, inner_base);
      work.text.resize(begin);
      continue;
    }
    append_value(work, value, depth + 1);
    work.members.push_back({name, sort_prefix(name), position, {}, begin, work.text.size()});
  }
  sort_members(work.members, base);
}

/// Writes the object behind its values and then moves it to where they stood: canonical order needs all of them first.
void append_object(Workspace& work, ondemand::object object, int depth) {
  const std::size_t begin = work.text.size();
  const std::size_t base = work.members.size();
  read_members(work, object, depth);
  const std::size_t values_end = work.text.size();
  work.text.reserve(values_end + 2 * (values_end - begin) + 64);
  work.text += '{';
  for (std::size_t i = base; i < work.members.size(); ++i) {
    const Member member = work.members[i];
    if (i > base) work.text += ',';
    append_json_string(work.text, member.name);
    work.text += ':';
    work.text += text_of(work, member);
  }
  work.text += '}';
  work.text.erase(begin, values_end - begin);
  work.members.resize(base);
}

void append_value(Workspace& work, ondemand::value value, int depth) {
  check_depth(depth);
  if (const std::string_view verbatim = take_verbatim(value); !verbatim.empty()) {
    work.text += verbatim;
    return;
  }
  switch (value.type()) {
    case ondemand::json_type::object:
      return append_object(work, value.get_object(), depth);
    case ondemand::json_type::array:
      return append_array(work, value.get_array(), depth);
    case ondemand::json_type::string:
      return append_json_string(work.text, value.get_string());
    default:
      return append_number(work.text, value);
  }
}

NestedObject read_nested(Workspace& work, ondemand::object object, int depth, std::string_view inner_name) {
  NestedObject result;
  std::optional<Fields> inner;
  const std::size_t base = work.members.size();
  read_members(work, object, depth, inner_name, inner_name.empty() ? nullptr : &inner);
  result.outer = take_fields(work, base);
  result.has_inner = inner.has_value();
  if (inner) result.inner = std::move(*inner);
  return result;
}

Element read_element(Workspace& work, ondemand::value value, int depth, std::string_view inner_name) {
  Element element;
  const std::size_t begin = work.text.size();
  if (value.type() == ondemand::json_type::object) {
    check_depth(depth);
    element.object = read_nested(work, value.get_object(), depth, inner_name);
  } else {
    append_value(work, value, depth);
    element.other = Value::from_canonical(work.text.substr(begin));
  }
  work.text.resize(begin);
  return element;
}

using Path = std::span<const std::string>;
using Elements = std::optional<std::vector<Element>>;

/// Reads `value`, and keeps the elements of the array at the end of `path`. Where a member of the path stands twice the
/// last one counts, as everywhere.
void pick_elements(Workspace& work, ondemand::value value, int depth, Path path, Elements& picked) {
  check_depth(depth);
  const ondemand::json_type type = value.type();
  const std::size_t begin = work.text.size();
  const auto go_on = [&](bool on_path, ondemand::value next) {
    if (on_path) {
      picked.reset();
      return pick_elements(work, next, depth + 1, path.subspan(1), picked);
    }
    append_value(work, next, depth + 1);
    work.text.resize(begin);
  };
  if (type == ondemand::json_type::array && path.empty()) {
    picked.emplace();
    for (auto element : value.get_array()) picked->push_back(read_element(work, element.value(), depth + 1, {}));
  } else if (type == ondemand::json_type::array) {
    std::size_t index = 0;
    for (auto element : value.get_array()) go_on(std::to_string(index++) == path.front(), element.value());
  } else if (type == ondemand::json_type::object && !path.empty()) {
    for (ondemand::field field : value.get_object()) {
      const std::string_view name = field.unescaped_key();
      go_on(name == path.front(), field.value());
    }
  } else {
    append_value(work, value, depth);
    work.text.resize(begin);
  }
}

/// simdjson 3.0 has no `at_end()`; past the last token it has no location.
bool at_end(ondemand::document& document) {
  return document.current_location().error() == simdjson::OUT_OF_BOUNDS;
}

/// Runs `read` on the parsed document. simdjson's exceptions and ours end here.
template <typename Read>
auto with_document(std::string_view text, Read read)
    -> Result<decltype(read(std::declval<Workspace&>(), std::declval<ondemand::document&>()))> {
  const Lease lease;
  Workspace& work = *lease;
  try {
    work.padded.reserve(text.size() + simdjson::SIMDJSON_PADDING);
    work.padded.assign(text);
    ondemand::document document = work.parser.iterate(work.padded.data(), text.size(), work.padded.capacity());
    auto result = read(work, document);
    if (!at_end(document)) return fail(ErrorCode::kInvalid, "text follows after the JSON value");
    return result;
  } catch (const simdjson::simdjson_error& error) {
    return fail(ErrorCode::kInvalid, error.what());
  } catch (const ParseFailure& failure) {
    return fail(ErrorCode::kInvalid, failure.message);
  }
}

/// A scalar at the top is no `ondemand::value`; wrapping it in an array makes it one.
bool is_scalar_text(std::string_view text) {
  const auto at = text.find_first_not_of(" \t\r\n");
  return at != std::string_view::npos && text[at] != '{' && text[at] != '[';
}

}  // namespace

Result<Value> parse_json(std::string_view text) {
  if (is_scalar_text(text)) {
    auto elements = parse_json_array("[" + std::string(text) + "]");
    if (!elements) return fail(std::move(elements).error());
    if (elements->size() != 1) return fail(ErrorCode::kInvalid, "text follows after the JSON value");
    return std::move(elements->front());
  }
  return with_document(text, [](Workspace& work, ondemand::document& document) {
    append_value(work, document.get_value(), 1);
    return Value::from_canonical(work.text);
  });
}

Result<Fields> parse_json_object(std::string_view text) {
  return with_document(text, [](Workspace& work, ondemand::document& document) {
    read_members(work, document.get_object(), 1);
    return take_fields(work, 0);
  });
}

Result<NestedObject> parse_nested_object(std::string_view text, std::string_view inner_name) {
  return with_document(text, [inner_name](Workspace& work, ondemand::document& document) {
    return read_nested(work, document.get_object(), 1, inner_name);
  });
}

Result<std::vector<Value>> parse_json_array(std::string_view text) {
  return with_document(text, [](Workspace& work, ondemand::document& document) {
    std::vector<Value> elements;
    for (auto element : document.get_array()) {
      work.text.clear();
      append_value(work, element.value(), 2);
      elements.push_back(Value::from_canonical(work.text));
    }
    return elements;
  });
}

Result<std::size_t> read_json_array(std::string_view text, std::string_view inner_name, std::size_t elements_max,
                                    const std::function<void(Element)>& take) {
  return with_document(text, [&](Workspace& work, ondemand::document& document) {
    std::size_t count = 0;
    for (auto element : document.get_array()) {
      // Each element may be as deep as it could be alone.
      if (++count <= elements_max) take(read_element(work, element.value(), 1, inner_name));
    }
    return count;
  });
}

Result<std::optional<std::vector<Element>>> parse_elements(std::string_view text, std::span<const std::string> path) {
  if (is_scalar_text(text)) {
    auto scalar = parse_json(text);
    if (!scalar) return fail(std::move(scalar).error());
    return Elements{};
  }
  return with_document(text, [path](Workspace& work, ondemand::document& document) {
    Elements picked;
    pick_elements(work, document.get_value(), 1, path, picked);
    return picked;
  });
}

Fields members_of(const Value& object) {
  if (object.kind() != Value::Kind::kObject) return {};
  return parse_json_object(object.text()).value_or(Fields{});
}

std::vector<Value> elements_of(const Value& array) {
  if (array.kind() != Value::Kind::kArray) return {};
  return parse_json_array(array.text()).value_or(std::vector<Value>{});
}

bool is_utf8(std::string_view text) noexcept {
  return simdjson::validate_utf8(text.data(), text.size());
}

std::string unescape_json_string(std::string_view quoted) {
  auto text = with_document(quoted, [](Workspace&, ondemand::document& document) {
    return std::string(std::string_view(document.get_string()));
  });
  return text.value_or(std::string{});
}

std::string canonical_number(std::string_view text) {
  const bool negative = text.front() == '-';
  if (negative) text.remove_prefix(1);
  std::string digits;
  std::int64_t exponent = 0;  // the value is 0.DIGITS × 10^exponent
  const auto e = text.find_first_of("eE");
  if (text.substr(0, e).find_first_not_of("0.") == std::string_view::npos) return "0";
  if (e != std::string_view::npos) {
    std::string_view tail = text.substr(e + 1);
    if (tail.front() == '+') tail.remove_prefix(1);
    constexpr std::int64_t kCountable = 1'000'000'000'000;
    const auto [end, error] = std::from_chars(tail.data(), tail.data() + tail.size(), exponent);
    const bool countable = error == std::errc{} && exponent < kCountable && exponent > -kCountable;
    if (!countable) return (negative ? "-" : "") + std::string(text);
    text = text.substr(0, e);
  }
  const auto point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  digits = whole;
  if (point != std::string_view::npos) digits += text.substr(point + 1);
  exponent += static_cast<std::int64_t>(whole.size());
  const auto first = digits.find_first_not_of('0');
  digits.erase(0, first);
  exponent -= static_cast<std::int64_t>(first);
  digits.erase(digits.find_last_not_of('0') + 1);

  std::string out = negative ? "-" : "";
  const auto count = static_cast<std::int64_t>(digits.size());
  constexpr std::int64_t kPlainExponentMax = 30;
  if (exponent > kPlainExponentMax || exponent < -kPlainExponentMax) {
    out += digits.front();
    if (count > 1) out += '.' + digits.substr(1);
    return out + 'e' + std::to_string(exponent - 1);
  }
  if (exponent <= 0) return out + "0." + std::string(static_cast<std::size_t>(-exponent), '0') + digits;
  if (count <= exponent) return out + digits + std::string(static_cast<std::size_t>(exponent - count), '0');
  const auto split = static_cast<std::size_t>(exponent);
  return out + digits.substr(0, split) + '.' + digits.substr(split);
}

}  // namespace datasync
