#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "domain/json.h"
#include "script/script.h"

namespace datasync::script {

inline std::unique_ptr<const Script> compiled(std::string text, Limits limits = {}) {
  auto script = Script::compile("rule.lua", std::move(text), limits);
  EXPECT_TRUE(script) << script.error().message;
  return script ? *std::move(script) : nullptr;
}

/// What `function f(x) <body> end` returns, as JSON; else the reason why it does not.
inline std::string outcome(const std::string& body, std::string_view x = "null", Limits limits = {}) {
  const auto script = Script::compile("rule.lua", "function f(x) " + body + " end", limits);
  if (!script) return script.error().message;
  const Value value = parse_json(x).value();
  const std::vector<Argument> arguments{&value};
  const auto result = (*script)->call("f", arguments);
  return result ? result->text() : result.error().message;
}

}  // namespace datasync::script
