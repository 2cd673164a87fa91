#include "script/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "domain/json.h"
#include "script/exact.h"
#include "script/meter.h"

namespace datasync::script {
namespace {

/// Names of metatables in the registry. Lua says them in its messages: "arithmetic on a long number value".
constexpr const char* kLongNumber = "long number";
constexpr const char* kList = "list";

/// Bytes of text that are read in the time of a step.
constexpr std::size_t kBytesPerStep = 64;

// ---- to Lua

std::string text_of(double number) {
  std::array<char, 32> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  return canonical_number(std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
}

void push_number(lua_State* lua, const Value& number) {
  if (const auto integer = number.as_integer()) return lua_pushinteger(lua, *integer);
  const std::string& text = number.text();
  double near = 0;
  // Floats write large whole numbers exactly, too, but to add one to them changes nothing.
  const bool whole = text.find_first_of(".e") == std::string::npos;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), near);
  if (!whole && error == std::errc{} && end == text.data() + text.size() && text_of(near) == text) {
    return lua_pushnumber(lua, near);
  }
  std::memcpy(lua_newuserdatauv(lua, text.size() + 1, 0), text.c_str(), text.size() + 1);
  luaL_setmetatable(lua, kLongNumber);
}

void push_value(lua_State* lua, const Value& value) {
  luaL_checkstack(lua, 4, "nested too deep");
  charge(lua, value.text().size() / kBytesPerStep);  // each level of a value is read once more
  switch (value.kind()) {
    case Value::Kind::kNull:
      return push_null(lua);
    case Value::Kind::kBool:
      return lua_pushboolean(lua, value == Value::boolean(true) ? 1 : 0);
    case Value::Kind::kNumber:
      return push_number(lua, value);
    case Value::Kind::kString: {
      const std::string text = *value.as_string();
      lua_pushlstring(lua, text.data(), text.size());
      return;
    }
    case Value::Kind::kArray: {
      const std::vector<Value> elements = elements_of(value);
      lua_createtable(lua, static_cast<int>(elements.size()), 0);
      luaL_setmetatable(lua, kList);
      lua_Integer index = 0;
      for (const Value& element : elements) {
        push_value(lua, element);
        lua_rawseti(lua, -2, ++index);
      }
      return;
    }
    case Value::Kind::kObject: {
      const Fields members = members_of(value);
      lua_createtable(lua, 0, static_cast<int>(members.size()));
      for (const Field& member : members) {
        lua_pushlstring(lua, member.name.data(), member.name.size());
        push_value(lua, member.value);
        lua_rawset(lua, -3);
      }
      return;
    }
  }
}

struct Pusher {
  lua_State* lua;
  void operator()(std::nullptr_t) const { push_null(lua); }
  void operator()(std::int64_t number) const { lua_pushinteger(lua, number); }
  void operator()(std::string_view text) const { lua_pushlstring(lua, text.data(), text.size()); }
  void operator()(const Value* value) const { push_value(lua, *value); }
  void operator()(const std::vector<Member>& members) const {
    luaL_checkstack(lua, 4, "nested too deep");
    lua_createtable(lua, 0, static_cast<int>(members.size()));
    for (const Member& member : members) {
      lua_pushlstring(lua, member.name.data(), member.name.size());
      push(lua, member.value);
      lua_rawset(lua, -3);
    }
  }
};

// ---- from Lua

/// Writes values as canonical text. One table may stand in many places, so it is the text that is bounded.
class Writer {
 public:
  explicit Writer(lua_State* lua) : lua_(lua) {}

  void write(int index, int depth) {
    index = lua_absindex(lua_, index);
    charge(lua_, 1);
    if (depth > kJsonDepthMax) luaL_error(lua_, "returned a value nested deeper than %d levels", kJsonDepthMax);
    if (out_.size() > meter_of(lua_).limits.memory_bytes_max) luaL_error(lua_, "returned a value that is too large");
    switch (lua_type(lua_, index)) {
      case LUA_TNIL:
        out_ += "null";
        return;
      case LUA_TBOOLEAN:
        out_ += lua_toboolean(lua_, index) != 0 ? "true" : "false";
        return;
      case LUA_TSTRING:
        append_json_string(out_, text_at(index));
        return;
      case LUA_TTABLE:
        return write_table(index, depth);
      default:
        if (is_null(lua_, index)) {
          out_ += "null";
        } else if (lua_type(lua_, index) == LUA_TNUMBER || long_number(lua_, index) != nullptr) {
          out_ += number_text(lua_, index);
        } else {
          luaL_error(lua_, "returned a %s, which is no value", luaL_typename(lua_, index));
        }
    }
  }

  std::string take() { return std::move(out_); }

 private:
  /// The text at `index`, which must be a string; valid while that stays there or in a table.
  std::string_view text_at(int index) {
    std::size_t bytes = 0;
    const char* text = lua_tolstring(lua_, index, &bytes);
    if (!is_utf8({text, bytes})) luaL_error(lua_, "returned a text that is no UTF-8");
    return {text, bytes};
  }

  void write_table(int index, int depth) {
    luaL_checkstack(lua_, 4, "nested too deep");
    const bool marked = luaL_getmetafield(lua_, index, "__name") != LUA_TNIL;
    if (marked) lua_pop(lua_, 1);
    std::vector<std::string_view> names;
    lua_Integer elements = 0;
    lua_Integer last = 0;
    for (lua_pushnil(lua_); lua_next(lua_, index) != 0; lua_pop(lua_, 1)) {
      charge(lua_, 1);
      if (lua_type(lua_, -2) == LUA_TSTRING) {
        names.push_back(text_at(-2));
      } else if (lua_isinteger(lua_, -2) != 0 && lua_tointeger(lua_, -2) > 0) {
        ++elements;
        last = std::max(last, lua_tointeger(lua_, -2));
      } else {
        luaL_error(lua_, "returned a table whose keys are neither texts nor 1, 2, 3");
      }
    }
    if (elements != last) luaL_error(lua_, "returned a list with a hole; `null` is nothing that stands in a list");
    if (!names.empty() && (marked || elements > 0)) luaL_error(lua_, "returned a table that is half a list");
    if (marked || elements > 0) {
      write_list(index, elements, depth);
    } else {
      write_object(index, std::move(names), depth);
    }
  }

  void write_list(int index, lua_Integer elements, int depth) {
    out_ += '[';
    for (lua_Integer i = 1; i <= elements; ++i) {
      if (i > 1) out_ += ',';
      lua_rawgeti(lua_, index, i);
      write(-1, depth + 1);
      lua_pop(lua_, 1);
    }
    out_ += ']';
  }

  void write_object(int index, std::vector<std::string_view> names, int depth) {
    std::sort(names.begin(), names.end());
    out_ += '{';
    for (const std::string_view name : names) {
      if (out_.back() != '{') out_ += ',';
      append_json_string(out_, name);
      out_ += ':';
      lua_pushlstring(lua_, name.data(), name.size());
      lua_rawget(lua_, index);
      write(-1, depth + 1);
      lua_pop(lua_, 1);
    }
    out_ += '}';
  }

  lua_State* lua_;
  std::string out_;
};

// ---- long numbers

int compare_arguments(lua_State* lua) {
  const auto order = compare(number_text(lua, 1), number_text(lua, 2));
  if (!order) luaL_error(lua, "numbers too large or too small to be compared");
  return *order;
}

int is_less(lua_State* lua) {
  lua_pushboolean(lua, compare_arguments(lua) < 0 ? 1 : 0);
  return 1;
}

int is_at_most(lua_State* lua) {
  lua_pushboolean(lua, compare_arguments(lua) <= 0 ? 1 : 0);
  return 1;
}

/// Lua asks only where both are long numbers; any other number has another decimal.
int is_same(lua_State* lua) {
  const char* one = long_number(lua, 1);
  const char* other = long_number(lua, 2);
  lua_pushboolean(lua, one != nullptr && other != nullptr && std::strcmp(one, other) == 0 ? 1 : 0);
  return 1;
}

/// Makes the metatable that stands on top one that says its name and can't be had.
void seal(lua_State* lua, const char* name) {
  lua_pushstring(lua, name);
  lua_setfield(lua, -2, "__name");
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
}

}  // namespace

void push(lua_State* lua, const Argument& argument) {
  std::visit(Pusher{lua}, argument);
}

Value read(lua_State* lua, int index) {
  Writer writer(lua);
  writer.write(index, 1);
  return Value::from_canonical(writer.take());
}

void push_null(lua_State* lua) {
  lua_pushlightuserdata(lua, nullptr);
}

bool is_null(lua_State* lua, int index) noexcept {
  return lua_islightuserdata(lua, index) && lua_touserdata(lua, index) == nullptr;
}

const char* long_number(lua_State* lua, int index) {
  return static_cast<const char*>(luaL_testudata(lua, index, kLongNumber));
}

std::string number_text(lua_State* lua, int index) {
  if (const char* text = long_number(lua, index)) return text;
  if (lua_isinteger(lua, index) != 0) return std::to_string(lua_tointeger(lua, index));
  if (lua_type(lua, index) != LUA_TNUMBER) luaL_typeerror(lua, index, "number");
  const double number = lua_tonumber(lua, index);
  if (!std::isfinite(number)) luaL_error(lua, "a number that is not finite");
  return text_of(number);
}

void mark_list(lua_State* lua, int index) {
  lua_pushvalue(lua, index);
  luaL_setmetatable(lua, kList);
  lua_pop(lua, 1);
}

void open_values(lua_State* lua) {
  for (const char* name : {kLongNumber, kList}) {
    luaL_newmetatable(lua, name);
    seal(lua, name);
    lua_pop(lua, 1);
  }
  luaL_getmetatable(lua, kLongNumber);
  constexpr luaL_Reg kComparisons[] = {{"__lt", is_less}, {"__le", is_at_most}, {"__eq", is_same}, {nullptr, nullptr}};
  luaL_setfuncs(lua, kComparisons, 0);
  lua_pop(lua, 1);
}

}  // namespace datasync::script
