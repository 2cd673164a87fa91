#include <atomic>
#include <memory>
#include <utility>

#include "api/conflict_view.h"
#include "api/event_request.h"
#include "api/preview_differences.h"
#include "api/record_view.h"
#include "api/routes/routes.h"
#include "domain/json.h"

namespace datasync::api::routes {
namespace {

using pipeline::Preview;

/// Fields whose golden value would be another one.
void write_changes(JsonWriter& out, const Preview& preview, const pipeline::Catalog& catalog) {
  out.key("changes").begin_array();
  const Fields after = present_fields(catalog, *preview.after);
  const Fields before = preview.before ? present_fields(catalog, *preview.before) : Fields{};
  const auto write = [&out](const std::string& field, const Value* from, const Value* to) {
    out.begin_object().field("field", field).key("before");
    from == nullptr ? out.null() : out.raw(from->text());
    out.key("after");
    to == nullptr ? out.null() : out.raw(to->text());
    out.end_object();
  };
  for (const Field& field : after) {
    const Value* former = before.find(field.name);
    if (former == nullptr || *former != field.value) write(field.name, former, &field.value);
  }
  for (const Field& field : before) {
    if (!after.contains(field.name)) write(field.name, &field.value, nullptr);
  }
  out.end_array();
}

void write_record(JsonWriter& out, const Preview& preview, const pipeline::Catalog& catalog) {
  out.key("record");
  if (!preview.after) {
    out.null();
    return;
  }
  const Record& after = *preview.after;
  out.begin_object().field("entity_type", after.entity).field("exists", preview.before.has_value());
  out.field_or_null("entity_id", preview.before ? std::string_view(after.id.str()) : std::string_view{});
  out.field("version_before", preview.before ? preview.before->version.value : 0);
  out.field("version_after", after.version.value).field("deleted", after.is_deleted());
  write_changes(out, preview, catalog);
  out.end_object();
}

/// Where and what, without the headers: they hold our credential.
void write_request(JsonWriter& out, const Preview& preview, const PlatformId& target) {
  out.key("request");
  for (const Preview::Delivery& delivery : preview.deliveries) {
    if (delivery.target != target) continue;
    out.begin_object().field("method", net::to_string(delivery.request.method));
    out.field("url", delivery.request.origin->str() + delivery.request.target).key("body");
    const auto body = parse_json(delivery.request.body);
    body ? out.raw(body->text()) : out.null();
    out.end_object();
    return;
  }
  out.null();
}

void write_preview(JsonWriter& out, const Preview& preview, const pipeline::Catalog& catalog) {
  out.field("status", to_string(preview.state.status)).field_or_null("message", preview.state.message);
  write_record(out, preview, catalog);
  out.key("conflicts").begin_array();
  for (const Conflict& conflict : preview.conflicts) write_conflict(out, conflict);
  out.end_array().key("results").begin_array();
  for (const DeliveryResult& result : preview.state.results) {
    out.begin_object().field("target_platform", result.target.str()).field("status", to_string(result.status));
    out.field_or_null("message", result.error_message);
    write_request(out, preview, result.target);
    out.end_object();
  }
  out.end_array();
}

/// One proposal at a time: what its rules compute must not keep all query threads from reads.
class Turn {
 public:
  explicit Turn(std::atomic<bool>& taken) : taken_(taken), is_ours_(!taken.exchange(true)) {}
  ~Turn() {
    if (is_ours_) taken_ = false;
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  [[nodiscard]] bool is_ours() const noexcept { return is_ours_; }

 private:
  std::atomic<bool>& taken_;
  const bool is_ours_;
};

using Judged = tl::expected<std::unique_ptr<Preview>, net::HttpResponse>;

Judged judge(Services& services, const Call& call, storage::Reader& reader, NestedObject object,
             const std::shared_ptr<const pipeline::Catalog>& catalog, Problem* refusal) {
  auto event = read_event(object, {*catalog, *call.caller, services.clock.now()});
  if (!event && refusal != nullptr && event.error().status == 422) {
    *refusal = std::move(event).error();
    return nullptr;
  }
  if (!event) return tl::unexpected(to_response(event.error()));
  auto preview = services.backend.preview(reader, std::move(*event), catalog);
  if (!preview) return tl::unexpected(to_response(preview.error()));
  return std::make_unique<Preview>(std::move(*preview));
}

/// The same event under what is in force and under the proposal.
net::HttpResponse preview_proposal(Services& services, const Call& call, storage::Reader& reader,
                                   const NestedObject& object, const Value& proposal) {
  // It runs code that the caller wrote, and tells which rules of the operator's there are.
  if (!call.caller->may(security::Permission::kOperate)) {
    return to_response(Problem{403, "the token's roles do not allow a proposal; without one they allow a preview"});
  }
  const Turn turn(services.is_proposal_under_way);
  if (!turn.is_ours() || !services.propose) return overloaded();
  const auto proposed = services.propose(proposal);
  if (!proposed) {
    std::vector<FieldError> errors = proposed.error();
    for (FieldError& error : errors) error.pointer.insert(0, "/proposal");
    return to_response(invalid(std::move(errors)));
  }
  const auto catalog = services.catalog();
  const auto then = judge(services, call, reader, object, *proposed, nullptr);
  if (!then) return then.error();
  Problem refusal;
  const auto now = judge(services, call, reader, object, catalog, &refusal);
  if (!now) return now.error();
  JsonWriter out;
  out.begin_object();
  write_preview(out, **then, **proposed);
  out.key("differences");
  write_differences(out, {*catalog, now->get(), refusal.detail}, {**proposed, then->get()});
  out.end_object();
  return net::json_response(200, out.take());
}

}  // namespace

/// POST /sync/preview: an event as for `POST /sync/events`; what would be written where, with nothing stored or sent.
/// With a `proposal` beside it: what would be under that configuration, and what differs from the present one.
net::HttpResponse preview_event(Services& services, const Call& call, storage::Reader& reader) {
  auto object = parse_nested_object(call.request.body, "data");
  if (!object) return to_response(Problem{400, "the body is no JSON: " + object.error().message});
  const auto proposal = object->outer.take("proposal");
  if (proposal && !proposal->is_null()) return preview_proposal(services, call, reader, *object, *proposal);
  const auto catalog = services.catalog();
  const auto preview = judge(services, call, reader, std::move(*object), catalog, nullptr);
  if (!preview) return preview.error();
  JsonWriter out;
  out.begin_object();
  write_preview(out, **preview, *catalog);
  out.end_object();
  return net::json_response(200, out.take());
}

}  // namespace datasync::api::routes
