#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace datasync::bus::kafka {

/// Appends to topics. What it says is kept is kept by all replicas that are in sync, once and in the order in which it
/// was given, partition by partition.
///
/// Where one is not kept, or not in time, everything that is under way is given up with it, of other partitions too:
/// none that was given later is kept in its place, so who appends all of it again has the order that he wanted. Only
/// what is too large, which never comes again, spoils no other.
///
/// Threads: `append` from any; callbacks run on its own thread, named `kafka-out`, each exactly once.
class Producer {
 public:
  struct Options {
    milliseconds timeout{5'000};       ///< from the append to its acknowledgement; a few ticks more may pass
    milliseconds linger{1};            ///< how long one waits for company
    std::size_t waiting_max = 50'000;  ///< messages without an acknowledgement
    std::size_t waiting_bytes_max = 64 << 20;
  };
  struct Message {
    std::string topic;
    std::int32_t partition = kByKey;
    std::string key;
    std::string value;
    std::vector<std::pair<const char*, std::string>> headers;
  };
  static constexpr std::int32_t kByKey = -1;
  using Turn = std::uint64_t;
  /// Gets the message's offset. Errors: `kUnavailable`, of stage `kDuring` where it may have been kept after all;
  /// `kTooLarge`, with the size and the way out, where it is larger than its topic takes.
  using Callback = std::function<void(Result<std::int64_t> offset)>;

  [[nodiscard]] static Result<std::unique_ptr<Producer>> make(const std::string& brokers, Options options);
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  /// Never blocks. Errors: `kUnavailable`, also for the moment in which all is given up; `kOverloaded` where too many
  /// wait, `kTooLarge` as above: the callback is not called then.
  [[nodiscard]] Result<void> append(const Message& message, Callback callback, std::optional<Turn> turn = {});
  /// For who appends several one by one: once something was given up, its turn is over, and the rest is `kUnavailable`.
  [[nodiscard]] Turn turn() const;
  /// Returns when all have their acknowledgements, or at the deadline (false): what is left then is given up, and its
  /// callbacks are called.
  bool stop(milliseconds deadline);

 private:
  class Impl;
  explicit Producer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace datasync::bus::kafka
