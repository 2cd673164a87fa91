#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace datasync::transform {

/// Things by name, made once and then only read: one sorted block of memory. An entity has a handful of names, and at that
/// size a binary search beats hashing the name.
template <typename Thing>
class NameTable {
 public:
  /// Adds `thing`; where the name is taken already, the thing that was there stays.
  void add(std::string_view name, Thing thing) {
    const auto at = lower_bound(entries_, name);
    if (at != entries_.end() && at->first == name) return;
    entries_.emplace(at, std::string(name), std::move(thing));
  }

  [[nodiscard]] const Thing* find(std::string_view name) const noexcept {
    const auto at = lower_bound(entries_, name);
    return at != entries_.end() && at->first == name ? &at->second : nullptr;
  }

 private:
  static auto lower_bound(auto& entries, std::string_view name) {
    return std::lower_bound(entries.begin(), entries.end(), name,
                            [](const auto& entry, std::string_view wanted) { return entry.first < wanted; });
  }

  std::vector<std::pair<std::string, Thing>> entries_;
};

}  // namespace datasync::transform
