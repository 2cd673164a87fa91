#include "conflict/kinds.h"

#include "domain/money.h"

namespace datasync::conflict {

std::string_view kind_of(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull:
      break;
    case Value::Kind::kBool:
      return "a boolean";
    case Value::Kind::kNumber:
      return "a number";
    case Value::Kind::kString:
      return "a string";
    case Value::Kind::kArray:
      return "an array";
    case Value::Kind::kObject:
      return Money::from_value(value) ? "an amount of money" : "an object";
  }
  return {};
}

std::string kind_changes(std::string_view field, const Value& golden, const Value& incoming) {
  const std::string_view was = kind_of(golden), is = kind_of(incoming);
  if (was.empty() || is.empty() || was == is) return {};
  return std::string(field) + " was " + std::string(was) + " and arrives as " + std::string(is);
}

}  // namespace datasync::conflict
