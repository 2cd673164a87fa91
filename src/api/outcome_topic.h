#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "bus/kafka/producer.h"
#include "pipeline/notice.h"

namespace datasync::api {

/// Passes notices on, and publishes the outcomes among them in a topic of Kafka, as CloudEvents. What Kafka does not
/// take in time is dropped and counted: the store has all of it.
///
/// Lifetime: `next` is borrowed.
/// Threads:  `publish` is called on the engine's, which only notes what there is; messages are made on one of its own,
///           named `outcomes`. `state` from any.
class OutcomeTopic final : public pipeline::NoticeSink {
 public:
  struct Options {
    std::string brokers;
    std::string topic;
    std::size_t waiting_max = 50'000;  ///< notices; more are dropped. As many messages wait for Kafka
    milliseconds timeout{30'000};      ///< a message's, until Kafka has it
  };
  struct State {
    std::uint64_t published = 0;  ///< since the start
    std::uint64_t dropped = 0;    ///< since the start
  };
  OutcomeTopic(pipeline::NoticeSink& next, Options options);
  ~OutcomeTopic() override;

  /// Creates the topic where it is missing. Errors: as of `prepare_topics`.
  [[nodiscard]] Result<void> start();
  /// Publishes what waits, until the deadline.
  void stop(milliseconds deadline);

  [[nodiscard]] bool wants_notices() const noexcept override { return true; }
  void publish(std::vector<pipeline::Notice> notices) override;
  [[nodiscard]] State state() const noexcept { return {published_, dropped_}; }

 private:
  using Batch = std::vector<pipeline::Notice>;

  void run();
  void append(const pipeline::Notice& notice);
  void drop(std::uint64_t count, const std::string& why);

  pipeline::NoticeSink& next_;
  const Options options_;
  std::unique_ptr<bus::kafka::Producer> producer_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::vector<Batch> waiting_;
  std::size_t waiting_count_ = 0;  // notices
  bool stopping_ = false;

  std::atomic<std::uint64_t> published_ = 0;
  std::atomic<std::uint64_t> dropped_ = 0;
  std::atomic<bool> is_dropping_ = false;
  std::thread thread_;
};

}  // namespace datasync::api
