#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/settings.h"
#include "base/result.h"

namespace datasync::app {

/// A value as somebody wrote it, and where.
struct GivenValue {
  std::string text;
  std::string place;  ///< `environment`, `.env:3`, `my.yaml:12`, `/run/jwt by JWT_SECRET_FILE, environment`
};

/// The places where settings come from, strongest first. Names are in upper case, as in the environment.
class SettingLayers {
 public:
  /// Reads the `.env` files and the configuration file. What is wrong with them is added to `problems`, a line each.
  static SettingLayers read(const SettingSources& sources, std::vector<std::string>& problems);

  /// The strongest value of a setting that is not empty; `NAME_FILE` counts as its place's value.
  /// Errors: `kInvalid` when one place has both, or the file that is named can't be read.
  [[nodiscard]] Result<std::optional<GivenValue>> find(std::string_view name) const;
  /// The same without the configuration file: for variables that are no settings.
  [[nodiscard]] Result<std::optional<GivenValue>> find_variable(std::string_view name) const;

  /// The whole configuration file; empty without one.
  [[nodiscard]] const std::string& config_text() const noexcept { return config_text_; }

  /// Names in the environment and in `.env` files, with their places.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> variable_names() const;

 private:
  struct Layer {
    std::map<std::string, GivenValue, std::less<>> values;
    std::string folder;  // relative names in NAME_FILE start here; empty: the working directory
  };
  static Result<std::optional<GivenValue>> find_in(const Layer& layer, std::string_view name);
  static Layer read_env_file(const std::string& path, std::vector<std::string>& problems);
  void read_config(const GivenValue& path, std::vector<std::string>& problems);

  std::vector<Layer> variables_;
  Layer config_;
  std::string config_text_;
};

}  // namespace datasync::app
