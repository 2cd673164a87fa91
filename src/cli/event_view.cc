#include "cli/event_view.h"

#include <fmt/format.h>

#include <ostream>

#include "cli/service_client.h"
#include "domain/json.h"
#include "net/url.h"

namespace datasync::cli {

void print_results(const Terminal& terminal, const Fields& answer) {
  const auto* results = answer.find("results");
  Table table({"TARGET", "STATUS", "ATTEMPTS", "TIME", "MESSAGE"});
  for (const auto& result : results == nullptr ? std::vector<Value>{} : elements_of(*results)) {
    const auto members = members_of(result);
    const auto status = text_of(members, "status");
    const auto time = text_of(members, "processing_time_ms");
    table.add({text_of(members, "target_platform"),
               {status, colour_of_status(status)},
               text_of(members, "attempts"),
               time.empty() ? "" : time + " ms",
               text_of(members, "error_message")});
  }
  if (!table.empty()) table.print(terminal);
}

void print_event(const Terminal& terminal, const Fields& answer) {
  const auto* inner = answer.find("event");
  const Fields event = inner == nullptr ? Fields{} : members_of(*inner);
  const auto status = text_of(answer, "status");
  Table table;
  const auto row = [&](std::string_view name, const std::string& value, Colour colour = Colour::kNone) {
    if (!value.empty()) table.add({{name, Colour::kDim}, {value, colour}});
  };
  row("event", id_of(answer));
  row("status", status, colour_of_status(status));
  row("type", text_of(event, "event_type"));
  row("from", text_of(event, "source_platform"));
  row("to", joined(event, "target_platforms"));
  row("tenant", text_of(event, "tenant_id"));
  row("entity", text_of(event, "entity_id"));
  row("priority", text_of(event, "priority"));
  row("created", text_of(answer, "created_at"));
  row("processed", text_of(answer, "processed_at"));
  row("message", text_of(answer, "error_message"));
  table.print(terminal);
}

std::string event_target(std::string_view id, std::string_view tenant, std::string_view below) {
  return with_query(fmt::format("/sync/events/{}{}", net::percent_encode(id), below),
                    {{"tenant_id", std::string(tenant)}});
}

std::string joined(const Fields& object, std::string_view name) {
  const auto* value = object.find(name);
  if (value == nullptr || value->kind() != Value::Kind::kArray) return text_of(object, name);
  std::string text;
  for (const auto& element : elements_of(*value)) text += (text.empty() ? "" : ", ") + text_of(element);
  return text;
}

std::string id_of(const Fields& event) {
  auto id = text_of(event, "event_id");
  return id.empty() ? text_of(event, "id") : id;
}

}  // namespace datasync::cli
