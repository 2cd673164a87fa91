#include "crypto/keyed_hash.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <cstring>
#include <stdexcept>

namespace datasync::crypto {

struct KeyedHash::Context {
  EVP_MAC* mac = nullptr;
  EVP_MAC_CTX* mac_context = nullptr;
  ~Context() {
    EVP_MAC_CTX_free(mac_context);
    EVP_MAC_free(mac);
  }
};

KeyedHash::KeyedHash(std::string_view key) : context_(std::make_unique<Context>()) {
  context_->mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  context_->mac_context = EVP_MAC_CTX_new(context_->mac);
  char digest[] = "SHA256";
  const std::array<OSSL_PARAM, 2> parameters{OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                             OSSL_PARAM_construct_end()};
  const auto* bytes = reinterpret_cast<const unsigned char*>(key.data());
  if (EVP_MAC_init(context_->mac_context, bytes, key.size(), parameters.data()) != 1) {
    throw std::runtime_error("OpenSSL offers no HMAC-SHA256");
  }
}

KeyedHash::~KeyedHash() = default;

Hash128 KeyedHash::hash(std::string_view bytes) {
  std::array<unsigned char, 32> digest{};
  std::size_t size = 0;
  const bool done =
      EVP_MAC_init(context_->mac_context, nullptr, 0, nullptr) == 1 &&
      EVP_MAC_update(context_->mac_context, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()) == 1 &&
      EVP_MAC_final(context_->mac_context, digest.data(), &size, digest.size()) == 1;
  if (!done) throw std::runtime_error("OpenSSL failed to compute an HMAC");
  Hash128 hash;
  std::memcpy(&hash.high, digest.data(), sizeof hash.high);
  std::memcpy(&hash.low, digest.data() + sizeof hash.high, sizeof hash.low);
  return hash;
}

}  // namespace datasync::crypto
