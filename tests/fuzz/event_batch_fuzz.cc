// Events in bulk: as an array, as lines, as a batch of CloudEvents. Each is judged as it would be alone, and nothing
// that one of them says changes another.

#include "api/cloud_event.h"
#include "api_world.h"
#include "event_world.h"

namespace datasync::fuzz {
namespace {

constexpr std::size_t kEventsMax = 10'000;  // more than an input can hold

struct Bulk {
  int status = 0;
  std::vector<Value> results;
};

Bulk send(ApiWorld& world, std::string_view content_type, std::string_view body) {
  net::HttpRequest request;
  request.method = net::Method::kPost;
  request.target = "/sync/events/batch";
  request.headers.add("Authorization", "Bearer " + world.token());
  request.headers.add("Content-Type", content_type);
  request.body = body;
  const auto response = world.call(std::move(request)).response.value();
  Bulk bulk{response.status, {}};
  if (response.status != 200) return bulk;
  const Fields members = parse_json_object(response.body).value();
  bulk.results = elements_of(*members.find("results"));
  std::int64_t counted = 0;
  for (const std::string_view name : {"accepted", "duplicates", "rejected"}) {
    counted += members.find(name)->as_integer().value();
  }
  require(static_cast<std::size_t>(counted) == bulk.results.size(), "every event is counted once", response.body);
  return bulk;
}

/// One element as it would be judged alone, from a text of its own.
api::Read<std::shared_ptr<Event>> read_alone(std::string_view text, bool cloud_event) {
  if (!cloud_event) return api::read_event(text, event_context());
  auto members = api::read_structured(text, contract_catalog());
  if (!members) return tl::unexpected(std::move(members).error());
  return api::read_event(*members, event_context());
}

void check_each(const Bulk& bulk, const std::vector<std::string>& texts, bool cloud_events) {
  require(bulk.results.size() == texts.size(), "every event has its result");
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto alone = read_alone(texts[i], cloud_events);
    const Fields result = members_of(bulk.results[i]);
    require(result.find("index")->as_integer() == static_cast<std::int64_t>(i), "results stand in order");
    require(*result.find("status") == Value::string(alone ? "created" : "rejected"),
            "an event in bulk is judged as alone", texts[i]);
    if (alone) {
      require(result.find("event_id")->as_string().value_or("") == (*alone)->id.str(), "a result names its event",
              texts[i]);
    } else if (alone.error().status != 400) {
      require(*result.find("error") == Value::string(alone.error().detail), "and says the same of what is wrong",
              texts[i]);
    }
  }
}

/// An array is JSON as a whole, or refused as a whole.
void check_array(ApiWorld& world, std::string_view content_type, std::string_view text, bool cloud_events) {
  const Bulk bulk = send(world, content_type, text);
  if (!text.substr(text.find_first_not_of(" \t\r\n")).starts_with('[')) return;
  std::vector<std::string> texts;
  const auto count = read_json_array(text, "data", kEventsMax, [&texts](Element element) {
    if (element.object.has_inner) element.object.outer.set("data", element.object.inner.to_value());
    texts.push_back(element.other ? element.other->text() : element.object.outer.to_json());
  });
  if (!count) return require(bulk.status == 400, "what is no JSON is refused as a whole", text);
  if (bulk.status != 200) return;
  check_each(bulk, texts, cloud_events);
}

/// The lines that hold more than white space.
std::vector<std::string> lines_of(std::string_view text) {
  constexpr std::string_view kWhite = " \t\r\n";
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::string_view line = take_until(text, "\n");
    const auto first = line.find_first_not_of(kWhite);
    if (first == std::string_view::npos) continue;
    lines.emplace_back(line.substr(first, line.find_last_not_of(kWhite) - first + 1));
  }
  return lines;
}

}  // namespace
}  // namespace datasync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace datasync::fuzz;
  static ApiWorld world;
  const std::string_view text = text_of(data, size);
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return 0;
  check_array(world, "application/json", text, false);
  check_array(world, "application/cloudevents-batch+json", text, true);
  const Bulk lines = send(world, "application/x-ndjson", text);
  require(lines.status == 200, "lines are never refused as a whole", text);
  check_each(lines, lines_of(text), false);
  return 0;
}
