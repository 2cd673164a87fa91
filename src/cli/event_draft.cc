#include "cli/event_draft.h"

#include <fmt/format.h>

#include <fstream>
#include <istream>
#include <iterator>

#include "domain/json.h"

namespace datasync::cli {
namespace {

Value array_of(const std::vector<std::string>& texts) {
  std::string json = "[";
  for (const auto& text : texts) {
    if (json.size() > 1) json += ',';
    append_json_string(json, text);
  }
  return Value::from_canonical(json + "]");
}

/// JSON that we write must be UTF-8; words of a command line may be anything.
bool is_utf8(const std::string& text) {
  return parse_json(Value::string(text).text()).has_value();
}

}  // namespace

void EventDraft::declare(Options& options) {
  options.positional("TYPE", type, false, "What happened: user_created, order_updated, …");
  options.positionals("FIELD", fields, false,
                      "Its data: name=text, or name:=JSON as in total_amount:=19.90 and items:='[]'");
  options.text("-t,--tenant", tenant, "Whose it is");
  options.text("--from", source, "The platform where it happened");
  options.texts("--to", targets, "The platforms that shall hear of it");
  options.text("--file", file, "Take the event from a JSON file, - for standard input; words here go before it");
  options.text("--entity-id", entity_id, "Canonical id of the record, the same on all platforms");
  options.text("--id", id, "Id of the event: sent twice, it counts once");
  options.text("--user-id", user_id, "Who did it");
  options.integer("--priority", priority, 1, 10, "1 is critical, 2-3 high, 4-6 normal, 7-10 low [5]");
  options.integer("--base-version", base_version, 0, std::numeric_limits<std::int64_t>::max(),
                  "The record's version that the change was made on");
}

Result<Fields> EventDraft::build(const Session& session) const {
  auto event = read_file(session);
  if (!event) return event;
  const std::vector<std::pair<std::string_view, const std::string*>> texts{
      {"event_type", &type}, {"source_platform", &source}, {"tenant_id", &tenant},
      {"id", &id},           {"entity_id", &entity_id},    {"user_id", &user_id}};
  for (const auto& [name, text] : texts) {
    if (!is_utf8(*text)) return fail(ErrorCode::kInvalid, fmt::format("{} is no UTF-8 text", name));
    if (!text->empty()) event->set(name, Value::string(*text));
  }
  if (!targets.empty()) event->set("target_platforms", array_of(targets));
  if (priority) event->set("priority", Value::integer(*priority));
  if (base_version) event->set("base_version", Value::integer(*base_version));
  if (const auto error = add_data(*event)) return fail(*error);

  std::string missing;
  for (const auto& [member, how] : {std::pair{"event_type", "TYPE (as user_created)"},
                                    {"source_platform", "--from"},
                                    {"target_platforms", "--to"},
                                    {"tenant_id", "--tenant"}}) {
    if (!event->contains(member)) missing += fmt::format("{}{}", missing.empty() ? "" : ", ", how);
  }
  if (!missing.empty()) return fail(ErrorCode::kInvalid, "the event lacks " + missing);
  return event;
}

Result<Fields> EventDraft::read_file(const Session& session) const {
  if (file.empty()) return Fields{};
  std::string text;
  if (file == "-") {
    text.assign(std::istreambuf_iterator<char>(session.terminal.in), {});
  } else {
    std::ifstream in(file, std::ios::binary);
    if (!in) return fail(ErrorCode::kInvalid, fmt::format("{} cannot be read", file));
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  auto event = parse_json_object(text);
  if (!event) return fail(ErrorCode::kInvalid, fmt::format("{} is no event: {}", file, event.error().message));
  return event;
}

std::optional<Error> EventDraft::add_data(Fields& event) const {
  Fields data;
  if (const auto* given = event.find("data")) data = members_of(*given);
  for (const auto& field : fields) {
    const auto equals = field.find('=');
    const bool is_json = equals != std::string::npos && equals > 0 && field[equals - 1] == ':';
    const auto name = field.substr(0, is_json ? equals - 1 : equals);
    if (equals == std::string::npos || name.empty() || !is_utf8(name)) {
      return Error{ErrorCode::kInvalid, fmt::format("`{}` is no field; write name=text or name:=JSON", field)};
    }
    const auto text = field.substr(equals + 1);
    if (is_json) {
      auto value = parse_json(text);
      if (!value) {
        return Error{ErrorCode::kInvalid,
                     fmt::format("`{}`, the value of {}, is no JSON: {}", text, name, value.error().message)};
      }
      data.set(name, *std::move(value));
    } else if (is_utf8(text)) {
      data.set(name, Value::string(text));
    } else {
      return Error{ErrorCode::kInvalid, fmt::format("the value of {} is no UTF-8 text", name)};
    }
  }
  event.set("data", data.to_value());
  return std::nullopt;
}

}  // namespace datasync::cli
