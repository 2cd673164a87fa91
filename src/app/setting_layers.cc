#include "app/setting_layers.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "app/config_section.h"
#include "app/config_tree.h"
#include "app/settings_table.h"

namespace datasync::app {
namespace {

constexpr std::string_view kFileSuffix = "_FILE";
constexpr std::string_view kCommandLine = "--config";
constexpr std::size_t kValueFileBytesMax = 64 * 1024;
constexpr std::size_t kConfigFileBytesMax = 16 * 1024 * 1024;

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

bool is_name(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  return !text.empty() && letter(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

std::string in_case(std::string_view text, int (*convert)(int)) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(convert(static_cast<unsigned char>(c)));
  return out;
}

/// None when it can't be read or is too large.
std::optional<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text(bytes_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (file.bad() || text.size() > bytes_max) return std::nullopt;
  return text;
}

/// The value of one line of a `.env` file, as Docker and the dotenv libraries read it; there is no `${…}`. None: a
/// quote has no end, or something but a comment follows it.
std::optional<std::string> env_value(std::string_view text) {
  text = trimmed(text);
  if (text.empty() || (text.front() != '"' && text.front() != '\'')) {
    const auto comment = text.starts_with('#') ? 0 : std::min(text.find(" #"), text.find("\t#"));
    return std::string(trimmed(text.substr(0, comment)));
  }
  const char quote = text.front();
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == quote) {
      const auto rest = trimmed(text.substr(i + 1));
      return rest.empty() || rest.starts_with('#') ? std::optional(value) : std::nullopt;
    }
    if (text[i] == '\\' && quote == '"' && i + 1 < text.size()) {
      ++i;
      value += text[i] == 'n' ? '\n' : text[i] == 't' ? '\t' : text[i];
    } else {
      value += text[i];
    }
  }
  return std::nullopt;
}

/// A list of words counts as the words with commas between.
std::optional<std::string> yaml_value(const ConfigNode& node) {
  if (node.kind == ConfigNode::Kind::kNull) return std::string();
  if (node.kind == ConfigNode::Kind::kScalar) return node.text;
  if (node.kind != ConfigNode::Kind::kList) return std::nullopt;
  std::string joined;
  for (const auto& item : node.items) {
    if (item.kind != ConfigNode::Kind::kScalar) return std::nullopt;
    joined += (joined.empty() ? "" : ",") + item.text;
  }
  return joined;
}

std::string suggestion(std::string_view key) {
  std::vector<std::string> known;
  for (const auto& setting : settings_table()) known.push_back(in_case(setting.name, std::tolower));
  return did_you_mean(key, known);
}

}  // namespace

SettingSources system_sources(std::string config_file) {
  SettingSources sources;
  sources.config_file = std::move(config_file);
  sources.cores = std::max(1U, std::thread::hardware_concurrency());
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (equals != std::string_view::npos) sources.environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  sources.env_files.emplace_back(".env");
  std::error_code error;
  const auto binary = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) {
    const auto beside = binary.parent_path() / ".env";
    if (!std::filesystem::equivalent(beside, ".env", error)) sources.env_files.push_back(beside.string());
  }
  return sources;
}

SettingLayers SettingLayers::read(const SettingSources& sources, std::vector<std::string>& problems) {
  SettingLayers layers;
  Layer command_line;
  if (!sources.config_file.empty()) command_line.values["CONFIG"] = {sources.config_file, std::string(kCommandLine)};
  layers.variables_.push_back(std::move(command_line));
  Layer environment;
  for (const auto& [name, value] : sources.environment) environment.values[name] = {value, "environment"};
  layers.variables_.push_back(std::move(environment));
  for (const auto& path : sources.env_files) {
    std::error_code error;
    if (std::filesystem::exists(path, error)) layers.variables_.push_back(read_env_file(path, problems));
  }
  const auto config = layers.find("CONFIG");
  if (config && *config) layers.read_config(**config, problems);
  return layers;
}

SettingLayers::Layer SettingLayers::read_env_file(const std::string& path, std::vector<std::string>& problems) {
  Layer layer;
  layer.folder = std::filesystem::path(path).parent_path().string();
  const auto content = read_file(path, kConfigFileBytesMax);
  if (!content) {
    problems.push_back(fmt::format("{}: cannot be read; make it readable for the service, or remove it", path));
    return layer;
  }
  std::string_view rest(*content);
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  for (int line = 1; !rest.empty(); ++line) {
    const auto end = rest.find('\n');
    std::string_view text = trimmed(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (text.empty() || text.starts_with('#')) continue;
    if (text.starts_with("export ")) text = trimmed(text.substr(7));
    const auto equals = text.find('=');
    const auto name = trimmed(text.substr(0, equals));
    const auto place = fmt::format("{}:{}", path, line);
    if (equals == std::string_view::npos || !is_name(name)) {
      problems.push_back(place + ": must be NAME=value, or a comment that begins with #");
    } else if (auto value = env_value(text.substr(equals + 1))) {
      layer.values[std::string(name)] = {*std::move(value), place};
    } else {
      problems.push_back(fmt::format("{}: the value of {} has a quote that does not end the line", place, name));
    }
  }
  return layer;
}

void SettingLayers::read_config(const GivenValue& path, std::vector<std::string>& problems) {
  auto content = read_file(path.text, kConfigFileBytesMax);
  if (!content) {
    // Only what a person typed beside `--config` is sure to be meant as a path.
    const bool typed = path.place == kCommandLine;
    problems.push_back(fmt::format(
        "CONFIG: the file {}cannot be read; correct the path or leave it out",
        typed ? fmt::format("{} ({}) ", path.text, path.place) : fmt::format("that it names ({}) ", path.place)));
    return;
  }
  config_text_ = *std::move(content);
  config_.folder = std::filesystem::path(path.text).parent_path().string();
  const auto tree = parse_yaml(config_text_, path.text);
  if (!tree) {
    problems.push_back(tree.error().message);
    return;
  }
  const ConfigNode* section = tree->find("settings");
  if (section == nullptr || section->kind == ConfigNode::Kind::kNull) return;
  if (section->kind != ConfigNode::Kind::kMap) {
    problems.push_back(section->place() + ": settings: must be a map, as in `settings: {port: 8025}`");
    return;
  }
  for (const auto& [key, node] : section->members) {
    const auto at = fmt::format("{}: settings.{}: ", node.place(), key);
    const std::string name = in_case(key, std::toupper);
    std::string_view base = name;
    if (base.ends_with(kFileSuffix)) base.remove_suffix(kFileSuffix.size());
    if (base == "CONFIG") {
      problems.push_back(at + "a configuration file cannot name another one");
    } else if (find_setting(base) == nullptr) {
      problems.push_back(at + "there is no such setting" + suggestion(in_case(key, std::tolower)));
    } else if (auto value = yaml_value(node)) {
      config_.values[name] = {*std::move(value), node.place()};
    } else {
      problems.push_back(at + "must be one value");
    }
  }
}

Result<std::optional<GivenValue>> SettingLayers::find_in(const Layer& layer, std::string_view name) {
  const auto value_of = [&](std::string_view wanted) -> const GivenValue* {
    const auto found = layer.values.find(wanted);
    return found == layer.values.end() || found->second.text.empty() ? nullptr : &found->second;
  };
  const std::string file_name = std::string(name) + std::string(kFileSuffix);
  const auto* value = value_of(name);
  const auto* file = value_of(file_name);
  if (value != nullptr && file != nullptr) {
    return fail(ErrorCode::kInvalid, fmt::format("{}: given as {} ({}) and as {} ({}); remove one of them", name, name,
                                                 value->place, file_name, file->place));
  }
  if (file == nullptr) return value == nullptr ? std::nullopt : std::optional(*value);
  const auto path = std::filesystem::path(layer.folder) / file->text;  // an absolute path stays itself
  auto content = read_file(path.string(), kValueFileBytesMax);
  if (!content) {
    // Not what it names: who takes the one variable for the other puts the secret itself there.
    return fail(ErrorCode::kInvalid,
                fmt::format("{}: the file that {} ({}) names cannot be read or is larger than {} KiB", name, file_name,
                            file->place, kValueFileBytesMax / 1024));
  }
  while (content->ends_with('\n') || content->ends_with('\r')) content->pop_back();
  if (content->empty()) {
    return fail(ErrorCode::kInvalid, fmt::format("{}: the file {}, which {} ({}) names, is empty", name, path.string(),
                                                 file_name, file->place));
  }
  return GivenValue{*std::move(content), fmt::format("{} by {}, {}", path.string(), file_name, file->place)};
}

Result<std::optional<GivenValue>> SettingLayers::find(std::string_view name) const {
  auto found = find_variable(name);
  return !found || *found ? found : find_in(config_, name);
}

Result<std::optional<GivenValue>> SettingLayers::find_variable(std::string_view name) const {
  for (const auto& layer : variables_) {
    auto found = find_in(layer, name);
    if (!found || *found) return found;
  }
  return std::nullopt;
}

std::vector<std::pair<std::string, std::string>> SettingLayers::variable_names() const {
  std::vector<std::pair<std::string, std::string>> names;
  for (const auto& layer : variables_) {
    for (const auto& [name, value] : layer.values) names.emplace_back(name, value.place);
  }
  return names;
}

}  // namespace datasync::app
