#include "script/library.h"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "script/bounded.h"
#include "script/exact.h"
#include "script/meter.h"
#include "script/values.h"

namespace datasync::script {
namespace {

/// Key of the registry: the metatable of environments.
const char kEnvironment = 0;

constexpr const char* kBase[] = {"assert", "error", "ipairs", "select", "tonumber"};
constexpr const char* kString[] = {"byte",  "char",  "find", "format",  "gmatch", "gsub", "len",
                                   "lower", "match", "rep",  "reverse", "sub",    "upper"};
constexpr const char* kMath[] = {"abs",        "ceil", "floor", "fmod", "huge",      "max",  "maxinteger", "min",
                                 "mininteger", "modf", "pi",    "sqrt", "tointeger", "type", "ult"};
constexpr const char* kTable[] = {"concat", "insert", "move", "pack", "remove", "sort", "unpack"};
constexpr const char* kUtf8[] = {"char", "charpattern", "codepoint", "codes", "len", "offset"};

// ---- functions in place of Lua's own

int type_of(lua_State* lua) {
  luaL_checkany(lua, 1);
  if (is_null(lua, 1)) {
    lua_pushliteral(lua, "null");
  } else if (long_number(lua, 1) != nullptr) {
    lua_pushliteral(lua, "number");
  } else {
    lua_pushstring(lua, luaL_typename(lua, 1));
  }
  return 1;
}

/// Lua's own writes the addresses of tables and functions.
int to_string(lua_State* lua) {
  luaL_checkany(lua, 1);
  const int type = lua_type(lua, 1);
  if (const char* number = long_number(lua, 1)) {
    lua_pushstring(lua, number);
  } else if (type == LUA_TNIL || type == LUA_TBOOLEAN || type == LUA_TNUMBER || type == LUA_TSTRING) {
    luaL_tolstring(lua, 1, nullptr);
  } else {
    lua_pushstring(lua, is_null(lua, 1) ? "null" : luaL_typename(lua, 1));
  }
  return 1;
}

struct Key {
  bool is_text = false;
  std::string_view text;  // Lua's own, in the table
  bool is_integer = false;
  lua_Integer integer = 0;
  lua_Number number = 0;

  bool operator<(const Key& other) const noexcept {
    if (is_text != other.is_text) return other.is_text;
    if (is_text) return text < other.text;
    // Exact on the processors that we build for: this type holds all integers and all doubles.
    const auto wide = [](const Key& key) {
      return key.is_integer ? static_cast<long double>(key.integer) : static_cast<long double>(key.number);
    };
    return wide(*this) < wide(other);
  }
};

Key key_at(lua_State* lua, int index) {
  Key key;
  if (lua_type(lua, index) == LUA_TSTRING) {
    std::size_t bytes = 0;
    const char* text = lua_tolstring(lua, index, &bytes);
    key.is_text = true;
    key.text = {text, bytes};
  } else if (lua_type(lua, index) == LUA_TNUMBER) {
    key.is_integer = lua_isinteger(lua, index) != 0;
    if (key.is_integer) key.integer = lua_tointeger(lua, index);
    key.number = lua_tonumber(lua, index);
  } else {
    luaL_error(lua, "pairs needs texts or numbers as keys");
  }
  return key;
}

/// Upvalues: the table, its keys in order, how many have been taken. What was removed meanwhile is left out.
int next_pair(lua_State* lua) {
  lua_Integer taken = lua_tointeger(lua, lua_upvalueindex(3));
  while (true) {
    if (lua_rawgeti(lua, lua_upvalueindex(2), ++taken) == LUA_TNIL) return 1;
    lua_pushinteger(lua, taken);
    lua_replace(lua, lua_upvalueindex(3));
    lua_pushvalue(lua, -1);
    if (lua_rawget(lua, lua_upvalueindex(1)) != LUA_TNIL) return 2;
    lua_pop(lua, 2);
  }
}

/// Numbers first, then texts by their bytes. Lua's own goes by hashes that differ from one process to the next.
int pairs(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  lua_settop(lua, 1);
  std::vector<Key> keys;
  for (lua_pushnil(lua); lua_next(lua, 1) != 0; lua_pop(lua, 1)) keys.push_back(key_at(lua, -2));
  charge(lua, 2 * keys.size());
  std::sort(keys.begin(), keys.end());
  lua_pushvalue(lua, 1);
  lua_createtable(lua, static_cast<int>(keys.size()), 0);
  lua_Integer index = 0;
  for (const Key& key : keys) {
    if (key.is_text) {
      lua_pushlstring(lua, key.text.data(), key.text.size());
    } else if (key.is_integer) {
      lua_pushinteger(lua, key.integer);
    } else {
      lua_pushnumber(lua, key.number);
    }
    lua_rawseti(lua, -2, ++index);
  }
  lua_pushinteger(lua, 0);
  lua_pushcclosure(lua, next_pair, 3);
  return 1;
}

int list(lua_State* lua) {
  if (lua_isnoneornil(lua, 1)) {
    lua_settop(lua, 0);
    lua_newtable(lua);
  }
  luaL_checktype(lua, 1, LUA_TTABLE);
  if (luaL_getmetafield(lua, 1, "__metatable") != LUA_TNIL) {
    if (luaL_getmetafield(lua, 1, "__name") == LUA_TNIL) luaL_argerror(lua, 1, "a library is no list");
  }
  lua_settop(lua, 1);
  mark_list(lua, 1);
  return 1;
}

int math_distance(lua_State* lua) {
  const auto apart = distance(number_text(lua, 1), number_text(lua, 2));
  if (!apart) luaL_error(lua, "numbers with too many digits for math.distance");
  push(lua, &*apart);
  return 1;
}

int refuse_change(lua_State* lua) {
  return luaL_error(lua, "the library can't be changed");
}

// ---- putting them together

/// Replaces the library on top by a table of what is listed.
void keep_only(lua_State* lua, std::span<const char* const> names) {
  lua_createtable(lua, 0, static_cast<int>(names.size()));
  for (const char* name : names) {
    if (lua_getfield(lua, -2, name) == LUA_TNIL) luaL_error(lua, "Lua has no `%s`", name);
    lua_setfield(lua, -2, name);
  }
  lua_remove(lua, -2);
}

void put_bounds(lua_State* lua, std::span<const Bounded> functions) {
  for (const Bounded& bounded : functions) {
    lua_getfield(lua, -1, bounded.name);
    bound(lua, bounded);
    lua_setfield(lua, -2, bounded.name);
  }
}

void set_function(lua_State* lua, const char* name, lua_CFunction function) {
  lua_pushcfunction(lua, function);
  lua_setfield(lua, -2, name);
}

/// Pops the table on top, and pushes one that reads through to it and can't be changed. Without `rawset` and
/// `getmetatable` nobody reaches what is behind.
void push_readonly(lua_State* lua) {
  lua_createtable(lua, 0, 0);
  lua_createtable(lua, 0, 3);
  lua_pushvalue(lua, -3);
  lua_setfield(lua, -2, "__index");
  lua_pushcfunction(lua, refuse_change);
  lua_setfield(lua, -2, "__newindex");
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_setmetatable(lua, -2);
  lua_remove(lua, -2);
}

void open(lua_State* lua, lua_CFunction opener) {
  lua_pushcfunction(lua, opener);
  lua_call(lua, 0, 1);
}

/// Methods of texts are those of the library, and "1" + 1 is an error: whoever adds means numbers, and Lua would make a
/// float of a text without a word.
void set_string_metatable(lua_State* lua) {
  lua_pushliteral(lua, "");
  lua_createtable(lua, 0, 2);
  lua_pushvalue(lua, -3);
  lua_setfield(lua, -2, "__index");
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_setmetatable(lua, -2);
  lua_pop(lua, 1);
}

void open_string(lua_State* lua) {
  open(lua, luaopen_string);
  keep_only(lua, kString);
  put_bounds(lua, bounded_string_functions());
  set_string_metatable(lua);
  push_readonly(lua);
}

void open_math(lua_State* lua) {
  open(lua, luaopen_math);
  keep_only(lua, kMath);
  set_function(lua, "distance", math_distance);
  push_readonly(lua);
}

void open_table(lua_State* lua) {
  open(lua, luaopen_table);
  keep_only(lua, kTable);
  put_bounds(lua, bounded_table_functions());
  push_readonly(lua);
}

void open_utf8(lua_State* lua) {
  open(lua, luaopen_utf8);
  keep_only(lua, kUtf8);
  push_readonly(lua);
}

}  // namespace

void open_library(lua_State* lua) {
  open_values(lua);
  open(lua, luaopen_base);
  keep_only(lua, kBase);
  set_function(lua, "type", type_of);
  set_function(lua, "tostring", to_string);
  set_function(lua, "pairs", pairs);
  set_function(lua, "list", list);
  push_null(lua);
  lua_setfield(lua, -2, "null");
  open_string(lua);
  lua_setfield(lua, -2, "string");
  open_math(lua);
  lua_setfield(lua, -2, "math");
  open_table(lua);
  lua_setfield(lua, -2, "table");
  open_utf8(lua);
  lua_setfield(lua, -2, "utf8");

  lua_createtable(lua, 0, 2);
  lua_insert(lua, -2);
  lua_setfield(lua, -2, "__index");
  lua_rawsetp(lua, LUA_REGISTRYINDEX, &kEnvironment);
}

void push_environment(lua_State* lua) {
  lua_createtable(lua, 0, 4);
  lua_rawgetp(lua, LUA_REGISTRYINDEX, &kEnvironment);
  lua_setmetatable(lua, -2);
}

}  // namespace datasync::script
