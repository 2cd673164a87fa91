#pragma once

#include <string>

#include "base/ids.h"
#include "domain/money.h"

namespace datasync {

/// What every room needs to know of a platform; how its fields map stands in `transform/`, how it is reached in
/// `delivery/`.
struct Platform {
  PlatformId id;
  Currency currency;
  std::string locale = "en-US";
  std::string timezone = "UTC";
};

}  // namespace datasync
