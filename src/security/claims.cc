#include "security/claims.h"

#include <charconv>
#include <cmath>
#include <optional>

#include "domain/json.h"

namespace datasync::security {
namespace {

constexpr std::size_t kTenantsMax = 256;

tl::unexpected<Error> refuse(std::string message) {
  return fail(ErrorCode::kUnauthorized, std::move(message));
}

/// A NumericDate (RFC 7519, 2): seconds since 1970, which may have a fraction.
std::optional<Timestamp> read_time(const Value& value) {
  if (value.kind() != Value::Kind::kNumber) return std::nullopt;
  double number = 0;
  const std::string& text = value.text();
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  constexpr double kSecondsMax = 253'402'300'799.0;  // the end of the year 9999
  if (error != std::errc{} || end != text.data() + text.size() || number < 0 || number > kSecondsMax) {
    return std::nullopt;
  }
  return Timestamp{microseconds{std::llround(number * 1e6)}};
}

std::string text_of(const Fields& claims, std::string_view name) {
  const Value* value = claims.find(name);
  return value == nullptr ? std::string{} : value->as_string().value_or(std::string{});
}

/// A claim that is one string or a list of them. None if it is anything else.
std::optional<std::vector<std::string>> words_of(const Value& value) {
  std::vector<std::string> words;
  if (auto one = value.as_string()) {
    words.push_back(std::move(*one));
    return words;
  }
  if (value.kind() != Value::Kind::kArray) return std::nullopt;
  for (const Value& element : elements_of(value)) {
    auto word = element.as_string();
    if (!word) return std::nullopt;
    words.push_back(std::move(*word));
  }
  return words;
}

Result<void> check_times(const Fields& claims, const ClaimRules& rules, Timestamp now, Caller& caller) {
  const Value* exp = claims.find("exp");
  if (exp == nullptr) return refuse("the token has no exp");
  const auto expires_at = read_time(*exp);
  if (!expires_at) return refuse("the token's exp is no time");
  caller.expires_at = *expires_at + rules.leeway;
  if (caller.expires_at <= now) return refuse("the token has expired");
  if (const Value* nbf = claims.find("nbf"); nbf != nullptr) {
    const auto not_before = read_time(*nbf);
    if (!not_before) return refuse("the token's nbf is no time");
    if (now + rules.leeway < *not_before) return refuse("the token is not valid yet");
  }
  return {};
}

Result<void> check_parties(const Fields& claims, const ClaimRules& rules) {
  if (!rules.issuer.empty() && text_of(claims, "iss") != rules.issuer) {
    return refuse("the token is from another issuer");
  }
  if (rules.audience.empty()) return {};
  const Value* aud = claims.find("aud");
  const auto audiences = aud == nullptr ? std::nullopt : words_of(*aud);
  if (!audiences || std::find(audiences->begin(), audiences->end(), rules.audience) == audiences->end()) {
    return refuse("the token is for another audience");
  }
  return {};
}

Result<void> read_roles(const Fields& claims, Caller& caller) {
  const Value* roles = claims.find("roles");
  if (roles == nullptr) return {};
  const auto words = words_of(*roles);
  if (!words) return refuse("the token's roles are no list of words");
  for (const std::string& word : *words) {
    if (const auto role = parse_role(word)) caller.add(*role);
  }
  return {};
}

Result<void> read_tenants(const Fields& claims, Caller& caller) {
  const Value* tenant_id = claims.find("tenant_id");
  if (tenant_id == nullptr) return refuse("the token has no tenant_id");
  const auto words = words_of(*tenant_id);
  if (!words || words->empty()) return refuse("the token's tenant_id is no word, no list and not *");
  if (words->size() > kTenantsMax) return refuse("the token names too many tenants");
  for (const std::string& word : *words) {
    if (word == "*") {
      if (!caller.has(Role::kService) && !caller.has(Role::kAdmin)) {
        return refuse("only the roles service and admin may be given every tenant");
      }
      caller.all_tenants = true;
    } else if (word.empty() || word.size() > kClientIdBytesMax) {
      return refuse("the token's tenant_id must have 1 to 255 characters");
    } else {
      caller.tenants.emplace_back(word);
    }
  }
  if (caller.all_tenants) caller.tenants.clear();
  return {};
}

}  // namespace

Result<Caller> read_claims(std::string_view payload, const ClaimRules& rules, Timestamp now) {
  const auto claims = parse_json_object(payload);
  if (!claims) return refuse("the token's payload is no JSON object");
  Caller caller;
  DATASYNC_TRY(check_times(*claims, rules, now, caller));
  DATASYNC_TRY(check_parties(*claims, rules));
  DATASYNC_TRY(read_roles(*claims, caller));
  DATASYNC_TRY(read_tenants(*claims, caller));
  caller.subject = text_of(*claims, "sub");
  if (caller.subject.empty() || caller.subject.size() > kClientIdBytesMax) return refuse("the token has no sub");
  caller.platform = PlatformId{text_of(*claims, "platform")};
  return caller;
}

}  // namespace datasync::security
