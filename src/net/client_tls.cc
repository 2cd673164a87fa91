#include "net/client_tls.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>
#include <stdexcept>

namespace datasync::net {

boost::asio::ssl::context make_client_tls(const HttpClientOptions& options) {
  namespace ssl = boost::asio::ssl;
  ssl::context context(ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  SSL_CTX_set_alpn_protos(context.native_handle(), kHttp11, sizeof kHttp11);
  boost::system::error_code error;
  context.set_default_verify_paths(error);  // an image without certificates is no error until https is used
  if (!options.tls_ca_file.empty()) {
    context.load_verify_file(options.tls_ca_file, error);
    if (error) throw std::runtime_error("cannot read the CA file " + options.tls_ca_file + ": " + error.message());
  }
  context.set_verify_mode(options.tls_verify ? ssl::verify_peer : ssl::verify_none);
  return context;
}

bool expect_tls_host(SSL* tls, const std::string& host, bool verify) {
  boost::system::error_code no_address;
  (void)boost::asio::ip::make_address(host, no_address);
  const bool is_address = !no_address;
  if (!is_address && SSL_set_tlsext_host_name(tls, host.c_str()) != 1) return false;  // SNI holds names only
  if (!verify) return true;
  X509_VERIFY_PARAM* const expected = SSL_get0_param(tls);
  X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (is_address) return X509_VERIFY_PARAM_set1_ip_asc(expected, host.c_str()) == 1;
  return X509_VERIFY_PARAM_set1_host(expected, host.c_str(), host.size()) == 1;
}

std::string describe_tls_failure(SSL* tls, const boost::system::error_code& error) {
  const long verdict = SSL_get_verify_result(tls);
  if (verdict == X509_V_OK) return error.message();
  return std::string("certificate refused: ") + X509_verify_cert_error_string(verdict);
}

}  // namespace datasync::net
