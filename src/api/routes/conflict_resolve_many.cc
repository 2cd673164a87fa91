#include <array>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "api/json_writer.h"
#include "api/reason.h"
#include "api/resolve_request.h"
#include "api/routes/routes.h"
#include "api/scope.h"

namespace datasync::api::routes {
namespace {

using storage::Reader;

constexpr std::int64_t kManyMax = 500;
constexpr std::int64_t kManyDefault = 100;

struct Many {
  pipeline::ReviewDecision decision;
  Reader::ConflictFilter filter;
  bool dry_run = false;
};

/// A member that is a string; none leaves `text` as it is.
std::optional<FieldError> read_text(const Fields& members, const char* name, std::string& text) {
  const Value* value = members.find(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  auto read = value->as_string();
  if (!read) return FieldError{"/" + std::string(name), "must be a string"};
  text = std::move(*read);
  return std::nullopt;
}

Read<Many> read_many(const Call& call) {
  const auto members = read_members(call.request.body);
  if (!members) return tl::unexpected(members.error());
  auto decision = read_resolve_request(call.request.body);
  if (!decision) return tl::unexpected(decision.error());
  Many many;
  many.decision = std::move(*decision);
  std::vector<FieldError> errors;
  const auto note = [&errors](std::optional<FieldError> error) {
    if (error) errors.push_back(std::move(*error));
  };
  if (many.decision.choice == pipeline::ReviewDecision::Choice::kMerged) {
    note(FieldError{"/choice", "must be source or target: many conflicts can't take one value"});
  }
  std::string tenant_id, entity_id;
  note(read_text(*members, "tenant_id", tenant_id));
  note(read_text(*members, "entity_type", many.filter.entity));
  note(read_text(*members, "entity_id", entity_id));
  note(read_text(*members, "conflict_type", many.filter.type));
  many.filter.entity_id = EntityId(std::move(entity_id));
  many.filter.status = "open";
  many.filter.limit = kManyDefault;
  if (const Value* limit = members->find("limit"); limit != nullptr && !limit->is_null()) {
    many.filter.limit = limit->as_integer().value_or(0);
    if (many.filter.limit < 1 || many.filter.limit > kManyMax) {
      note(FieldError{"/limit", "must be an integer of 1 to " + std::to_string(kManyMax)});
    }
  }
  if (const Value* dry = members->find("dry_run"); dry != nullptr && !dry->is_null()) {
    if (dry->kind() != Value::Kind::kBool) note(FieldError{"/dry_run", "must be true or false"});
    many.dry_run = *dry == Value::boolean(true);
  }
  if (!errors.empty()) return tl::unexpected(invalid(std::move(errors)));
  auto tenants = tenants_of(std::move(tenant_id), *call.caller);
  if (!tenants) return tl::unexpected(std::move(tenants).error());
  many.filter.tenants = std::move(*tenants);
  many.decision.by = call.caller->subject;
  return many;
}

/// Gathers the outcomes of many decisions, and answers with the last one.
class Gathering {
 public:
  Gathering(Reply reply, Reader::ConflictPage page) : reply_(std::move(reply)), page_(std::move(page)) {
    outcomes_.resize(page_.conflicts.size(), "matched");
    left_ = outcomes_.size();
  }

  [[nodiscard]] const std::vector<Conflict>& conflicts() const noexcept { return page_.conflicts; }

  void decided(std::size_t index, const Result<Conflict>& outcome) {
    {
      const std::lock_guard lock(mutex_);
      outcomes_[index] = outcome ? "resolved" : outcome.error().message;
      if (outcome) ++resolved_;
      if (!outcome && status_of(outcome.error().code) == 503) refusal_ = outcome.error();
      if (--left_ > 0) return;
    }
    answer(false);
  }

  void answer(bool dry_run) {
    // Of those that were decided the caller must hear, whatever became of the others.
    if (resolved_ == 0 && refusal_) return std::move(reply_).send(to_response(*refusal_));
    JsonWriter out;
    out.begin_object().field("matched", page_.total).field("resolved", resolved_).field("dry_run", dry_run);
    out.key("conflicts").begin_array();
    for (std::size_t i = 0; i < outcomes_.size(); ++i) {
      const Conflict& conflict = page_.conflicts[i];
      out.begin_object().field("conflict_id", conflict.id).field("tenant_id", conflict.tenant.str());
      out.field("entity_type", conflict.entity).field("entity_id", conflict.entity_id.str());
      out.field("field", conflict.fields.empty() ? std::string() : conflict.fields.front().field);
      out.field("outcome", outcomes_[i]).end_object();
    }
    out.end_array().end_object();
    std::move(reply_).send(net::json_response(200, out.take()));
  }

 private:
  Reply reply_;
  Reader::ConflictPage page_;
  std::mutex mutex_;
  std::vector<std::string> outcomes_;
  std::int64_t resolved_ = 0;
  std::optional<Error> refusal_;  ///< that the store takes nothing now, or too much is asked of it
  std::size_t left_ = 0;
};

}  // namespace

/// POST /sync/conflicts/resolve: one decision for all open conflicts that match, the newest first; with `dry_run` what
/// it would be about. Each is decided as it was read, so one that moves on meanwhile is refused and named.
void resolve_conflicts(Services& services, Call call) {
  auto many = read_many(call);
  if (!many) return std::move(call.reply).send(many.error());
  auto shared = std::make_shared<std::pair<Many, Reply>>(std::move(*many), std::move(call.reply));
  WorkPool::Job job = [&services, shared](const WorkPool::GetReader& get_reader) {
    auto& [wanted, reply] = *shared;
    const auto reader = get_reader();
    if (!reader) return std::move(reply).send(to_response(reader.error()));
    auto page = (*reader)->list_conflicts(wanted.filter);
    if (!page) return std::move(reply).send(to_response(page.error()));
    const auto gathering = std::make_shared<Gathering>(std::move(reply), std::move(*page));
    if (wanted.dry_run || gathering->conflicts().empty()) return gathering->answer(wanted.dry_run);
    for (std::size_t i = 0; i < gathering->conflicts().size(); ++i) {
      const Conflict& conflict = gathering->conflicts()[i];
      pipeline::ReviewDecision decision = wanted.decision;
      decision.tenants = {conflict.tenant};
      decision.conflict = conflict.id;
      decision.revision = conflict.revision;
      services.backend.decide(std::move(decision),
                              [gathering, i](Result<Conflict> outcome) mutable { gathering->decided(i, outcome); });
    }
  };
  if (!services.queries->post(job)) std::move(shared->second).send(overloaded());
}

}  // namespace datasync::api::routes
