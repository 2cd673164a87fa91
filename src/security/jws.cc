#include "security/jws.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "domain/json.h"
#include "security/base64url.h"

namespace datasync::security {
namespace {

using Mac = std::array<unsigned char, 32>;
constexpr std::string_view kHeader = R"({"alg":"HS256","typ":"JWT"})";

tl::unexpected<Error> refuse(std::string_view why) {
  // The reason is for the log: the caller learns only that the token does not hold.
  return fail(ErrorCode::kUnauthorized, "the token is not valid", std::string(why));
}

/// The three parts of `header.payload.signature`.
struct Parts {
  std::string_view header, payload, signature, signed_text;
};

bool split(std::string_view token, Parts& parts) {
  const auto first = token.find('.');
  if (first == std::string_view::npos) return false;
  const auto second = token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) return false;
  parts = {token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1),
           token.substr(0, second)};
  return !parts.header.empty() && !parts.payload.empty() && !parts.signature.empty();
}

Result<void> check_header(std::string_view encoded) {
  const auto text = decode_base64url(encoded);
  if (!text) return refuse("the header is not base64url");
  const auto header = parse_json_object(*text);
  if (!header) return refuse("the header is no JSON object");
  const Value* algorithm = header->find("alg");
  if (algorithm == nullptr || algorithm->text() != "\"HS256\"") return refuse("the algorithm is not HS256");
  if (header->contains("crit")) return refuse("critical headers");
  return {};
}

}  // namespace

struct Hs256::Context {
  explicit Context(std::string_view secret) {
    algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    if (algorithm != nullptr) mac = EVP_MAC_CTX_new(algorithm);
    std::string digest = "SHA256";
    const std::array<OSSL_PARAM, 2> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0), OSSL_PARAM_construct_end()};
    const auto* key = reinterpret_cast<const unsigned char*>(secret.data());
    if (mac == nullptr || EVP_MAC_init(mac, key, secret.size(), parameters.data()) != 1) {
      release();
      throw std::runtime_error("OpenSSL has no HMAC-SHA256");
    }
  }
  ~Context() { release(); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  void release() noexcept {
    EVP_MAC_CTX_free(mac);
    EVP_MAC_free(algorithm);
  }

  [[nodiscard]] bool sign(std::string_view text, Mac& out) {
    std::size_t size = 0;
    // A null key keeps the one of the constructor.
    return EVP_MAC_init(mac, nullptr, 0, nullptr) == 1 &&
           EVP_MAC_update(mac, reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1 &&
           EVP_MAC_final(mac, out.data(), &size, out.size()) == 1 && size == out.size();
  }

  EVP_MAC* algorithm = nullptr;
  EVP_MAC_CTX* mac = nullptr;
};

Hs256::Hs256(std::string_view secret) : context_(std::make_unique<Context>(secret)) {}
Hs256::~Hs256() = default;
Hs256::Hs256(Hs256&&) noexcept = default;

Result<std::string> Hs256::open(std::string_view token) {
  if (token.size() > kTokenBytesMax) return refuse("too long");
  Parts parts;
  if (!split(token, parts)) return refuse("not three parts");
  DATASYNC_TRY(check_header(parts.header));
  const auto signature = decode_base64url(parts.signature);
  Mac expected;
  if (!signature || signature->size() != expected.size()) return refuse("the signature has another form");
  if (!context_->sign(parts.signed_text, expected)) return fail(ErrorCode::kInternal, "the token can't be checked");
  if (CRYPTO_memcmp(expected.data(), signature->data(), expected.size()) != 0) {
    return refuse("the signature does not hold");
  }
  auto payload = decode_base64url(parts.payload);
  if (!payload) return refuse("the payload is not base64url");
  return std::move(*payload);
}

std::string Hs256::seal(std::string_view payload) {
  std::string token = encode_base64url(kHeader) + '.' + encode_base64url(payload);
  Mac signature;
  if (!context_->sign(token, signature)) throw std::runtime_error("OpenSSL could not sign");
  token += '.';
  token += encode_base64url({reinterpret_cast<const char*>(signature.data()), signature.size()});
  return token;
}

}  // namespace datasync::security
