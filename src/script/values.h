#pragma once

#include <lua.hpp>

#include "script/script.h"

namespace datasync::script {

/// Both may raise. What a script sees as what stands at `Script`.
void push(lua_State* lua, const Argument& argument);
[[nodiscard]] Value read(lua_State* lua, int index);

void push_null(lua_State* lua);
[[nodiscard]] bool is_null(lua_State* lua, int index) noexcept;

/// A number that Lua can't hold as it is, as its canonical text; null for anything else. Scripts can compare it.
[[nodiscard]] const char* long_number(lua_State* lua, int index);

/// The decimal that a number is: of a float the shortest that reads back as the same float.
/// Raises for what is no number or not finite.
[[nodiscard]] std::string number_text(lua_State* lua, int index);

/// Makes the table at `index` a list for good.
void mark_list(lua_State* lua, int index);

/// What values need in every state.
void open_values(lua_State* lua);

}  // namespace datasync::script
