#include "security/caller.h"

#include <array>

namespace datasync::security {
namespace {

constexpr std::array<std::string_view, 4> kRoles{"viewer", "operator", "admin", "service"};

}  // namespace

std::string_view to_string(Role role) noexcept {
  return kRoles[static_cast<std::size_t>(role)];
}

std::optional<Role> parse_role(std::string_view text) {
  const auto at = std::find(kRoles.begin(), kRoles.end(), text);
  if (at == kRoles.end()) return std::nullopt;
  return static_cast<Role>(at - kRoles.begin());
}

bool Caller::may(Permission permission) const noexcept {
  switch (permission) {
    case Permission::kRead:
      return roles != 0;
    case Permission::kWrite:
      return has(Role::kService) || has(Role::kOperator) || has(Role::kAdmin);
    case Permission::kOperate:
      return has(Role::kOperator) || has(Role::kAdmin);
  }
  return false;
}

}  // namespace datasync::security
