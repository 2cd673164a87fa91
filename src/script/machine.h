#pragma once

#include <functional>
#include <lua.hpp>

#include "script/meter.h"
#include "script/script.h"

namespace datasync::script {

/// One Lua state with one script in it. Errors are those of `Script`.
/// Threads: one at a time.
class Machine {
 public:
  /// `name` outlives the machine.
  static Result<std::unique_ptr<Machine>> make(const std::string& name, const std::string& text, Limits limits);

  /// Runs what stands outside of functions.
  [[nodiscard]] Result<void> run();
  [[nodiscard]] Result<void> find(std::string_view function);
  [[nodiscard]] Result<Value> call(std::string_view function, std::span<const Argument> arguments);

  /// It ran out of memory: better made anew.
  [[nodiscard]] bool is_spent() const noexcept { return spent_; }

 private:
  struct Close {
    void operator()(lua_State* lua) const noexcept { lua_close(lua); }
  };

  Machine(const std::string& name, Limits limits);
  /// Runs `work` where Lua may raise, and makes a result of what it raised. The stack is empty before and after.
  Result<void> guarded(const std::function<void(lua_State*)>& work);
  Error error_on_top();

  const std::string& name_;
  Meter meter_;
  std::unique_ptr<lua_State, Close> lua_;  // after the meter, which its allocator uses to the end
  bool spent_ = false;
};

}  // namespace datasync::script
