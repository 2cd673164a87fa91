#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/interned.h"

namespace datasync {

/// A string id that cannot be mistaken for another kind of id. At most 255 bytes where it comes from a client.
template <typename Tag>
class StringId {
 public:
  StringId() = default;
  explicit StringId(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] const std::string& str() const noexcept { return text_; }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  auto operator<=>(const StringId&) const = default;

 private:
  std::string text_;
};

/// An integer id that cannot be mistaken for another kind of integer.
template <typename Tag>
struct IntegerId {
  std::int64_t value = 0;
  auto operator<=>(const IntegerId&) const = default;
};

using TenantId = StringId<struct TenantIdTag>;
using EventId = StringId<struct EventIdTag>;
using EntityId = StringId<struct EntityIdTag>;        ///< canonical: the same on every platform
using PlatformId = InternedId<struct PlatformIdTag>;  ///< the name of a platform: `bizoholic`

using Sequence = IntegerId<struct SequenceTag>;            ///< the store's own order of events; 0 is none
using RecordKey = IntegerId<struct RecordKeyTag>;          ///< a golden record in the store; 0 is none
using RecordVersion = IntegerId<struct RecordVersionTag>;  ///< 1 at creation, one more per accepted change

inline constexpr std::size_t kClientIdBytesMax = 255;

}  // namespace datasync

template <typename Tag>
struct std::hash<datasync::StringId<Tag>> {
  std::size_t operator()(const datasync::StringId<Tag>& id) const noexcept {
    return std::hash<std::string>{}(id.str());
  }
};

template <typename Tag>
struct std::hash<datasync::IntegerId<Tag>> {
  std::size_t operator()(datasync::IntegerId<Tag> id) const noexcept { return std::hash<std::int64_t>{}(id.value); }
};
