#include "cli/message_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/event_view.h"
#include "cli/service_client.h"
#include "domain/json.h"

namespace datasync::cli {
namespace {

constexpr std::size_t kTypeWidth = 18;  // `conflict_detected` and one more

bool any_of_these(const std::vector<std::string>& wanted, const std::vector<std::string>& got) {
  const bool silent = std::all_of(got.begin(), got.end(), [](const auto& text) { return text.empty(); });
  if (wanted.empty() || silent) return true;
  return std::any_of(got.begin(), got.end(),
                     [&](const auto& text) { return std::find(wanted.begin(), wanted.end(), text) != wanted.end(); });
}

std::vector<std::string> platforms_of(const Fields& message) {
  std::vector<std::string> platforms{text_of(message, "source_platform"), text_of(message, "target_platform"),
                                     text_of(message, "platform")};
  if (const auto* targets = message.find("target_platforms")) {
    for (const auto& target : elements_of(*targets)) platforms.push_back(text_of(target));
  }
  if (const auto* results = message.find("results")) {
    for (const auto& result : elements_of(*results))
      platforms.push_back(text_of(members_of(result), "target_platform"));
  }
  return platforms;
}

/// `coreldove completed, bizosaas failed (refused)`
std::string results_text(const Terminal& terminal, const Value& results) {
  std::string text;
  for (const auto& result : elements_of(results)) {
    const auto members = members_of(result);
    const auto status = text_of(members, "status");
    const auto message = text_of(members, "error_message");
    text += fmt::format("{}{} {}{}", text.empty() ? "" : ", ", printable(text_of(members, "target_platform")),
                        painted(terminal, colour_of_status(status), printable(status)),
                        message.empty() ? "" : " (" + printable(message) + ")");
  }
  return text;
}

/// The fields of a conflict: `email by source_wins, score by custom_logic`
std::string fields_text(const Value& fields) {
  std::string text;
  for (const auto& field : elements_of(fields)) {
    const auto members = members_of(field);
    text += fmt::format("{}{} by {}", text.empty() ? "" : ", ", printable(text_of(members, "field")),
                        printable(text_of(members, "strategy")));
  }
  return text;
}

/// Members that `line_of` writes in their own place, and those that say nothing to a reader.
bool has_place(std::string_view name) {
  constexpr std::array<std::string_view, 20> kNames{
      "type",        "timestamp",        "created_at",      "processed_at", "resolved_at",     "event_id", "event_type",
      "entity_type", "entity_id",        "source_platform", "tenant_id",    "target_platform", "status",   "results",
      "fields",      "target_platforms", "error_message",   "cursor",       "sequence",        "priority"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

/// When it happened: the newest time that the message has.
std::string time_of(const Fields& message, std::string_view now) {
  for (const auto& name : {"timestamp", "resolved_at", "processed_at", "created_at"}) {
    if (auto time = printable(text_of(message, name)); !time.empty()) return time;
  }
  return std::string(now);
}

/// 2026-01-31T09:30:00.123456Z → 09:30:00; other texts stay.
std::string time_of_day(std::string_view time) {
  return std::string(time.size() > 19 && time[10] == 'T' ? time.substr(11, 8) : time);
}

Colour colour_of_type(std::string_view type) {
  if (type.starts_with("conflict_detected") || type.starts_with("alert_created")) return Colour::kYellow;
  return type == "error" ? Colour::kRed : Colour::kBold;
}

}  // namespace

bool MessageFilter::takes(const Fields& message) const {
  return any_of_these(message_types, {text_of(message, "type")}) &&
         any_of_these(tenants, {text_of(message, "tenant_id")}) &&
         any_of_these(event_types, {text_of(message, "event_type")}) && any_of_these(platforms, platforms_of(message));
}

std::string line_of(const Terminal& terminal, const Fields& message, std::string_view now) {
  const auto member = [&](std::string_view name) { return printable(text_of(message, name)); };
  const auto type = member("type");
  std::string line = painted(terminal, Colour::kDim, time_of_day(time_of(message, now)));
  line += "  " + painted(terminal, colour_of_type(type), fmt::format("{:<{}}", type, kTypeWidth));
  const auto add = [&](const std::string& text) {
    if (!text.empty()) line += "  " + text;
  };
  add(member("event_id"));
  add(member("event_type"));
  const auto id = member("entity_id");
  add(id.empty() ? "" : member("entity_type") + " " + id);
  const auto source = member("source_platform");
  const auto targets = printable(joined(message, "target_platforms")) + member("target_platform");
  add(targets.empty() ? source : source + " → " + targets);
  const auto status = member("status");
  add(painted(terminal, colour_of_status(status), status));
  if (const auto* results = message.find("results")) add(results_text(terminal, *results));
  if (const auto* fields = message.find("fields")) add(fields_text(*fields));
  add(member("error_message"));
  for (const auto& [name, value] : message) {
    if (!has_place(name) && !value.is_null()) add(printable(name) + "=" + printable(text_of(value)));
  }
  if (const auto tenant = member("tenant_id"); !tenant.empty())
    add(painted(terminal, Colour::kDim, "[" + tenant + "]"));
  return line;
}

}  // namespace datasync::cli
