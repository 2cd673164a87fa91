#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "domain/value.h"
#include "net/http_message.h"
#include "net/url.h"

namespace datasync::cli {

/// What all commands that speak to a service take.
struct ServiceOptions {
  std::string url;  ///< empty: DATA_SYNC_URL, else this machine's port 8025
  bool json = false;

  void declare(Options& options, bool with_json = true);
};

/// Where the service is and who asks.
struct ServiceAddress {
  std::string url;  ///< as it was written
  net::OriginPtr origin;
  std::string prefix;  ///< stands before every path; empty, or `/api`
  std::string token;   ///< DATA_SYNC_TOKEN; empty: none
};
/// Errors: `kInvalid` for what is no address.
[[nodiscard]] Result<ServiceAddress> service_address(const Session& session, const ServiceOptions& options);
[[nodiscard]] Error nobody_answers(const ServiceAddress& address, std::string_view why);

/// A service, asked one thing at a time.
/// Threads: blocks its caller; has an I/O thread of its own.
class ServiceClient {
 public:
  explicit ServiceClient(ServiceAddress address);
  ~ServiceClient();

  struct Answer {
    int status = 200;
    std::string body;
  };
  /// An answer of 2xx. `target` is path and query.
  /// Errors: fit for the person at the terminal. `kUnavailable`: no service answers, or it can't work now.
  [[nodiscard]] Result<Answer> call(net::Method method, std::string_view target, std::string body = {});
  /// The same, read as a JSON object.
  [[nodiscard]] Result<Fields> call_for_object(net::Method method, std::string_view target, std::string body = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Says what went wrong, and returns the exit code that tells a script.
int report(const Session& session, const Error& error);

/// `/sync/events` and those of the pairs that have a value: `/sync/events?status=failed`.
[[nodiscard]] std::string with_query(std::string_view path,
                                     const std::vector<std::pair<std::string_view, std::string>>& pairs);
/// A time as a person gives it: RFC 3339 as it is, and `15m`, `2h` or `7d` as so long ago.
/// Errors: `kInvalid`.
[[nodiscard]] Result<std::string> point_in_time(const Session& session, std::string_view text);

// A member of an answer as text: strings without quotes, other values as JSON, and empty for null or nothing.
[[nodiscard]] std::string text_of(const Fields& object, std::string_view name);
[[nodiscard]] std::string text_of(const Value& value);

}  // namespace datasync::cli
