#include "conflict/merge/three_way.h"

namespace datasync::conflict {
namespace {

using Kind = Value::Kind;

bool same(const Value* one, const Value* other) {
  return one == nullptr || other == nullptr ? one == other : *one == *other;
}

std::optional<Value> copy_of(const Value* value) {
  return value == nullptr ? std::nullopt : std::optional(*value);
}

bool is_large(const Value* value) {
  return value != nullptr && value->text().size() > kMergeBytesMax;
}

std::optional<Value> merge_by_kind(ThreeWay sides) {
  const Kind kind = sides.newer->kind();
  if (sides.older->kind() != kind || sides.depth > kMergeDepthMax) return std::nullopt;
  if (is_large(sides.base) || is_large(sides.newer) || is_large(sides.older)) return std::nullopt;
  if (sides.base != nullptr && sides.base->kind() != kind) sides.base = nullptr;
  switch (kind) {
    case Kind::kObject:
      return merge_objects(sides);
    case Kind::kArray:
      return merge_arrays(sides);
    case Kind::kNumber:
      return merge_numbers(sides);
    case Kind::kString:
      return merge_texts(sides);
    case Kind::kBool:
    case Kind::kNull:
      break;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Value> merge(const ThreeWay& sides) {
  if (same(sides.newer, sides.older) || same(sides.older, sides.base)) return copy_of(sides.newer);
  if (same(sides.newer, sides.base)) return copy_of(sides.older);
  if (sides.newer == nullptr) return *sides.older;
  if (sides.older == nullptr) return *sides.newer;
  if (auto merged = merge_by_kind(sides)) return merged;
  return *sides.newer;
}

}  // namespace datasync::conflict
