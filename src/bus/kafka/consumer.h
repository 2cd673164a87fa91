#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace datasync::bus::kafka {

/// Reads partitions of one topic, each from where it is told: who owns them and how far they were read is known
/// elsewhere, not to Kafka.
///
/// Threads: `ends` from any; the rest one at a time.
class Consumer {
 public:
  using Offsets = std::map<std::int32_t, std::int64_t>;  ///< by partition
  struct Message {
    std::int32_t partition = 0;
    std::int64_t offset = 0;
    std::string value;
    std::vector<std::pair<std::string, std::string>> headers;
    [[nodiscard]] std::optional<std::string> header(std::string_view name) const;
  };

  [[nodiscard]] static Result<std::unique_ptr<Consumer>> make(const std::string& brokers, std::string topic,
                                                              std::size_t ahead_bytes_max);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  /// Begins to read these from those offsets. Errors: `kUnavailable`.
  [[nodiscard]] Result<void> add(const Offsets& from);
  /// Ends reading these; what was read ahead of them is dropped.
  [[nodiscard]] Result<void> remove(const std::vector<std::int32_t>& partitions);
  /// At most so many, in order partition by partition; empty where none come within `wait`.
  /// Errors: `kCorrupt` where a partition no longer has what comes next of it: `message` says which; the others go on.
  [[nodiscard]] Result<std::vector<Message>> take(std::size_t most, milliseconds wait);
  /// The offset of the next message that each will get; one that has no leader just now is left out.
  /// Errors: `kUnavailable` where nobody answers in time.
  [[nodiscard]] Result<Offsets> ends(const std::vector<std::int32_t>& partitions, milliseconds timeout) const;

 private:
  class Impl;
  explicit Consumer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace datasync::bus::kafka
