#include "api/content_type.h"
#include "api/record_view.h"
#include "api/routes/routes.h"
#include "api/scope.h"
#include "api/submit.h"
#include "api/user_request.h"

namespace datasync::api::routes {
namespace {

using pipeline::Receipt;

constexpr std::string_view kUser = "user";
constexpr const char* kUserCreated = "user_created";
constexpr const char* kUserUpdated = "user_updated";

/// Both values are texts: the gateway declares a map of texts.
net::HttpResponse synchronized(int status, const std::string& user_id) {
  JsonWriter out;
  out.begin_object().field("message", "User synchronized").field("user_id", user_id).end_object();
  return net::json_response(status, out.take());
}

net::HttpResponse answer(const Receipt& receipt, bool is_new, const std::string& user_id) {
  const bool is_kept = receipt.status == Receipt::Status::kCreated || receipt.status == Receipt::Status::kDuplicate;
  if (!is_kept) return receipt_response(receipt);
  return synchronized(is_new && receipt.status == Receipt::Status::kCreated ? 201 : 200, user_id);
}

/// An upsert on its way: who waits for it, and the event as it would have been called if the user had been known, or
/// had not.
struct Upsert {
  Reply reply;
  std::string user_id;
  bool is_new = false;
  std::string key;
  std::shared_ptr<Event> otherwise;
};

/// A request that is repeated under its key found the user the second time: its event has another word, and is the same
/// all the same.
void submit(Services& services, std::shared_ptr<Event> event, Upsert upsert) {
  std::vector<pipeline::Submission> one;
  one.push_back({std::move(event), upsert.key});
  services.backend.accept(
      std::move(one), [&services, upsert = std::move(upsert)](Result<std::vector<Receipt>> receipts) mutable {
        const bool mismatch = receipts && receipts->front().status == Receipt::Status::kMismatch;
        if (mismatch && upsert.otherwise) {
          auto otherwise = std::exchange(upsert.otherwise, nullptr);
          return submit(services, std::move(otherwise), std::move(upsert));
        }
        std::move(upsert.reply)
            .send(receipts ? answer(receipts->front(), upsert.is_new, upsert.user_id) : to_response(receipts.error()));
      });
}

/// On a query thread: whether the user is known decides between `user_created` and `user_updated`. Two requests at once
/// may both find nobody; what happens to the record does not depend on the word.
void submit_user(Services& services, Call call, std::string key, const WorkPool::GetReader& get_reader) {
  const auto catalog = services.catalog();
  const RequestContext context{*catalog, *call.caller, services.clock.now()};
  auto user = read_user(call.request.body, context);
  if (!user) return std::move(call.reply).send(user.error());
  const auto reader = get_reader();
  if (!reader) return std::move(call.reply).send(to_response(reader.error()));
  const auto record = find_record(**reader, user->tenant, kUser, user->user_id);
  if (!record) return std::move(call.reply).send(to_response(record.error()));
  const bool is_new = !*record || (*record)->is_deleted();
  user->event.outer.set("event_type", Value::string(is_new ? kUserCreated : kUserUpdated));
  auto event = read_event(user->event, context);
  if (!event) return std::move(call.reply).send(event.error());
  add_request_context(call.request, **event);

  std::shared_ptr<Event> otherwise;
  if (!key.empty()) {
    otherwise = std::make_shared<Event>(**event);
    otherwise->verb = is_new ? Verb::kUpdated : Verb::kCreated;
    otherwise->type = is_new ? kUserUpdated : kUserCreated;
  }
  submit(services, std::move(*event),
         {std::move(call.reply), std::move(user->user_id), is_new, std::move(key), std::move(otherwise)});
}

void write_user(JsonWriter& out, const pipeline::Catalog& catalog, const Record& record, const std::string& user_id) {
  const Fields fields = present_fields(catalog, record);
  out.begin_object().field("user_id", user_id).field("tenant_id", record.tenant.str());
  for (const std::string_view name : {"email", "name", "phone"}) {
    const Value* value = fields.find(name);
    out.key(name);
    value == nullptr ? out.null() : out.raw(value->text());
  }
  for (const std::string_view name : {"profile_data", "preferences"}) {
    const Value* value = fields.find(name);
    out.key(name).raw(value == nullptr ? "{}" : value->text());
  }
  out.field("version", record.version.value).field("created_at", record.created_at);
  out.field("updated_at", record.updated_at).key("data").raw(fields.to_json()).key("platform_data");
  write_platforms(out, catalog, record);
  out.end_object();
}

}  // namespace

void upsert_user(Services& services, Call call) {
  if (body_kind_of(call.request) != BodyKind::kJson) return std::move(call.reply).send(unsupported_body());
  auto key = idempotency_key_of(call.request);
  if (!key) return std::move(call.reply).send(key.error());
  auto shared = std::make_shared<Call>(std::move(call));
  WorkPool::Job job = [&services, shared, key = std::move(*key)](const WorkPool::GetReader& reader) mutable {
    submit_user(services, std::move(*shared), std::move(key), reader);
  };
  if (!services.queries->post(job)) std::move(shared->reply).send(overloaded());
}

net::HttpResponse get_user(Services& services, const Call& call, storage::Reader& reader) {
  const auto tenant = one_tenant_of(call);
  if (!tenant) return to_response(tenant.error());
  const auto record = find_record(reader, *tenant, kUser, call.parameters[0]);
  if (!record) return to_response(record.error());
  if (!*record || (*record)->is_deleted()) return to_response(Problem{404, "there is no such user"});
  JsonWriter out;
  write_user(out, *services.catalog(), **record, (*record)->id.str());
  return net::json_response(200, out.take());
}

}  // namespace datasync::api::routes
