#pragma once

#include <lua.hpp>

#include <span>

namespace datasync::script {

/// A function of Lua's own library that could take any time within one call, and what stands before it: that refuses
/// such a call, or counts its work. It raises, or returns and leaves the arguments as they are.
struct Bounded {
  const char* name;
  void (*check)(lua_State* lua);
};

[[nodiscard]] std::span<const Bounded> bounded_string_functions() noexcept;
[[nodiscard]] std::span<const Bounded> bounded_table_functions() noexcept;

/// Puts `check` before the function on top of the stack.
void bound(lua_State* lua, const Bounded& bounded);

}  // namespace datasync::script
