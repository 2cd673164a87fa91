#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "delivery/connectors/credential.h"
#include "delivery/connectors/http_outcome.h"

namespace datasync::delivery {

/// The headers that every request to one platform carries. All that is the same for every request is one prebuilt text.
///
/// No value can smuggle a header: what comes from a change is written in visible ASCII only. An idempotency key or
/// tenant id with other characters, or with a `%`, is percent-encoded, so that two ids never become one; a trace
/// context that is none is left out. Threads: immutable, any.
class RequestHeaders {
 public:
  /// Errors: `kInvalid` for a header that is ours to write, a name that is no token, a control character in a value, a
  /// credential without a secret.
  static Result<RequestHeaders> make(const Credential& credential, const HeaderTemplates& templates);

  /// Appends `Name: value\r\n` lines. Empty `idempotency_key` and `traceparent` are left out.
  void append(std::string& block, const TenantId& tenant, std::string_view idempotency_key,
              std::string_view traceparent) const;

  /// A platform's words, fit for a message: `cleaned`, and with `***` where they repeat the secret, as it is or escaped
  /// for JSON or a URL. Only what is shown goes through here: in an answer the same letters may be an id.
  [[nodiscard]] std::string printable(std::string_view words, std::size_t bytes_max = kMessageBytesMax) const;

 private:
  struct PerTenant {
    std::string before;  // `Name: ` and the value up to the placeholder
    std::string after;
  };
  std::string fixed_;
  std::vector<PerTenant> per_tenant_;
  std::vector<std::string> secrets_;  // the ways to write it, longest first
};

}  // namespace datasync::delivery
