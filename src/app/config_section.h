#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "app/config_tree.h"
#include "base/result.h"

namespace datasync::app {

/// One thing that is wrong with a configuration.
struct ConfigFault {
  std::string place;  ///< `shop.yaml:12`; empty where no file says it
  std::string path;   ///< `conflict_rules.lead.fields.status`; empty where it is about the whole
  std::string message;

  /// `shop.yaml:12: conflict_rules.lead.fields.status: what would be right`
  [[nodiscard]] std::string text() const;
};

/// What is wrong with a configuration: all of it, so that an operator mends it in one go.
///
/// A problem names the key and its place and says what would be right. It never quotes the value: under a key that was
/// mistaken for another, or was filled from the wrong variable, it may be a secret, and problems go to the log.
class Problems {
 public:
  /// `at` may be null where nothing stands yet.
  void add(const ConfigNode* at, std::string_view path, std::string_view message);
  [[nodiscard]] bool empty() const noexcept { return faults_.empty(); }
  [[nodiscard]] const std::vector<ConfigFault>& faults() const noexcept { return faults_; }
  /// One line per problem, at most 20.
  [[nodiscard]] Error error() const;

 private:
  std::vector<ConfigFault> faults_;
  std::unordered_set<std::string> seen_;
};

/// `; did you mean X?` for the nearest of `known`, else empty.
[[nodiscard]] std::string did_you_mean(std::string_view word, std::span<const std::string> known);

/// One map of the configuration while it is read. Each key that is asked for is a known one; when the section goes, it
/// refuses every key that nobody asked for. Wrong kinds are noted too and read as if the key were missing, so reading
/// goes on. Lifetime: `problems` and the tree outlive it.
class ConfigSection {
 public:
  ConfigSection(const ConfigNode* node, std::string path, Problems& problems);
  ConfigSection(const ConfigSection&) = delete;
  ConfigSection& operator=(const ConfigSection&) = delete;
  ~ConfigSection();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] bool has(std::string_view key) { return node(key) != nullptr; }
  /// The value as it stands; null if there is none.
  [[nodiscard]] const ConfigNode* node(std::string_view key);
  [[nodiscard]] ConfigSection section(std::string_view key);
  /// Every member, for maps whose keys are names: all count as asked for.
  [[nodiscard]] std::span<const std::pair<std::string, ConfigNode>> members();
  [[nodiscard]] std::vector<std::string> keys() const;

  [[nodiscard]] std::optional<std::string> text(std::string_view key);
  [[nodiscard]] std::optional<bool> flag(std::string_view key);
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key, std::int64_t min, std::int64_t max);
  [[nodiscard]] std::optional<double> decimal(std::string_view key, double min, double max);
  /// A list of words; one word stands for a list of one.
  [[nodiscard]] std::optional<std::vector<std::string>> texts(std::string_view key);
  [[nodiscard]] std::map<std::string, std::string> text_map(std::string_view key);
  /// One of the words of `choices`.
  template <typename Choice>
  [[nodiscard]] std::optional<Choice> choice(std::string_view key,
                                             std::span<const std::pair<std::string_view, Choice>> choices);

  void refuse(std::string_view key, std::string_view message);
  [[nodiscard]] Problems& problems() noexcept { return problems_; }

 private:
  [[nodiscard]] std::string path_to(std::string_view key) const;
  void refuse_word(std::string_view key, const std::string& word, const std::vector<std::string>& known);

  const ConfigNode* node_;
  std::string path_;
  Problems& problems_;
  std::set<std::string, std::less<>> asked_;
  bool all_asked_ = false;
};

template <typename Choice>
std::optional<Choice> ConfigSection::choice(std::string_view key,
                                            std::span<const std::pair<std::string_view, Choice>> choices) {
  const auto word = text(key);
  if (!word) return std::nullopt;
  std::vector<std::string> known;
  for (const auto& [name, choice] : choices) {
    if (name == *word) return choice;
    known.emplace_back(name);
  }
  refuse_word(key, *word, known);
  return std::nullopt;
}

}  // namespace datasync::app
