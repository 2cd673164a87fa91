#include "app/rule_scripts.h"

#include <filesystem>
#include <utility>

#include "app/config_section.h"
#include "conflict/strategies/custom_logic.h"

namespace datasync::app {
namespace {

constexpr std::string_view kFolder = "rules/";
constexpr std::string_view kLua = ".lua";

}  // namespace

RuleScripts::RuleScripts(std::span<const EmbeddedFile> shipped, ReadFile read, const Clock* clock)
    : shipped_(shipped), read_(std::move(read)), clock_(clock) {}

Result<std::shared_ptr<const conflict::Strategy>> RuleScripts::find(const std::string& name) {
  if (const auto known = compiled_.find(name); known != compiled_.end()) return known->second;
  auto rule = compile(name);
  if (rule) compiled_.emplace(name, *rule);
  return rule;
}

Result<std::shared_ptr<const conflict::Strategy>> RuleScripts::compile(const std::string& name) const {
  const script::Limits limits{.clock = clock_};
  if (name.ends_with(kLua)) {
    if (!stays_below(name))
      return fail(ErrorCode::kInvalid, "must be a file in the folder of the configuration or below");
    auto text = read_ ? read_(name) : std::nullopt;
    if (!text) return fail(ErrorCode::kInvalid, "names a file that there is not beside the configuration");
    return conflict::CustomLogic::compile(name, *std::move(text), limits);
  }
  const std::string path = std::string(kFolder) + name + std::string(kLua);
  for (const EmbeddedFile& file : shipped_) {
    if (file.path == path) return conflict::CustomLogic::compile(path, std::string(file.content), limits);
  }
  return fail(ErrorCode::kInvalid, "names a rule that does not ship" + did_you_mean(name, names()) +
                                       "; your own is a file that ends in .lua");
}

std::vector<std::string> RuleScripts::names() const {
  std::vector<std::string> names;
  for (const EmbeddedFile& file : shipped_) {
    if (!file.path.starts_with(kFolder) || !file.path.ends_with(kLua)) continue;
    names.emplace_back(file.path.substr(kFolder.size(), file.path.size() - kFolder.size() - kLua.size()));
  }
  return names;
}

bool stays_below(std::string_view path) {
  if (path.find('\0') != std::string_view::npos) return false;
  const auto normal = std::filesystem::path(path).lexically_normal();
  return !normal.empty() && normal.is_relative() && *normal.begin() != "..";
}

}  // namespace datasync::app
