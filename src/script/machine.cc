#include "script/machine.h"

#include <algorithm>
#include <charconv>

#include "domain/json.h"
#include "script/library.h"
#include "script/values.h"

namespace datasync::script {
namespace {

/// The name by which Lua knows every script: its own shortens those that are long.
constexpr std::string_view kChunk = "script";

/// Keys of the registry: their addresses.
const char kMain = 0;

constexpr std::size_t kReasonBytesMax = 300;

int run_work(lua_State* lua) {
  const auto& work = *static_cast<const std::function<void(lua_State*)>*>(lua_touserdata(lua, 1));
  lua_settop(lua, 0);
  work(lua);
  return 0;
}

/// Runs the script in a new environment, and leaves that on the stack.
void run_main(lua_State* lua) {
  push_environment(lua);
  lua_rawgetp(lua, LUA_REGISTRYINDEX, &kMain);
  lua_pushvalue(lua, -2);
  lua_setupvalue(lua, -2, 1);  // a script's first upvalue is its environment
  lua_call(lua, 0, 0);
}

/// Pushes the function of that name from the environment on top.
void push_function(lua_State* lua, std::string_view function) {
  lua_pushlstring(lua, function.data(), function.size());
  if (lua_rawget(lua, -2) == LUA_TFUNCTION) return;
  luaL_error(lua, "script:1: defines no function `%s`", std::string(function).c_str());
}

/// Raises what stands on top. What keeps a text from being read has a line, the first where Lua says none.
void raise_at_a_line(lua_State* lua) {
  std::string_view message = luaL_optstring(lua, -1, "");
  if (!message.starts_with(kChunk)) {
    lua_pushliteral(lua, "script:1: ");
    lua_insert(lua, -2);
    lua_concat(lua, 2);
  }
  lua_error(lua);
}

/// Takes `script:12: ` off the front, and returns the line; 0 where there is none.
int take_line(std::string_view& message) {
  if (!message.starts_with(kChunk) || message.substr(kChunk.size()).substr(0, 1) != ":") return 0;
  const std::string_view rest = message.substr(kChunk.size() + 1);
  int line = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), line);
  const auto digits = static_cast<std::size_t>(end - rest.data());
  if (error != std::errc{} || rest.substr(digits, 2) != ": ") return 0;
  message = rest.substr(digits + 2);
  return line;
}

}  // namespace

std::string as_reason(std::string_view text) {
  std::string line(text.substr(0, kReasonBytesMax));
  // Cut between characters: what follows the first byte of one begins with the bits 10.
  if (text.size() > line.size()) {
    while (!line.empty() && (static_cast<unsigned char>(text[line.size()]) & 0xc0U) == 0x80U) line.pop_back();
  }
  if (!is_utf8(line)) return "an error whose text is no UTF-8";
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return line;
}

Machine::Machine(const std::string& name, Limits limits)
    : name_(name), meter_{.limits = limits}, lua_(lua_newstate(allocate, &meter_)) {}

Result<std::unique_ptr<Machine>> Machine::make(const std::string& name, const std::string& text, Limits limits) {
  std::unique_ptr<Machine> machine(new Machine(name, limits));
  const auto out_of_memory = [&] {
    return fail(ErrorCode::kTooLarge,
                name + ":1: " + std::to_string(limits.memory_bytes_max) + " bytes hold no script");
  };
  if (!machine->lua_) return out_of_memory();
  auto loaded = machine->guarded([&text](lua_State* lua) {
    open_library(lua);
    const std::string chunk = "=" + std::string(kChunk);
    if (luaL_loadbufferx(lua, text.data(), text.size(), chunk.c_str(), "t") != LUA_OK) raise_at_a_line(lua);
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &kMain);
  });
  if (!loaded) return fail(std::move(loaded).error());
  return machine;
}

Result<void> Machine::run() {
  return guarded(run_main);
}

Result<void> Machine::find(std::string_view function) {
  return guarded([function](lua_State* lua) {
    run_main(lua);
    push_function(lua, function);
  });
}

Result<Value> Machine::call(std::string_view function, std::span<const Argument> arguments) {
  Value value;
  DATASYNC_TRY(guarded([&](lua_State* lua) {
    run_main(lua);
    push_function(lua, function);
    const int count = static_cast<int>(arguments.size());
    luaL_checkstack(lua, count, "too many arguments");
    for (const Argument& argument : arguments) push(lua, argument);
    lua_call(lua, count, 1);
    value = read(lua, -1);
  }));
  return value;
}

Result<void> Machine::guarded(const std::function<void(lua_State*)>& work) {
  lua_State* lua = lua_.get();
  begin_call(lua);
  lua_pushcfunction(lua, run_work);
  lua_pushlightuserdata(lua, const_cast<std::function<void(lua_State*)>*>(&work));
  if (lua_pcall(lua, 1, 0, 0) == LUA_OK) return {};
  Error error = error_on_top();
  lua_settop(lua, 0);
  return fail(std::move(error));
}

Error Machine::error_on_top() {
  std::string_view message;
  if (lua_type(lua_.get(), -1) == LUA_TSTRING) {
    std::size_t bytes = 0;
    const char* text = lua_tolstring(lua_.get(), -1, &bytes);
    message = {text, bytes};
  } else {
    message = "an error that is no text";
  }
  // By its words, since a buffer of the library that can't grow raises an error like any other.
  spent_ = message.ends_with("not enough memory");
  const int line = take_line(message);
  std::string reason = as_reason(message);
  if (spent_) reason = "needs more memory than " + std::to_string(meter_.limits.memory_bytes_max / 1024) + " KiB";
  return {spent_ || meter_.over ? ErrorCode::kTooLarge : ErrorCode::kInvalid,
          name_ + (line > 0 ? ":" + std::to_string(line) : "") + ": " + reason};
}

}  // namespace datasync::script
