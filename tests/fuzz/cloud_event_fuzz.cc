// CloudEvents: structured where the input begins with `{`, else binary, with the attributes as `name: value` lines and
// the data behind an empty line.

#include "api/cloud_event.h"
#include "event_world.h"

namespace datasync::fuzz {
namespace {

void judge(const api::Read<NestedObject>& members) {
  if (!members) return check_problem(members.error());
  NestedObject object = *members;
  const auto event = api::read_event(object, event_context());
  if (event) {
    require(!(*event)->id.empty(), "a CloudEvent has an id");
    check_event(**event);
  } else {
    check_problem(event.error());
  }
}

std::string told(const api::Read<NestedObject>& members) {
  if (!members) return std::to_string(members.error().status);
  return members->outer.to_json() + '\n' + (members->has_inner ? members->inner.to_json() : "none");
}

void check_structured(std::string_view text) {
  const auto members = api::read_structured(text, contract_catalog());
  judge(members);
  if (const auto json = parse_json(text)) {
    require(told(api::read_structured(json->text(), contract_catalog())) == told(members),
            "the way in which JSON is written decides nothing", json->text());
  }
}

/// A binary one says what the structured one with the same attributes and data says.
void check_binary(std::string_view head, std::string_view body) {
  net::Headers headers;
  Fields attributes;
  bool comparable = true;
  while (!head.empty()) {
    std::string_view line = take_until(head, "\n");
    const std::string name(take_until(line, ": "));
    std::string written;
    if (!net::append_header(written, "ce-" + name, line)) continue;  // a request can't have it
    headers.add("ce-" + name, line);
    const bool plain =
        !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") == std::string::npos;
    const bool framing = name == "data" || name == "datacontenttype";
    comparable = comparable && plain && !framing && line.find('%') == std::string_view::npos && is_utf8(line);
    if (comparable) attributes.set(name, Value::string(line));
  }
  const auto members = api::read_binary(headers, body, contract_catalog());
  judge(members);
  const auto data = parse_json_object(body);
  if (!comparable || !data) return;
  attributes.set("data", data->to_value());
  const auto structured = api::read_structured(attributes.to_json(), contract_catalog());
  require(told(structured) == told(members), "both modes say the same", attributes.to_json());
}

}  // namespace
}  // namespace datasync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = datasync::fuzz::text_of(data, size);
  if (text.starts_with('{')) {
    datasync::fuzz::check_structured(text);
  } else {
    const std::string_view head = datasync::fuzz::take_until(text, "\n\n");
    datasync::fuzz::check_binary(head, text);
  }
  return 0;
}
