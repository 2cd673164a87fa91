#include "api/reason.h"

#include <utility>

#include "domain/json.h"

namespace datasync::api {
namespace {

constexpr std::size_t kReasonBytesMax = 2'000;

}  // namespace

tl::expected<std::string, FieldError> reason_of(const Fields& members) {
  const Value* value = members.find("reason");
  auto text = value == nullptr ? std::nullopt : value->as_string();
  if (!text || text->find_first_not_of(" \t\r\n") == std::string::npos) {
    return tl::unexpected(FieldError{"/reason", "must say why, for those who read it later"});
  }
  if (text->size() > kReasonBytesMax) return tl::unexpected(FieldError{"/reason", "is longer than 2000 bytes"});
  return std::move(*text);
}

Read<std::string> read_reason(std::string_view body) {
  const auto members = read_members(body);
  if (!members) return tl::unexpected(members.error());
  auto reason = reason_of(*members);
  if (!reason) return tl::unexpected(invalid({std::move(reason).error()}));
  return std::move(*reason);
}

Read<Fields> read_members(std::string_view body) {
  auto members = parse_json_object(body);
  if (!members && parse_json(body)) return tl::unexpected(invalid({{"", "must be an object"}}));
  if (!members) return tl::unexpected(Problem{400, "the body is no JSON: " + members.error().message});
  return std::move(*members);
}

}  // namespace datasync::api
