#include "api/cloud_event.h"
#include "api/content_type.h"
#include "api/event_request.h"
#include "api/json_split.h"
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

/// A bulk body taken apart.
struct Parts {
  std::vector<std::string_view> texts;
  bool one_text = false;  ///< an array: it is JSON as a whole or not at all
};

Read<Parts> split(BodyKind kind, std::string_view body) {
  const auto first = body.find_first_not_of(" \t\r\n");
  const bool array = first != std::string_view::npos && body[first] == '[';
  if (kind == BodyKind::kNdjson) return Parts{split_lines(body)};
  if (array) {
    auto elements = split_json_array(body);
    if (!elements) return tl::unexpected(Problem{400, "the body is no JSON array"});
    return Parts{std::move(*elements), true};
  }
  // Lines may come under a content type that says JSON, or nothing.
  auto lines = split_lines(body);
  if (lines.size() > 1 && lines[0].front() == '{' && lines[0].back() == '}') return Parts{std::move(lines)};
  if (!parse_json(body)) return tl::unexpected(Problem{400, "the body is no JSON"});
  return tl::unexpected(invalid({{"", "must be an array of events, or one event a line (application/x-ndjson)"}}));
}

Read<std::shared_ptr<Event>> read_element(BodyKind kind, std::string_view text, const RequestContext& context) {
  if (kind != BodyKind::kCloudEventBatch) return read_event(text, context);
  auto members = read_structured(text, context.catalog);
  if (!members) return tl::unexpected(std::move(members).error());
  return read_event(std::move(*members), context);
}

/// The id that a bad event came with, if that much of it can be read.
std::string id_of(std::string_view text) {
  const auto members = parse_json_object(text);
  const Value* id = members ? members->find("id") : nullptr;
  return id == nullptr ? std::string{} : id->as_string().value_or(std::string{});
}

/// Errors: 400 where an array is no JSON: it is one text, and nobody can know what was meant. A bad line spoils only
/// itself.
Read<Bulk> read_bulk(BodyKind kind, const net::HttpRequest& request, const Parts& parts,
                     const RequestContext& context) {
  const auto& texts = parts.texts;
  Bulk bulk;
  bulk.items.reserve(texts.size());
  bulk.submissions.reserve(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto event = read_element(kind, texts[i], context);
    if (event) {
      add_request_context(request, **event);
      bulk.submissions.push_back({std::move(*event), {}});
      bulk.items.push_back({});
      continue;
    }
    Problem& problem = event.error();
    if (problem.status == 400 && parts.one_text) {
      problem.detail = "element " + std::to_string(i) + ": " + problem.detail;
      return tl::unexpected(std::move(problem));
    }
    bulk.items.push_back({id_of(texts[i]), std::move(problem)});
  }
  return bulk;
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
  const auto parts = split(kind, call.request.body);
  if (!parts) return std::move(call.reply).send(parts.error());
  if (parts->texts.size() > services.options.bulk_events_max) {
    return std::move(call.reply)
        .send(invalid({{"", "has " + std::to_string(parts->texts.size()) + " events; at most " +
                                std::to_string(services.options.bulk_events_max) + " fit into one call"}}));
  }
  const auto catalog = services.catalog();
  auto bulk = read_bulk(kind, call.request, *parts, {*catalog, *call.caller, services.clock.now()});
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
