#pragma once

#include <memory>
#include <string>

#include "conflict/strategy.h"
#include "script/script.h"

namespace datasync::conflict {

/// What a rule in Lua says: its function `resolve`, which gets one table
///
///     entity, field, base                   base is nil where it is not known
///     incoming, golden = {value, platform, time, rank}   time in microseconds, rank 0 for the most trusted
///     latest                                what `latest_wins` would say
///
/// and returns "incoming", "golden", {value = …} for another value than both, or {review = "why a person must decide"}.
/// Anything else, an error and a limit reached go to a person, who is told the rule, its line and what was wrong.
class CustomLogic final : public Strategy {
 public:
  /// `name` is the rule's file, for messages. Errors: `kInvalid` and `kTooLarge` with `name:line: reason`.
  static Result<std::shared_ptr<const CustomLogic>> compile(std::string name, std::string text, script::Limits limits);

  explicit CustomLogic(std::unique_ptr<const script::Script> script) : script_(std::move(script)) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "custom_logic"; }
  [[nodiscard]] Resolution resolve(const FieldConflict& conflict) const override;

 private:
  std::unique_ptr<const script::Script> script_;
};

}  // namespace datasync::conflict
