#include "domain/json_pointer.h"

namespace datasync {

std::string pointer_step(std::string_view member) {
  std::string step = "/";
  for (const char c : member) {
    if (c == '~') {
      step += "~0";
    } else if (c == '/') {
      step += "~1";
    } else {
      step += c;
    }
  }
  return step;
}

}  // namespace datasync
