#pragma once

#include <boost/asio/ssl/context.hpp>
#include <string>

#include "base/result.h"
#include "net/http_client.h"

namespace datasync::net {

// Private to net: it drags OpenSSL in.

/// What all TLS connections of a client share: trust, at least TLS 1.2, HTTP/1.1 only.
/// Errors (thrown): `std::runtime_error` when the CA file can't be read.
[[nodiscard]] boost::asio::ssl::context make_client_tls(const HttpClientOptions& options);

/// Names the server that this connection wants (SNI) and, when `verify`, demands a certificate for it.
[[nodiscard]] bool expect_tls_host(SSL* tls, const std::string& host, bool verify);

/// Why the handshake failed, for the log: the certificate's fault where there is one.
[[nodiscard]] std::string describe_tls_failure(SSL* tls, const boost::system::error_code& error);

}  // namespace datasync::net
