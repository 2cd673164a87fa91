#include <algorithm>

#include "api/cloud_event.h"
#include "api/content_type.h"
#include "api/event_request.h"
#include "api/json_writer.h"
#include "api/routes/routes.h"
#include "api/submit.h"

namespace datasync::api::routes {
namespace {

using pipeline::Receipt;

/// One element of a bulk body: accepted for submission, or not.
struct Item {
  std::string event_id;            ///< of a rejected one, where the client gave it
  std::optional<Problem> problem;  ///< none: it is submitted
};

/// A bulk body, read: submissions for the good elements, in their order.
struct Bulk {
  std::vector<Item> items;
  std::vector<pipeline::Submission> submissions;
};

Problem too_many(std::size_t count, std::size_t count_max) {
  return invalid(
      {{"", "has " + std::to_string(count) + " events; at most " + std::to_string(count_max) + " fit into one call"}});
}

std::string id_of(const NestedObject& object) {
  const Value* id = object.outer.find("id");
  return id == nullptr ? std::string{} : id->as_string().value_or(std::string{});
}

class BulkReader {
 public:
  BulkReader(BodyKind kind, const net::HttpRequest& request, RequestContext context, std::size_t events_max)
      : cloud_events_(kind == BodyKind::kCloudEventBatch), request_(request), context_(context), max_(events_max) {}

  /// An array is one text: it is JSON as a whole, or nobody can know what was meant.
  Read<Bulk> read_array() && {
    const auto count =
        read_json_array(request_.body, "data", max_, [this](Element element) { take(std::move(element)); });
    if (!count) {
      return tl::unexpected(Problem{400, "the body is no JSON array; after " + std::to_string(bulk_.items.size()) +
                                             " elements: " + count.error().message});
    }
    if (*count > max_) return tl::unexpected(too_many(*count, max_));
    for (std::size_t i = 0; i < bulk_.items.size(); ++i) {
      auto& problem = bulk_.items[i].problem;
      if (!problem || problem->status != 400) continue;
      problem->detail = "element " + std::to_string(i) + ": " + problem->detail;
      return tl::unexpected(*std::move(problem));
    }
    return std::move(bulk_);
  }

  /// A bad line spoils only itself.
  Read<Bulk> read_lines(const std::vector<std::string_view>& lines) && {
    if (lines.size() > max_) return tl::unexpected(too_many(lines.size(), max_));
    for (const std::string_view line : lines) {
      auto object = parse_nested_object(line, "data");
      auto other = object ? fail(ErrorCode::kInvalid, {}) : parse_json(line);
      if (object) {
        take({*std::move(object), std::nullopt});
      } else if (other) {
        take({{}, *std::move(other)});
      } else {
        bulk_.items.push_back({{}, Problem{400, "the line is no JSON: " + object.error().message}});
      }
    }
    return std::move(bulk_);
  }

 private:
  void take(Element element) {
    // A CloudEvent's members move on to where ours stand, its id among them.
    std::string id = cloud_events_ ? id_of(element.object) : std::string{};
    auto event = read(element);
    if (event) {
      add_request_context(request_, **event);
      bulk_.submissions.push_back({std::move(*event), {}});
      bulk_.items.push_back({});
    } else {
      if (!cloud_events_) id = id_of(element.object);
      bulk_.items.push_back({std::move(id), std::move(event).error()});
    }
  }

  Read<std::shared_ptr<Event>> read(Element& element) const {
    if (element.other) {
      return tl::unexpected(
          invalid({{"", cloud_events_ ? "a CloudEvent must be a JSON object" : "the event must be a JSON object"}}));
    }
    if (!cloud_events_) return read_event(element.object, context_);
    auto members = read_structured(std::move(element.object), context_.catalog);
    if (!members) return tl::unexpected(std::move(members).error());
    return read_event(*members, context_);
  }

  const bool cloud_events_;
  const net::HttpRequest& request_;
  const RequestContext context_;
  const std::size_t max_;
  Bulk bulk_;
};

std::string_view trim(std::string_view text) {
  constexpr std::string_view kWhite = " \t\r\n";
  const auto first = text.find_first_not_of(kWhite);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kWhite) - first + 1);
}

/// The lines that hold more than white space (https://github.com/ndjson/ndjson-spec).
std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (const std::string_view line = trim(text.substr(0, end)); !line.empty()) lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

Read<Bulk> read_bulk(BodyKind kind, const net::HttpRequest& request, const RequestContext& context,
                     std::size_t events_max) {
  const std::string_view body = request.body;
  const auto first = body.find_first_not_of(" \t\r\n");
  const bool array = first != std::string_view::npos && body[first] == '[';
  BulkReader reader(kind, request, context, events_max);
  if (array && kind != BodyKind::kNdjson) return std::move(reader).read_array();
  // Lines may come under a content type that says JSON, or nothing.
  const auto lines = split_lines(body);
  const bool are_objects = lines.size() > 1 && lines[0].front() == '{' && lines[0].back() == '}';
  if (kind == BodyKind::kNdjson || are_objects) return std::move(reader).read_lines(lines);
  if (!parse_json(body)) return tl::unexpected(Problem{400, "the body is no JSON"});
  return tl::unexpected(invalid({{"", "must be an array of events, or one event a line (application/x-ndjson)"}}));
}

void write_rejected(JsonWriter& out, const std::string& event_id, const Problem& problem) {
  out.field_or_null("event_id", event_id).field("status", "rejected").field("error", problem.detail);
  if (problem.errors.empty()) return;
  out.key("errors").begin_array();
  for (const FieldError& error : problem.errors) {
    out.begin_object().field("pointer", error.pointer).field("detail", error.detail).end_object();
  }
  out.end_array();
}

net::HttpResponse answer(const std::vector<Item>& items, const std::vector<Receipt>& receipts) {
  std::int64_t accepted = 0, duplicates = 0, rejected = 0;
  JsonWriter results;
  results.begin_array();
  auto receipt = receipts.begin();
  for (std::size_t i = 0; i < items.size(); ++i) {
    results.begin_object().field("index", i);
    if (items[i].problem) {
      ++rejected;
      write_rejected(results, items[i].event_id, *items[i].problem);
    } else {
      const Receipt& one = *receipt++;
      if (one.status == Receipt::Status::kMismatch) {
        ++rejected;
        write_rejected(results, one.id.str(), {409, "this id was used for an event with other content"});
      } else if (one.status == Receipt::Status::kRefused) {
        ++rejected;
        write_rejected(results, {}, {503, "it could not be kept now; send it again"});
      } else if (one.status == Receipt::Status::kTooLarge) {
        ++rejected;
        write_rejected(results, one.id.str(), {413, one.why});
      } else {
        const bool created = one.status == Receipt::Status::kCreated;
        ++(created ? accepted : duplicates);
        results.field("event_id", one.id.str()).field("status", created ? "created" : "duplicate");
      }
    }
    results.end_object();
  }
  results.end_array();
  JsonWriter out;
  out.begin_object().field("accepted", accepted).field("duplicates", duplicates).field("rejected", rejected);
  out.key("results").raw(results.take()).end_object();
  return net::json_response(200, out.take());
}

void read_and_submit(Services& services, BodyKind kind, Call call) {
  const auto catalog = services.catalog();
  auto bulk =
      read_bulk(kind, call.request, {*catalog, *call.caller, services.clock.now()}, services.options.bulk_events_max);
  if (!bulk) return std::move(call.reply).send(bulk.error());
  if (bulk->submissions.empty()) return std::move(call.reply).send(answer(bulk->items, {}));
  services.backend.accept(std::move(bulk->submissions), [reply = std::move(call.reply), items = std::move(bulk->items)](
                                                            Result<std::vector<Receipt>> receipts) mutable {
    std::move(reply).send(receipts ? answer(items, *receipts) : to_response(receipts.error()));
  });
}

}  // namespace

/// POST /sync/events/batch. Ten thousand events take tens of milliseconds to read, so an I/O thread does not read them.
void create_events(Services& services, Call call) {
  const auto kind = body_kind_of(call.request);
  if (!kind) return std::move(call.reply).send(unsupported_body());
  auto shared = std::make_shared<Call>(std::move(call));
  WorkPool::Job job = [&services, kind = *kind, shared](const WorkPool::GetReader&) {
    read_and_submit(services, kind, std::move(*shared));
  };
  if (!services.bulk->post(job)) std::move(shared->reply).send(overloaded());
}

}  // namespace datasync::api::routes
