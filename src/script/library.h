#pragma once

#include <lua.hpp>

namespace datasync::script {

/// Makes ready what scripts may use. Once for each state, where Lua may raise.
///
/// What is there is listed; all else is not: `load`, `require`, `os`, `io`, `debug`, `coroutine`, `collectgarbage`,
/// `print`; `pcall` (it would catch a limit); metatables (their finalizers run where nothing counts steps) and `raw…`,
/// `next`, whose order is random; `math.random`; and what other processors may round in another way (`math.exp`, `sin`,
/// …).
void open_library(lua_State* lua);

/// Pushes a new environment of a script: empty, over the library, which can't be changed.
void push_environment(lua_State* lua);

}  // namespace datasync::script
