// The client's TLS against an OpenSSL server with certificates made here.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "net/http_client.h"
#include "net/test_support.h"

namespace datasync::net {
namespace {

using ::testing::HasSubstr;
using testing::Inbox;
using testing::RawClient;
using testing::RawServer;

struct Identity {
  std::shared_ptr<EVP_PKEY> key;
  std::shared_ptr<X509> certificate;
};

/// A self-signed certificate for one name (`DNS:localhost`, `IP:127.0.0.1`).
Identity make_identity(const std::string& name) {
  Identity made;
  made.key.reset(EVP_EC_gen("P-256"), EVP_PKEY_free);
  made.certificate.reset(X509_new(), X509_free);
  X509* const certificate = made.certificate.get();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  for (const auto& [id, value] : {std::pair{NID_subject_alt_name, name}, {NID_basic_constraints, "CA:TRUE"}}) {
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value.c_str());
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
  X509_sign(certificate, made.key.get(), EVP_sha256());
  return made;
}

class HttpClientTlsTest : public testing::ServerFixture {
 protected:
  HttpClientTlsTest() { threads.start(); }

  void TearDown() override {
    client.reset();
    server_.reset();
    if (!ca_file_.empty()) std::filesystem::remove(ca_file_);
    ServerFixture::TearDown();
  }

  void serve_tls(const std::string& name, int version_max = 0) {
    identity_ = make_identity(name);
    context_.reset(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    SSL_CTX_use_certificate(context_.get(), identity_.certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), identity_.key.get());
    if (version_max != 0) {
      SSL_CTX_set_security_level(context_.get(), 0);
      SSL_CTX_set_max_proto_version(context_.get(), version_max);
    }
    server_.emplace([this](RawClient& connection, int) { answer(connection); });
  }

  /// Answers every request of one connection with what it got, and tells the name that was asked for.
  void answer(RawClient& connection) {
    std::unique_ptr<SSL, decltype(&SSL_free)> tls(SSL_new(context_.get()), SSL_free);
    SSL_set_fd(tls.get(), connection.fd());
    if (SSL_accept(tls.get()) != 1) return;
    const char* const name = SSL_get_servername(tls.get(), TLSEXT_NAMETYPE_host_name);
    names.put(name ? name : "");
    std::string got;
    char bytes[4096];
    for (int n = 0; (n = SSL_read(tls.get(), bytes, sizeof bytes)) > 0;) {
      got.append(bytes, static_cast<std::size_t>(n));
      if (got.find("end") == std::string::npos) continue;
      const std::string text = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(got.size()) + "\r\n\r\n" + got;
      SSL_write(tls.get(), text.data(), static_cast<int>(text.size()));
      got.clear();
    }
  }

  std::string ca_file() {
    ca_file_ = (std::filesystem::temp_directory_path() / ("net_test_ca_" + std::to_string(::getpid()))).string();
    std::FILE* const file = std::fopen(ca_file_.c_str(), "w");
    PEM_write_X509(file, identity_.certificate.get());
    std::fclose(file);
    return ca_file_;
  }

  ClientResult fetch(const std::string& host, HttpClientOptions options, std::string body = "end") {
    client.emplace(threads, std::move(options));
    return fetch_again(host, std::move(body));
  }
  ClientResult fetch_again(const std::string& host, std::string body = "end") {
    ClientRequest request;
    request.origin = make_origin(Scheme::kHttps, host, server_->port());
    request.body = std::move(body);
    client->send(std::move(request), [this](ClientResult result) { results.put(std::move(result)); });
    auto result = results.take();
    return result ? std::move(*result) : fail(ErrorCode::kInternal, "the test saw no result");
  }

  Inbox<ClientResult> results;
  Inbox<std::string> names;
  std::optional<HttpClient> client;

 private:
  Identity identity_;
  std::shared_ptr<SSL_CTX> context_;
  std::string ca_file_;
  std::optional<RawServer> server_;
};

TEST_F(HttpClientTlsTest, AnUnknownCertificateIsRefusedBeforeAnythingIsSent) {
  serve_tls("DNS:localhost");
  const auto result = fetch("localhost", {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(result.error().stage, Stage::kBefore);
  EXPECT_THAT(result.error().detail, HasSubstr("certificate refused"));
}

TEST_F(HttpClientTlsTest, ACertificateOfTheConfiguredAuthorityIsAcceptedAndTheConnectionKept) {
  serve_tls("DNS:localhost");
  HttpClientOptions options;
  options.tls_ca_file = ca_file();
  options.connections_per_origin_max = 1;
  const auto first = fetch("localhost", options);
  ASSERT_TRUE(first) << first.error().message << ": " << first.error().detail;
  EXPECT_THAT(first->body, HasSubstr("Host: localhost:"));
  EXPECT_EQ(names.take(), "localhost");
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(fetch_again("localhost"));
  EXPECT_EQ(client->counters().connects, 1U);
  const std::string large = std::string(900'000, 'x') + "end";
  const auto last = fetch_again("localhost", large);
  ASSERT_TRUE(last);
  EXPECT_THAT(last->body, ::testing::EndsWith(large));
}

TEST_F(HttpClientTlsTest, ACertificateForAnotherNameIsRefused) {
  serve_tls("DNS:elsewhere.example");
  HttpClientOptions options;
  options.tls_ca_file = ca_file();
  const auto result = fetch("localhost", options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().stage, Stage::kBefore);
  EXPECT_THAT(result.error().detail, HasSubstr("certificate refused"));
}

TEST_F(HttpClientTlsTest, AnAddressIsComparedWithTheAddressesOfTheCertificate) {
  serve_tls("IP:127.0.0.1");
  HttpClientOptions options;
  options.tls_ca_file = ca_file();
  EXPECT_TRUE(fetch("127.0.0.1", options));
  EXPECT_EQ(names.take(), "");  // SNI knows no addresses
  EXPECT_FALSE(fetch("localhost", options));
}

TEST_F(HttpClientTlsTest, VerificationIsOffOnlyWhereThatIsAskedFor) {
  serve_tls("DNS:elsewhere.example");
  HttpClientOptions options;
  options.tls_verify = false;
  EXPECT_TRUE(fetch("localhost", options));
}

TEST_F(HttpClientTlsTest, OldProtocolsAreRefused) {
  serve_tls("DNS:localhost", TLS1_1_VERSION);
  HttpClientOptions options;
  options.tls_verify = false;
  const auto result = fetch("localhost", options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().stage, Stage::kBefore);
}

TEST_F(HttpClientTlsTest, AMissingAuthorityFileStopsTheStart) {
  HttpClientOptions options;
  options.tls_ca_file = "no/such/file.pem";
  EXPECT_THROW(client.emplace(threads, options), std::runtime_error);
}

}  // namespace
}  // namespace datasync::net
