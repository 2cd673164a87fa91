#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "bus/redis/connection.h"
#include "bus/redis/location.h"
#include "domain/event.h"

namespace datasync::bus::redis {

/// What others see of the service in Redis. Nothing is ever read from it that decides anything: where it is gone, empty
/// or wrong, the service works on, and it heals by itself.
///
/// - The lists `events:critical`, `events:high`, `events:normal` and `events:low` have an element for each event that
///   waits on any instance, so `LLEN` is the queue's depth. They follow within a tenth of a second. The hash
///   `events:instances` says what each instance has in them; one that is not heard of for ten seconds is taken out.
/// - What is published goes to its channel once, or nowhere while Redis is not reached.
///
/// Lifetime: `depths` outlives it, or `stop`.
/// Threads:  its own, named `redis`; `publish` and `state` from any.
class Mirror {
 public:
  struct Message {
    std::string channel;
    std::string text;
  };
  /// Makes messages; called on the mirror's thread, at most once.
  using Batch = std::function<void(std::vector<Message>& into)>;
  using Depths = std::array<std::size_t, kPriorityCount>;  ///< events that wait here, by priority

  struct Options {
    milliseconds timeout{1'000};     ///< for an answer
    milliseconds depths_every{100};  ///< where they have changed
    milliseconds heals_every{1'000};
    milliseconds connects_every{1'000};
    milliseconds forgotten_after{10'000};  ///< an instance that is not heard of
    std::size_t waiting_max = 50'000;      ///< messages; more are dropped
  };
  /// `instance` is what the lists' elements say; it is no secret.
  Mirror(Location location, std::string instance, std::function<Depths()> depths, Options options);
  ~Mirror();
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;

  /// Errors: `kInvalid`, with the remedy, for what only an operator can mend: a refused user, password or database. A
  /// server that is not reached is none: it is tried for as long as it takes.
  [[nodiscard]] Result<void> start();
  /// Takes this instance's events out of the lists, if Redis answers.
  void stop();

  /// Takes `count` messages to be made, or drops them where Redis is not reached or too slow. Never blocks.
  void publish(std::size_t count, Batch batch);

  struct State {
    enum class Word : std::uint8_t { kHealthy, kRefused, kDisconnected };
    Word word = Word::kDisconnected;
    std::uint64_t dropped = 0;  ///< messages, since the start
  };
  [[nodiscard]] State state() const noexcept { return {word_.load(), dropped_.load()}; }

 private:
  using SteadyClock = std::chrono::steady_clock;

  void run();
  [[nodiscard]] Result<void> work();
  [[nodiscard]] Result<void> tell_depths(const Depths& depths, bool is_leaving);
  [[nodiscard]] Result<void> tell_messages();
  void note(const Result<void>& outcome);

  const Location location_;
  const std::string instance_;
  const std::string id_;  // of this process, in the hash
  const std::function<Depths()> depths_;
  const Options options_;

  // The thread's.
  std::optional<Connection> connection_;
  Depths told_{};
  SteadyClock::time_point told_at_{};
  std::string last_problem_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::vector<Batch> waiting_;
  std::size_t waiting_count_ = 0;  // messages
  bool stopping_ = false;

  std::atomic<State::Word> word_ = State::Word::kDisconnected;
  std::atomic<std::uint64_t> dropped_ = 0;
  std::thread thread_;
};

}  // namespace datasync::bus::redis
