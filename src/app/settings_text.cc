// How settings look on a screen, in --help and in docs/settings.md.
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "app/settings.h"
#include "app/settings_table.h"

namespace datasync::app {
namespace {

/// Columns count code points, not bytes: defaults have words like `cores − 1`.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string padded(std::string_view text, std::size_t width) {
  return std::string(text) + std::string(width - std::min(width, width_of(text)), ' ');
}

std::string default_text(const Setting& setting) {
  if (!setting.standard_note.empty()) return std::string(setting.standard_note);
  if (setting.standard.empty()) return "not set";
  return std::string(setting.standard) + (setting.unit.empty() ? "" : " " + std::string(setting.unit));
}

/// Breaks a text that begins in column `indent` between words.
std::string wrapped(std::string_view text, std::size_t indent) {
  constexpr std::size_t kScreenWidth = 110;
  std::string out;
  std::size_t column = indent;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    if (column > indent && column + 1 + width_of(word) > kScreenWidth) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += width_of(word);
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return out;
}

std::string markdown_default(const Setting& setting) {
  if (!setting.standard_note.empty() || setting.standard.empty()) return default_text(setting);
  return fmt::format("`{}`{}{}", setting.standard, setting.unit.empty() ? "" : " ", setting.unit);
}

}  // namespace

std::string render_settings(const Settings& settings) {
  std::size_t name_width = 0, value_width = 0;
  for (const auto& row : settings.effective) {
    name_width = std::max(name_width, width_of(row.name));
    value_width = std::max(value_width, width_of(row.shown));
  }
  std::string out;
  for (const auto& row : settings.effective) {
    out += padded(row.name, name_width + 2);
    out += row.place.empty() ? row.shown : padded(row.shown, value_width + 2) + row.place;
    out += '\n';
  }
  return out;
}

std::string settings_markdown() {
  std::string out =
      "# Settings\n\n"
      "<!-- Made by `data-sync config docs`; change src/app/settings_table.cc instead. -->\n\n"
      "The service takes each setting from the first of these places that has it:\n\n"
      "1. the environment;\n"
      "2. `.env` in the working directory, then `.env` beside the binary: lines of `NAME=value`;\n"
      "3. the section `settings:` of the YAML file that `--config` or `CONFIG` names: the same names in lower case, as "
      "in\n"
      "   `request_timeout: 10s`;\n"
      "4. the default below.\n\n"
      "At each place `NAME_FILE` may name a file that holds the value instead, as secrets of Docker and Kubernetes do; "
      "a\n"
      "relative name starts at the file that it stands in. An empty value is no value. Times are plain numbers in the "
      "unit\n"
      "of the table, or carry their own: `500ms`, `30s`, `5m`, `2h`, `7d`. An unknown name in the YAML file stops the\n"
      "start, with the name that was probably meant.\n\n"
      "`data-sync config check` shows what is in force and where it came from. A setting with *reload* takes effect "
      "on\n"
      "SIGHUP, the others with a restart. One with *idle* is taken and has no effect in this build, which says so at "
      "its\n"
      "start.\n";
  std::string_view group;
  for (const auto& setting : settings_table()) {
    if (setting.group != group) {
      group = setting.group;
      out += fmt::format("\n## {}\n\n| name | default | values | what it is for |\n| --- | --- | --- | --- |\n", group);
    }
    const auto range = setting.kind == Setting::Kind::kSecret ? "a secret, never shown" : range_text(setting);
    out += fmt::format("| `{}` | {} | {} | {}{}{} |\n", setting.name, markdown_default(setting),
                       range.empty() ? "text" : range, setting.reason, setting.reloadable ? "; *reload*" : "",
                       setting.idle ? "; *idle*" : "");
  }
  return out;
}

std::string settings_help() {
  std::size_t width = 0;
  for (const auto& setting : settings_table()) {
    if (setting.in_help) width = std::max(width, setting.name.size());
  }
  std::string out;
  for (const auto& setting : settings_table()) {
    if (!setting.in_help) continue;
    const auto text = fmt::format("{} [{}]", setting.reason, default_text(setting));
    out += "  " + padded(setting.name, width + 2) + wrapped(text, width + 4) + "\n";
  }
  std::erase(out, '`');
  return out;
}

}  // namespace datasync::app
