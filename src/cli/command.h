#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "cli/terminal.h"

namespace datasync::cli {

struct Callbacks;

/// What a command may use of the world.
/// Lifetime: everything is borrowed for one run.
struct Session {
  Terminal terminal;
  const Clock& clock;
  std::function<std::optional<std::string>(std::string_view name)> variable;  ///< of the environment
  std::function<void(milliseconds)> wait;                                     ///< between two questions
};

/// How a command says what it takes. Names are as one types them: `--tenant` or `-t,--tenant`.
class Options {
 public:
  virtual ~Options() = default;
  virtual void text(const std::string& names, std::string& out, const std::string& help) = 0;
  /// May be given several times, or once with commas.
  virtual void texts(const std::string& names, std::vector<std::string>& out, const std::string& help) = 0;
  virtual void integer(const std::string& names, std::optional<std::int64_t>& out, std::int64_t min, std::int64_t max,
                       const std::string& help) = 0;
  virtual void flag(const std::string& names, bool& out, const std::string& help) = 0;
  /// What stands without a name; `required` is about the first of them.
  virtual void positional(const std::string& name, std::string& out, bool required, const std::string& help) = 0;
  virtual void positionals(const std::string& name, std::vector<std::string>& out, bool required,
                           const std::string& help) = 0;
};

struct Example {
  std::string line;     ///< as one types it; a test parses each
  std::string meaning;  ///< half a sentence
};

/// One command. Lifecycle: made, `declare`d once, then `run` at most once.
class Command {
 public:
  virtual ~Command() = default;
  /// `send`; `events list` is `list` of the group `events`.
  [[nodiscard]] virtual std::string name() const = 0;
  [[nodiscard]] virtual std::string summary() const = 0;          ///< one line, without a full stop
  [[nodiscard]] virtual std::string notes() const { return {}; }  ///< what one must know to read its result; lines
  [[nodiscard]] virtual std::vector<Example> examples() const { return {}; }
  virtual void declare(Options& options) = 0;
  virtual int run(Session& session) = 0;
};

using Commands = std::vector<std::unique_ptr<Command>>;

}  // namespace datasync::cli
