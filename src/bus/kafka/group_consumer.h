#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace datasync::bus::kafka {

/// Reads topics as a member of a consumer group, which shares out their partitions and remembers how far each was read.
/// Partitions change hands cooperatively: who keeps one reads on meanwhile.
///
/// A member that does not ask in time counts as dead. So whoever is not done with what it took calls `hold` while it
/// waits, and asks `owns` what of it is still its own.
///
/// Threads: one at a time.
class GroupConsumer {
 public:
  struct Options {
    std::string brokers;
    std::string group;
    std::vector<std::string> topics;
    std::size_t ahead_bytes_max = 16 << 20;  ///< read ahead
  };
  struct Place {
    std::string topic;
    std::int32_t partition = 0;
    auto operator<=>(const Place&) const = default;
  };
  using Offsets = std::map<Place, std::int64_t>;
  struct Message {
    Place place;
    std::int64_t offset = 0;
    std::optional<Timestamp> written_at;  ///< by its producer's clock, or the broker's; the same whenever it is read
    std::string key;                      ///< empty: none
    std::string value;
    std::vector<std::pair<std::string, std::string>> headers;
    [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const {
      for (const auto& [known, text] : headers) {
        if (known == name) return text;
      }
      return std::nullopt;
    }
  };

  /// Joins the group; one that has read nothing yet begins with the oldest messages. Errors: `kUnavailable`.
  [[nodiscard]] static Result<std::unique_ptr<GroupConsumer>> make(const Options& options);
  ~GroupConsumer();
  GroupConsumer(const GroupConsumer&) = delete;
  GroupConsumer& operator=(const GroupConsumer&) = delete;

  /// At most so many, in order partition by partition; empty where none come within `wait`.
  /// Errors: `kUnavailable` where the brokers refuse or are away; asked again it goes on where it was.
  [[nodiscard]] Result<std::vector<Message>> take(std::size_t most, milliseconds wait);
  /// Stays a member for that time and reads nothing.
  void hold(milliseconds wait);
  /// Whether it is this member's still, without interruption since the last `take`.
  [[nodiscard]] bool owns(const Place& place) const;
  /// Lets the group remember where each is to be read on. Does not wait: what is lost of it is read again.
  void commit(const Offsets& next);
  /// Messages of this member's partitions that are not committed, as far as is known: who holds hears of no new ones.
  [[nodiscard]] std::int64_t lag() const;
  /// Leaves the group, so that others need not wait until this member counts as dead; if the brokers answer.
  void close();

 private:
  class Impl;
  explicit GroupConsumer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace datasync::bus::kafka
