#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"

namespace datasync::security {

enum class Role : std::uint8_t { kViewer, kOperator, kAdmin, kService };
[[nodiscard]] std::string_view to_string(Role role) noexcept;
[[nodiscard]] std::optional<Role> parse_role(std::string_view text);

/// What a call needs of its caller.
enum class Permission : std::uint8_t {
  kRead,     ///< see events, records, conflicts, numbers: every role
  kWrite,    ///< hand in events and users: service, operator, admin
  kOperate,  ///< try again, resolve, redrive: operator, admin
};

/// Who is calling, as a verified token says it.
struct Caller {
  std::string subject;
  bool all_tenants = false;
  std::vector<TenantId> tenants;  ///< empty where `all_tenants`
  std::uint8_t roles = 0;         ///< a bit per `Role`
  PlatformId platform;            ///< the platform that the caller speaks for; empty if the token names none
  Timestamp expires_at = Timestamp::max();

  void add(Role role) noexcept { roles = static_cast<std::uint8_t>(roles | bit(role)); }
  [[nodiscard]] bool has(Role role) const noexcept { return (roles & bit(role)) != 0; }
  [[nodiscard]] bool may(Permission permission) const noexcept;
  [[nodiscard]] bool may_touch(const TenantId& tenant) const noexcept {
    return all_tenants || std::find(tenants.begin(), tenants.end(), tenant) != tenants.end();
  }

 private:
  static constexpr unsigned bit(Role role) noexcept { return 1U << static_cast<unsigned>(role); }
};

}  // namespace datasync::security
