#include "script/bounded.h"

#include <algorithm>
#include <string_view>

#include "script/meter.h"
#include "script/patterns.h"

namespace datasync::script {
namespace {

/// Characters that a matcher looks at in the time of a step; the worst patterns need far fewer than `pattern_work`
/// says.
constexpr std::uint64_t kCharactersPerStep = 1000;
/// The most that one search may take: some milliseconds, since nothing can interrupt it.
constexpr std::uint64_t kPatternWorkMax = 10'000'000;
constexpr std::uint64_t kBytesPerStep = 1000;
/// `table.sort` draws its pivots by the clock beyond this, and equal elements would then stand in a random order.
/// Source: RANLIMIT in ltablib.c.
constexpr lua_Integer kSortedMax = 100;

std::string_view text_at(lua_State* lua, int index) {
  std::size_t bytes = 0;
  const char* text = luaL_checklstring(lua, index, &bytes);
  return {text, bytes};
}

void check_search(lua_State* lua, Search search) {
  const std::uint64_t work = pattern_work(text_at(lua, 1).size(), text_at(lua, 2), search);
  if (work > kPatternWorkMax) luaL_error(lua, "a pattern that repeats too often for a text of this length");
  charge(lua, work / kCharactersPerStep);
}

void check_find(lua_State* lua) {
  check_search(lua, lua_toboolean(lua, 4) != 0 ? Search::kText : Search::kPattern);
}

void check_match(lua_State* lua) {
  check_search(lua, Search::kPattern);
}

void check_gmatch(lua_State* lua) {
  check_search(lua, Search::kEverywhere);
}

/// `%p` writes an address, and so does `%s` of what is neither text nor number.
void check_format(lua_State* lua) {
  const std::string_view format = text_at(lua, 1);
  for (std::size_t at = format.find('%'); at != std::string_view::npos; at = format.find('%', at)) {
    at = format.find_first_not_of("-+ #0123456789.", at + 1);
    if (at == std::string_view::npos) break;
    if (format[at] == 'p') luaL_error(lua, "invalid conversion `%%p`: there are no addresses");
    ++at;
  }
  for (int i = 2; i <= lua_gettop(lua); ++i) {
    const int type = lua_type(lua, i);
    if (type != LUA_TNIL && type != LUA_TBOOLEAN && type != LUA_TNUMBER && type != LUA_TSTRING) {
      luaL_argerror(lua, i, "text, number or boolean expected; `tostring` makes a text of others");
    }
  }
}

/// Nothing, written often, is no text and takes no memory, but all the time that there is.
void check_rep(lua_State* lua) {
  std::size_t separator_bytes = 0;
  (void)luaL_optlstring(lua, 3, "", &separator_bytes);
  const std::size_t bytes = text_at(lua, 1).size() + separator_bytes;
  const auto copies = static_cast<std::uint64_t>(std::max<lua_Integer>(luaL_checkinteger(lua, 2), 0));
  if (copies > meter_of(lua).limits.memory_bytes_max) luaL_argerror(lua, 2, "too many copies");
  charge(lua, copies * (bytes + 1) / kBytesPerStep);
}

/// The length may be any number where a table has holes: it is the border that a search finds.
void charge_length(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  charge(lua, lua_rawlen(lua, 1));
}

void check_insert(lua_State* lua) {
  if (lua_gettop(lua) > 2) charge_length(lua);
}

void check_remove(lua_State* lua) {
  if (lua_gettop(lua) > 1) charge_length(lua);
}

void check_move(lua_State* lua) {
  const lua_Integer first = luaL_checkinteger(lua, 2);
  const lua_Integer last = luaL_checkinteger(lua, 3);
  if (last >= first) charge(lua, static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first));
}

void check_sort(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  if (static_cast<lua_Integer>(lua_rawlen(lua, 1)) > kSortedMax) {
    luaL_error(lua, "sorts at most %d elements", static_cast<int>(kSortedMax));
  }
}

constexpr Bounded kStringFunctions[] = {
    {"find", check_find},  {"format", check_format}, {"gmatch", check_gmatch},
    {"gsub", check_match}, {"match", check_match},   {"rep", check_rep},
};

constexpr Bounded kTableFunctions[] = {
    {"insert", check_insert},
    {"move", check_move},
    {"remove", check_remove},
    {"sort", check_sort},
};

/// Upvalues: the check, and Lua's own function.
int call_bounded(lua_State* lua) {
  const auto& bounded = *static_cast<const Bounded*>(lua_touserdata(lua, lua_upvalueindex(1)));
  bounded.check(lua);
  return lua_tocfunction(lua, lua_upvalueindex(2))(lua);
}

}  // namespace

std::span<const Bounded> bounded_string_functions() noexcept {
  return kStringFunctions;
}

std::span<const Bounded> bounded_table_functions() noexcept {
  return kTableFunctions;
}

void bound(lua_State* lua, const Bounded& bounded) {
  lua_pushlightuserdata(lua, const_cast<Bounded*>(&bounded));
  lua_insert(lua, -2);
  lua_pushcclosure(lua, call_bounded, 2);
}

}  // namespace datasync::script
