#pragma once

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "domain/name_order.h"
#include "domain/value.h"
#include "transform/plan.h"

namespace datasync::transform {

/// Collects fields under new names, any order, several under one name; keeps the most trusted of each name. One sort at
/// the end instead of one insertion per field. Lifetime: names and borrowed values outlive it.
class Assembly {
 public:
  void borrow(std::string_view name, Trust trust, const Value& value) { push(name, trust, &value, kBorrowed); }
  void add(std::string_view name, Trust trust, Value value) {
    push(name, trust, nullptr, made_.size());
    made_.push_back(std::move(value));
  }

  [[nodiscard]] bool contains(std::string_view name) const noexcept {
    return std::any_of(entries_.begin(), entries_.end(), [name](const Entry& entry) { return entry.name == name; });
  }

  [[nodiscard]] Fields finish() && {
    std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
      if (a.prefix != b.prefix) return a.prefix < b.prefix;
      const int order = a.name.compare(b.name);
      return order < 0 || (order == 0 && a.trust < b.trust);
    });
    Fields fields;
    fields.reserve(entries_.size() + kRoomForContext);
    const Entry* last = nullptr;
    for (const Entry& entry : entries_) {
      if (last != nullptr && last->name == entry.name) continue;
      fields.set(entry.name, entry.made == kBorrowed ? *entry.borrowed : std::move(made_[entry.made]));
      last = &entry;
    }
    return fields;
  }

 private:
  static constexpr std::size_t kBorrowed = static_cast<std::size_t>(-1);
  static constexpr std::size_t kRoomForContext = 2;  // what goes out gets an id and a context block yet
  struct Entry {
    std::uint64_t prefix;
    std::string_view name;
    const Value* borrowed;
    std::size_t made;  // index of a value of ours
    Trust trust;
  };
  void push(std::string_view name, Trust trust, const Value* borrowed, std::size_t made) {
    entries_.push_back({sort_prefix(name), name, borrowed, made, trust});
  }

  boost::container::small_vector<Entry, 16> entries_;
  boost::container::small_vector<Value, 4> made_;
};

}  // namespace datasync::transform
