#include "script/script.h"

#include "script/machine.h"

namespace datasync::script {
namespace {

/// Threads that call at once are few; what a burst of them needed more is let go.
constexpr std::size_t kIdleMachinesMax = 8;

}  // namespace

Script::Script(std::string name, std::string text, Limits limits)
    : name_(std::move(name)), text_(std::move(text)), limits_(limits) {}

Script::~Script() = default;

Result<std::unique_ptr<const Script>> Script::compile(std::string name, std::string text, Limits limits) {
  if (text.size() > kScriptBytesMax) {
    return fail(ErrorCode::kTooLarge, name + ":1: longer than " + std::to_string(kScriptBytesMax / 1024) +
                                          " KiB, the most that a script may be");
  }
  std::unique_ptr<const Script> script(new Script(std::move(name), std::move(text), limits));
  auto machine = script->take_machine();
  if (!machine) return fail(std::move(machine).error());
  DATASYNC_TRY((*machine)->run());
  script->give_back(std::move(*machine));
  return script;
}

Result<void> Script::require(std::string_view function) const {
  auto machine = take_machine();
  if (!machine) return fail(std::move(machine).error());
  auto found = (*machine)->find(function);
  give_back(std::move(*machine));
  return found;
}

Result<Value> Script::call(std::string_view function, std::span<const Argument> arguments) const {
  auto machine = take_machine();
  if (!machine) return fail(std::move(machine).error());
  auto value = (*machine)->call(function, arguments);
  give_back(std::move(*machine));
  return value;
}

Result<std::unique_ptr<Machine>> Script::take_machine() const {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto machine = std::move(idle_.back());
      idle_.pop_back();
      return machine;
    }
  }
  return Machine::make(name_, text_, limits_);
}

void Script::give_back(std::unique_ptr<Machine> machine) const {
  if (machine->is_spent()) return;
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kIdleMachinesMax) idle_.push_back(std::move(machine));
}

}  // namespace datasync::script
