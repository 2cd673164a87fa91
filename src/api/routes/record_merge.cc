#include "api/json_writer.h"
#include "api/reason.h"
#include "api/routes/routes.h"
#include "api/scope.h"
#include "domain/json.h"

namespace datasync::api::routes {
namespace {

using pipeline::MergeRequest;

constexpr std::size_t kTakeMax = 1'000;

/// The member `take`: names of fields. Errors: with its pointer.
tl::expected<std::vector<FieldName>, FieldError> take_of(const Fields& members) {
  std::vector<FieldName> names;
  const Value* take = members.find("take");
  if (take == nullptr || take->is_null()) return names;
  const bool is_array = take->kind() == Value::Kind::kArray;
  const std::vector<Value> elements = is_array ? elements_of(*take) : std::vector<Value>{};
  if (!is_array || elements.size() > kTakeMax) {
    return tl::unexpected(FieldError{"/take", "must be an array of at most 1000 names of fields"});
  }
  for (const Value& element : elements) {
    const auto name = element.as_string();
    if (!name) return tl::unexpected(FieldError{"/take/" + std::to_string(names.size()), "must be a string"});
    names.emplace_back(*name);
  }
  return names;
}

void ask(Services& services, Call call, MergeRequest::Kind kind) {
  const auto tenant = one_tenant_of(call);
  if (!tenant) return std::move(call.reply).send(tenant.error());
  const auto members = read_members(call.request.body);
  if (!members) return std::move(call.reply).send(members.error());
  const Value* other = members->find("other");
  const auto other_id = other == nullptr ? std::nullopt : other->as_string();
  auto take = kind == MergeRequest::Kind::kMerge ? take_of(*members) : std::vector<FieldName>{};
  auto reason = reason_of(*members);
  std::vector<FieldError> errors;
  if (!other_id || fault_of_id(*other_id)) errors.push_back({"/other", "must be the other record's entity_id"});
  if (!take) errors.push_back(std::move(take).error());
  if (!reason) errors.push_back(std::move(reason).error());
  if (!errors.empty()) return std::move(call.reply).send(invalid(std::move(errors)));
  MergeRequest request;
  request.kind = kind;
  request.tenant = *tenant;
  request.entity = call.parameters[0];
  request.keep = EntityId(call.parameters[1]);
  request.other = EntityId(*other_id);
  request.take = std::move(*take);
  request.by = call.caller->subject;
  request.reason = std::move(*reason);
  auto answer = [reply = std::move(call.reply), kind,
                 id = call.parameters[1]](Result<pipeline::Merged> merged) mutable {
    if (!merged) return std::move(reply).send(to_response(merged.error()));
    JsonWriter out;
    const bool is_merge = kind == MergeRequest::Kind::kMerge;
    out.begin_object().field("message", is_merge ? "Records merged" : "Records parted").field("entity_id", id);
    out.field("event_id", merged->event.str());
    if (is_merge) {
      out.key("duplicates").begin_array();
      for (const auto& [platform, own_id] : merged->duplicates) {
        out.begin_object().field("platform", platform.str()).field("id", own_id).end_object();
      }
      out.end_array();
    } else {
      out.field("other_event_id", merged->other_event.str());
    }
    out.end_object();
    std::move(reply).send(net::json_response(200, out.take()));
  };
  services.backend.merge(std::move(request), std::move(answer));
}

}  // namespace

/// POST /sync/records/{entity}/{id}/merge `{other, take?, reason}`: the other record becomes part of this one.
void merge_records(Services& services, Call call) {
  ask(services, std::move(call), MergeRequest::Kind::kMerge);
}

/// POST /sync/records/{entity}/{id}/split `{other, reason}`: it becomes a record of its own again.
void split_records(Services& services, Call call) {
  ask(services, std::move(call), MergeRequest::Kind::kSplit);
}

}  // namespace datasync::api::routes
