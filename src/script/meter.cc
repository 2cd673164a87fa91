#include "script/meter.h"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace datasync::script {
namespace {

/// So often is the clock read. A hundred instructions can copy a hundred of the largest texts: a few milliseconds.
constexpr int kStepsPerLook = 100;

[[noreturn]] void raise(lua_State* lua, int level, const char* what, std::uint64_t most, const char* unit) {
  meter_of(lua).over = true;
  luaL_where(lua, level);
  lua_pushfstring(lua, "took %s than %I %s", what, static_cast<LUAI_UACINT>(most), unit);
  lua_concat(lua, 2);
  lua_error(lua);
  std::abort();  // Lua does not come back
}

/// `level`: 0 where the hook interrupts a script, 1 in a C function that a script called.
void check(lua_State* lua, int level) {
  Meter& meter = meter_of(lua);
  if (meter.steps > meter.limits.steps_max) raise(lua, level, "more", meter.limits.steps_max, "steps");
  // A call of few steps, as most are, never looks: if its thread had to wait for a processor, that is no fault of its.
  if (meter.limits.clock == nullptr || meter.steps < meter.next_look) return;
  meter.next_look = meter.steps + kStepsPerLook;
  if (meter.limits.clock->steady_now() <= meter.deadline) return;
  raise(lua, level, "longer", static_cast<std::uint64_t>(meter.limits.time_max.count()), "ms");
}

void on_steps(lua_State* lua, lua_Debug*) {
  meter_of(lua).steps += kStepsPerLook;
  check(lua, 0);
}

}  // namespace

void* allocate(void* meter, void* block, std::size_t old_bytes, std::size_t bytes) noexcept {
  Meter& used = *static_cast<Meter*>(meter);
  if (block == nullptr) old_bytes = 0;  // then it says what the block is for
  if (bytes == 0) {
    std::free(block);
    used.bytes -= old_bytes;
    return nullptr;
  }
  if (bytes > old_bytes && used.bytes - old_bytes + bytes > used.limits.memory_bytes_max) return nullptr;
  void* fresh = std::realloc(block, bytes);
  if (fresh == nullptr) return nullptr;
  used.bytes += bytes - old_bytes;
  return fresh;
}

Meter& meter_of(lua_State* lua) noexcept {
  void* meter = nullptr;
  (void)lua_getallocf(lua, &meter);
  return *static_cast<Meter*>(meter);
}

void begin_call(lua_State* lua) {
  Meter& meter = meter_of(lua);
  meter.steps = 0;
  meter.over = false;
  meter.next_look = kStepsPerLook;
  if (meter.limits.clock != nullptr) meter.deadline = meter.limits.clock->steady_now() + meter.limits.time_max;
  lua_sethook(lua, on_steps, LUA_MASKCOUNT, kStepsPerLook);  // the count goes on where the last call left it otherwise
}

void charge(lua_State* lua, std::uint64_t steps) {
  Meter& meter = meter_of(lua);
  meter.steps += std::min(steps, meter.limits.steps_max + 1);  // never over the brim of the integer
  check(lua, 1);
}

}  // namespace datasync::script
