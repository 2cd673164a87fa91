#include "delivery/connectors/request_headers.h"

#include <algorithm>
#include <array>

#include "domain/value.h"
#include "net/headers.h"
#include "net/url.h"

namespace datasync::delivery {
namespace {

constexpr std::string_view kTenantMark = "{tenant}";
constexpr std::array<std::string_view, 6> kOurs{"host",        "content-length",  "connection",
                                                "traceparent", "idempotency-key", "transfer-encoding"};
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kDefaults{
    {{"Content-Type", "application/json"}, {"Accept", "application/json"}, {"User-Agent", "data-sync"}}};

constexpr bool is_plain(char c) noexcept {
  return c > 0x20 && c < 0x7f && c != '%';
}

void append_encoded(std::string& out, std::string_view text) {
  if (std::all_of(text.begin(), text.end(), is_plain)) {
    out += text;
    return;
  }
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : text) {
    if (is_plain(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4U];
    out += kHex[byte & 15U];
  }
}

/// W3C Trace Context, version 00: `00-<32 hex>-<16 hex>-<2 hex>`.
bool is_traceparent(std::string_view text) noexcept {
  if (text.size() != 55) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = i == 2 || i == 35 || i == 52;
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

bool is_ours(std::string_view name) noexcept {
  return std::any_of(kOurs.begin(), kOurs.end(),
                     [name](std::string_view own) { return net::equals_ignoring_case(own, name); });
}

bool names(const HeaderTemplates& templates, std::string_view name) {
  return std::any_of(templates.begin(), templates.end(),
                     [name](const auto& header) { return net::equals_ignoring_case(header.first, name); });
}

Result<std::pair<std::string, std::string>> authorization(const Credential& credential) {
  using Kind = Credential::Kind;
  if (credential.kind == Kind::kNone) return std::pair<std::string, std::string>{};
  if (credential.secret.empty()) return fail(ErrorCode::kInvalid, "credential: the secret is empty");
  if (credential.kind == Kind::kBearer) return std::pair{std::string("Authorization"), "Bearer " + credential.secret};
  return std::pair{credential.header, credential.secret};
}

/// None for a secret so short that hiding it would tear every word apart, and hide nothing.
std::vector<std::string> ways_to_write(const std::string& secret) {
  constexpr std::size_t kSecretBytesMin = 4;
  if (secret.size() < kSecretBytesMin) return {};
  std::string json;
  append_json_string(json, secret);
  json = json.substr(1, json.size() - 2);
  std::string slashes;  // which JSON lets one escape, and some servers do
  for (const char c : json) slashes += c == '/' ? std::string("\\/") : std::string(1, c);
  return {slashes, json, net::percent_encode(secret), secret};
}

}  // namespace

Result<RequestHeaders> RequestHeaders::make(const Credential& credential, const HeaderTemplates& templates) {
  RequestHeaders made;
  for (const auto& [name, value] : kDefaults) {
    if (!names(templates, name) && !net::append_header(made.fixed_, name, value)) {
      return fail(ErrorCode::kInternal, "a default header is malformed");
    }
  }
  const auto auth = authorization(credential);
  if (!auth) return fail(auth.error());
  // Both stay out of every message: where they were taken for each other, the name is the secret.
  if (!auth->first.empty() && !net::append_header(made.fixed_, auth->first, auth->second)) {
    return fail(ErrorCode::kInvalid,
                "credential: api_key_header is no header name, or the secret has a control character");
  }
  made.secrets_ = ways_to_write(credential.secret);
  for (const auto& [name, value] : templates) {
    if (is_ours(name)) return fail(ErrorCode::kInvalid, "headers: " + name + " is written by the service itself");
    std::string line;
    if (!net::append_header(line, name, value)) {
      return fail(ErrorCode::kInvalid, "headers: " + name + " is no header name, or its value has a control character");
    }
    const auto mark = line.find(kTenantMark);
    if (mark == std::string::npos) {
      made.fixed_ += line;
    } else {
      made.per_tenant_.push_back({line.substr(0, mark), line.substr(mark + kTenantMark.size())});
    }
  }
  return made;
}

void RequestHeaders::append(std::string& block, const TenantId& tenant, std::string_view idempotency_key,
                            std::string_view traceparent) const {
  block.reserve(block.size() + fixed_.size() + idempotency_key.size() + traceparent.size() + 64);
  block += fixed_;
  for (const PerTenant& header : per_tenant_) {
    block += header.before;
    append_encoded(block, tenant.str());
    block += header.after;
  }
  if (!idempotency_key.empty()) {
    block += "Idempotency-Key: ";
    append_encoded(block, idempotency_key);
    block += "\r\n";
  }
  if (is_traceparent(traceparent)) {
    block += "traceparent: ";
    block += traceparent;
    block += "\r\n";
  }
}

std::string RequestHeaders::printable(std::string_view words, std::size_t bytes_max) const {
  std::string text(words);
  for (const std::string& secret : secrets_) {
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at)) {
      text.replace(at, secret.size(), "***");
    }
  }
  return cleaned(text, bytes_max);  // last, or half a secret would remain where it is cut
}

}  // namespace datasync::delivery
