#include "app/config_section.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>

namespace datasync::app {
namespace {

constexpr std::size_t kProblemsMax = 20;

/// Edits that turn one word into the other: insert, delete, replace. Source: Wagner and Fischer (1974).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

std::string listed(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

}  // namespace

void Problems::add(const ConfigNode* at, std::string_view path, std::string_view message) {
  ConfigFault fault{at != nullptr && at->file != nullptr ? at->place() : "", std::string(path), std::string(message)};
  // What is read once per entity is wrong once per entity.
  if (seen_.insert(fault.text()).second) faults_.push_back(std::move(fault));
}

std::string ConfigFault::text() const {
  std::string line = place.empty() ? "" : place + ": ";
  if (!path.empty()) line.append(path).append(": ");
  return line + message;
}

Error Problems::error() const {
  std::string all;
  for (std::size_t i = 0; i < std::min(faults_.size(), kProblemsMax); ++i) {
    all += (i == 0 ? "" : "\n") + faults_[i].text();
  }
  if (faults_.size() > kProblemsMax) all += "\nand " + std::to_string(faults_.size() - kProblemsMax) + " more";
  return {ErrorCode::kInvalid, std::move(all)};
}

std::string did_you_mean(std::string_view word, std::span<const std::string> known) {
  const std::string* nearest = nullptr;
  std::size_t best = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (const std::string& candidate : known) {
    const std::size_t edits = distance(word, candidate);
    if (edits < best) {
      best = edits;
      nearest = &candidate;
    }
  }
  return nearest == nullptr ? "" : "; did you mean `" + *nearest + "`?";
}

ConfigSection::ConfigSection(const ConfigNode* node, std::string path, Problems& problems)
    : node_(node), path_(std::move(path)), problems_(problems) {
  if (node_ == nullptr || node_->kind == ConfigNode::Kind::kMap) return;
  if (node_->kind != ConfigNode::Kind::kNull) problems_.add(node_, path_, "must be a map of keys and values");
  node_ = nullptr;
}

ConfigSection::~ConfigSection() {
  if (node_ == nullptr || all_asked_) return;
  const std::vector<std::string> known(asked_.begin(), asked_.end());
  for (const auto& [name, member] : node_->members) {
    if (asked_.contains(name)) continue;
    const std::string hint = did_you_mean(name, known);
    problems_.add(&member, path_to(name), "unknown key" + (hint.empty() ? "; known here: " + listed(known) : hint));
  }
}

const ConfigNode* ConfigSection::node(std::string_view key) {
  asked_.emplace(key);
  const ConfigNode* found = node_ == nullptr ? nullptr : node_->find(key);
  return found == nullptr || found->kind == ConfigNode::Kind::kNull ? nullptr : found;
}

ConfigSection ConfigSection::section(std::string_view key) {
  return {node(key), path_to(key), problems_};
}

std::span<const std::pair<std::string, ConfigNode>> ConfigSection::members() {
  all_asked_ = true;
  if (node_ == nullptr) return {};
  return node_->members;
}

std::optional<std::string> ConfigSection::text(std::string_view key) {
  const ConfigNode* found = node(key);
  if (found == nullptr) return std::nullopt;
  if (found->kind == ConfigNode::Kind::kScalar) return found->text;
  refuse(key, "must be one word or text");
  return std::nullopt;
}

std::optional<bool> ConfigSection::flag(std::string_view key) {
  const auto word = text(key);
  if (!word) return std::nullopt;
  if (*word == "true") return true;
  if (*word == "false") return false;
  refuse(key, "must be true or false");
  return std::nullopt;
}

std::optional<std::int64_t> ConfigSection::integer(std::string_view key, std::int64_t min, std::int64_t max) {
  const auto word = text(key);
  if (!word) return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(word->data(), word->data() + word->size(), number);
  if (error == std::errc{} && end == word->data() + word->size() && number >= min && number <= max) return number;
  refuse(key, "must be a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  return std::nullopt;
}

std::optional<double> ConfigSection::decimal(std::string_view key, double min, double max) {
  const auto word = text(key);
  if (!word) return std::nullopt;
  double number = 0;
  const auto [end, error] =
      std::from_chars(word->data(), word->data() + word->size(), number, std::chars_format::fixed);
  if (error == std::errc{} && end == word->data() + word->size() && number >= min && number <= max) return number;
  refuse(key, fmt::format("must be a number from {} to {}", min, max));
  return std::nullopt;
}

std::optional<std::vector<std::string>> ConfigSection::texts(std::string_view key) {
  const ConfigNode* found = node(key);
  if (found == nullptr) return std::nullopt;
  if (found->kind == ConfigNode::Kind::kScalar) return std::vector{found->text};
  std::vector<std::string> words;
  for (const ConfigNode& item : found->items) {
    if (item.kind == ConfigNode::Kind::kScalar) words.push_back(item.text);
  }
  if (found->kind == ConfigNode::Kind::kList && words.size() == found->items.size()) return words;
  refuse(key, "must be a list of words: [one, two]");
  return std::nullopt;
}

std::map<std::string, std::string> ConfigSection::text_map(std::string_view key) {
  ConfigSection inner = section(key);
  std::map<std::string, std::string> map;
  for (const auto& [name, member] : inner.members()) {
    if (member.kind == ConfigNode::Kind::kScalar) {
      map.emplace(name, member.text);
    } else {
      problems_.add(&member, inner.path_to(name), "must be one word or text");
    }
  }
  return map;
}

std::vector<std::string> ConfigSection::keys() const {
  std::vector<std::string> all;
  if (node_ == nullptr) return all;
  for (const auto& [name, member] : node_->members) all.push_back(name);
  return all;
}

void ConfigSection::refuse(std::string_view key, std::string_view message) {
  const ConfigNode* at = node_ == nullptr ? nullptr : node_->find(key);
  problems_.add(at != nullptr ? at : node_, path_to(key), message);
}

void ConfigSection::refuse_word(std::string_view key, const std::string& word, const std::vector<std::string>& known) {
  refuse(key, "is none of " + listed(known) + did_you_mean(word, known));
}

std::string ConfigSection::path_to(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

}  // namespace datasync::app
