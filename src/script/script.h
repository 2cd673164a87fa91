#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "domain/value.h"

namespace datasync::script {

/// How much one call may use. A call that reaches a limit fails and says which; the next one begins anew.
struct Limits {
  std::uint64_t steps_max = 100'000;           ///< instructions, and the work of library functions in their measure
  std::size_t memory_bytes_max = 1024 * 1024;  ///< the script itself and the library count: some 15 KiB
  milliseconds time_max{10};                   ///< for machines so busy that the steps take too long
  const Clock* clock = nullptr;                ///< null: no limit of time. Outlives every script
};

/// The longest text of a script.
inline constexpr std::size_t kScriptBytesMax = 64 * 1024;

/// A text that a script made, as a reason for people: one line of UTF-8, and not too long.
[[nodiscard]] std::string as_reason(std::string_view text);

struct Member;
/// What a function is given: null, a number, a text, a value, or a table of these. Borrowed for the time of the call.
using Argument = std::variant<std::nullptr_t, std::int64_t, std::string_view, const Value*, std::vector<Member>>;
struct Member {
  std::string_view name;
  Argument value;
};

class Machine;

/// A script in sandboxed Lua 5.4: its functions, each a pure one of its arguments.
///
/// Purity:  each call begins with the text's first line and an empty environment, so nothing remains of the one before.
///          There is no I/O, time, randomness or address, and `pairs` goes in the order of the keys.
/// Values:  null is the constant `null` (nil means: not there); objects and lists are tables, and a list is one even
/// when
///          it is empty (`list()` makes such a one). Numbers are integers, or floats where the float writes the same
///          decimal; any other number (`type` says "number" as well) can be compared and handed on, and is never
///          rounded: to calculate with it is an error. `math.distance(a, b)` is |a - b|, exactly, of any two numbers.
/// Errors:  `kInvalid` with `name:line: reason`, `kTooLarge` for a limit, likewise. A reason holds what the script
/// itself
///          put into `error(…)`, else no values.
/// Threads: any, at once; each uses a Lua state of its own.
class Script {
 public:
  /// Reads `text` and runs what stands outside of functions once, to see that it can. `name` is for messages.
  static Result<std::unique_ptr<const Script>> compile(std::string name, std::string text, Limits limits);
  ~Script();

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// Errors: `kInvalid` if the script has no global function of that name.
  [[nodiscard]] Result<void> require(std::string_view function) const;

  /// The first value that the function returns.
  [[nodiscard]] Result<Value> call(std::string_view function, std::span<const Argument> arguments) const;

 private:
  Script(std::string name, std::string text, Limits limits);
  [[nodiscard]] Result<std::unique_ptr<Machine>> take_machine() const;
  void give_back(std::unique_ptr<Machine> machine) const;

  const std::string name_;
  const std::string text_;
  const Limits limits_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Machine>> idle_;  // guarded by mutex_
};

}  // namespace datasync::script
