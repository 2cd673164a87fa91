#pragma once

// The whole API in one process, without sockets: a store that two tenants share, an engine that takes everything, and
// one caller, who is of the first tenant alone.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz.h"
#include "net/http_message.h"

namespace datasync::fuzz {

/// Stands in everything that the other tenant has: ids, names, values, messages.
inline constexpr std::string_view kForeignMark = "Zx9Foreign";

/// What a call came to.
struct ApiAnswer {
  std::optional<net::HttpResponse> response;  ///< none: the call has become a WebSocket
  std::vector<std::string> told;              ///< what the WebSocket's client was told
};

class ApiWorld {
 public:
  ApiWorld();
  ~ApiWorld();
  ApiWorld(const ApiWorld&) = delete;
  ApiWorld& operator=(const ApiWorld&) = delete;

  /// The token of the caller, an operator of `t1`.
  [[nodiscard]] const std::string& token() const;
  /// Waits for the answer and checks what holds for every one. `message` is said by a client that got a WebSocket.
  ApiAnswer call(net::HttpRequest request, std::string message = {});

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace datasync::fuzz
