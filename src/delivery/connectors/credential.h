#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"

namespace datasync::delivery {

/// How a platform knows us. The secret goes into one header and nowhere else: where an answer repeats it, messages show
/// `***` instead. A refreshed secret is a new connector.
struct Credential {
  enum class Kind { kNone, kBearer, kApiKey };
  Kind kind = Kind::kNone;
  std::string secret = {};           ///< empty with another kind than `kNone`: an error at start
  std::string header = "X-API-Key";  ///< kApiKey only; kBearer uses `Authorization`
  bool operator==(const Credential&) const = default;
};

/// `Connector::account`.
[[nodiscard]] inline std::uint64_t account_of(const Credential& credential) noexcept {
  return credential.kind == Credential::Kind::kNone ? 0 : hash64(credential.secret);
}

/// Further headers of every request, name and value. A value may hold `{tenant}`: the change's tenant, percent-encoded
/// where it is not plain ASCII.
using HeaderTemplates = std::vector<std::pair<std::string, std::string>>;

}  // namespace datasync::delivery
