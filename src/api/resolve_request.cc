#include "api/resolve_request.h"

#include <array>
#include <utility>
#include <vector>

#include "api/reason.h"
#include "domain/json.h"

namespace datasync::api {
namespace {

using Choice = pipeline::ReviewDecision::Choice;

constexpr std::array<std::pair<std::string_view, Choice>, 3> kChoices{
    {{"source", Choice::kSource}, {"target", Choice::kTarget}, {"merged", Choice::kMerged}}};

std::optional<FieldError> read_choice(const Value* value, Choice& choice) {
  const auto word = value == nullptr ? std::nullopt : value->as_string();
  for (const auto& [name, meaning] : kChoices) {
    if (word != name) continue;
    choice = meaning;
    return std::nullopt;
  }
  return FieldError{"/choice", "must be source, target or merged"};
}

}  // namespace

Read<pipeline::ReviewDecision> read_resolve_request(std::string_view body) {
  const auto members = read_members(body);
  if (!members) return tl::unexpected(members.error());
  pipeline::ReviewDecision decision;
  std::vector<FieldError> errors;
  const auto note = [&errors](std::optional<FieldError> error) {
    if (error) errors.push_back(std::move(*error));
  };
  note(read_choice(members->find("choice"), decision.choice));
  auto reason = reason_of(*members);
  if (!reason) note(std::move(reason).error());
  if (reason) decision.reason = std::move(*reason);
  if (const Value* platform = members->find("platform"); platform != nullptr && !platform->is_null()) {
    auto name = platform->as_string();
    if (!name) note(FieldError{"/platform", "must be a string"});
    decision.platform = PlatformId(name.value_or(""));
  }
  if (const Value* entity_id = members->find("entity_id"); entity_id != nullptr && !entity_id->is_null()) {
    auto id = entity_id->as_string();
    if (!id) note(FieldError{"/entity_id", "must be a string"});
    decision.entity_id = EntityId(id.value_or(""));
  }
  if (const Value* revision = members->find("revision"); revision != nullptr && !revision->is_null()) {
    decision.revision = revision->as_integer();
    if (!decision.revision) note(FieldError{"/revision", "must be an integer"});
  }
  const Value* data = members->find("data");
  if (data != nullptr && !data->is_null() && data->kind() != Value::Kind::kObject) {
    note(FieldError{"/data", "must be an object of field and value"});
  } else if (data != nullptr && !data->is_null()) {
    decision.data = members_of(*data);
  }
  if (decision.choice == Choice::kMerged && decision.data.empty() && errors.empty()) {
    note(FieldError{"/data", "must give the field's value where the choice is merged"});
  }
  if (!errors.empty()) return tl::unexpected(invalid(std::move(errors)));
  return decision;
}

}  // namespace datasync::api
