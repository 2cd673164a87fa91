// Bearer tokens. With a line break in it the input is a header and a payload that are signed here; without one it is a
// token as it came. Signatures are made anew by another way than the one under test.

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "fuzz.h"
#include "security/base64url.h"
#include "security/gatekeeper.h"
#include "security/jws.h"

namespace datasync::fuzz {
namespace {

using namespace security;

constexpr std::string_view kSecret = "k7Vw2mQzR9tXc4Lp8Hn3Jd6Fs1Gy5Ba0";
constexpr std::string_view kOtherSecret = "k7Vw2mQzR9tXc4Lp8Hn3Jd6Fs1Gy5Ba1";

std::string signature_of(std::string_view text) {
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), kSecret.data(), static_cast<int>(kSecret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, &size);
  return encode_base64url({reinterpret_cast<const char*>(mac), size});
}

bool names_hs256(std::string_view header) {
  const auto members = parse_json_object(header);
  return members && members->find("alg") != nullptr && *members->find("alg") == Value::string("HS256") &&
         !members->contains("crit");
}

/// A token holds exactly if it was signed by the key, under a header that says so.
void check_token(const std::string& token, Hs256& key, Hs256& other) {
  const auto dot = token.rfind('.');
  const std::string signed_text = token.substr(0, dot);
  const auto header = decode_base64url(signed_text.substr(0, signed_text.find('.')));
  const bool ours = dot != std::string::npos && token.substr(dot + 1) == signature_of(signed_text);
  const auto payload = key.open(token);
  if (payload) {
    require(ours, "a token that the key did not sign never holds", token);
    require(header && names_hs256(*header), "nor one of another algorithm", token);
    require(token.size() <= kTokenBytesMax, "nor one that is too long");
  }
  require(!other.open(token), "a token does not hold under another key", token);
}

/// A changed letter anywhere breaks the token.
void check_changed(std::string token, Hs256& key, Random& random) {
  for (int i = 0; i < 3; ++i) {
    char& letter = token[random.next() % token.size()];
    const char before = letter;
    letter = "AZaz09-_.="[random.next() % 10];
    require(letter == before || !key.open(token), "a token that was changed never holds", token);
    letter = before;
  }
}

void check_caller(const Caller& caller, Timestamp now) {
  require(caller.all_tenants == caller.tenants.empty(), "a caller has tenants, or all");
  require(!caller.all_tenants || caller.has(Role::kService) || caller.has(Role::kAdmin),
          "every tenant is for services and admins");
  require(caller.may_touch(TenantId{"no such"}) == caller.all_tenants ||
              std::count(caller.tenants.begin(), caller.tenants.end(), TenantId{"no such"}) > 0,
          "a caller touches its tenants alone");
  require(caller.expires_at > now, "a caller's token has not expired");
  require(!caller.subject.empty(), "a caller has a name");
  require(caller.roles != 0 || !caller.may(Permission::kRead), "without a role nothing is allowed");
}

}  // namespace
}  // namespace datasync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace datasync;
  using namespace datasync::fuzz;
  static ManualClock clock(Timestamp{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}});
  static Hs256 key(kSecret);
  static Hs256 other(kOtherSecret);
  static const auto gatekeeper =
      Gatekeeper::make({.environment = "production", .jwt_secret = std::string(kSecret), .tokens_cached_max = 64},
                       clock)
          .value();

  const std::string_view text = text_of(data, size);
  std::string_view payload = text;
  const std::string_view header = take_until(payload, "\n");
  std::string token(text);
  if (header.size() < text.size()) {
    token = encode_base64url(header) + '.' + encode_base64url(payload);
    token += '.' + signature_of(token);
    const bool fits = token.size() <= kTokenBytesMax && !header.empty() && !payload.empty();
    const auto opened = key.open(token);
    require(opened.has_value() == (fits && names_hs256(header)), "a token that the key signed holds", token);
    if (opened) {
      require(*opened == payload, "and says what was signed", token);
      check_changed(token, key, *random_of(text));
    }
  }
  check_token(token, key, other);
  const auto first = gatekeeper->admit(token);
  const auto second = gatekeeper->admit(token);
  require(first.has_value() == second.has_value(), "a known token is judged as it was at first", token);
  if (!first) return 0;
  check_caller(**first, clock.now());
  require(*first == *second, "a known token has its caller already", token);
  return 0;
}
