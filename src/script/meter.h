#pragma once

#include <lua.hpp>

#include "base/time.h"
#include "script/script.h"

namespace datasync::script {

/// What one Lua state has used of its limits. The state's allocator holds it, so every C function finds it there.
struct Meter {
  Limits limits;
  std::size_t bytes = 0;
  std::uint64_t steps = 0;
  std::uint64_t next_look = 0;  ///< at the clock, in steps
  SteadyTime deadline = SteadyTime::max();
  bool over = false;  ///< a limit ended the call
};

/// A `lua_Alloc` over a `Meter`. Returns null at the limit; Lua then collects its garbage, tries again, and fails.
[[nodiscard]] void* allocate(void* meter, void* block, std::size_t old_bytes, std::size_t bytes) noexcept;

[[nodiscard]] Meter& meter_of(lua_State* lua) noexcept;

/// From now on instructions are counted, from nothing: a new call may use all of the limits.
void begin_call(lua_State* lua);

/// Counts the work of a library function as instructions, before it is done. Raises where that is over a limit.
void charge(lua_State* lua, std::uint64_t steps);

}  // namespace datasync::script
