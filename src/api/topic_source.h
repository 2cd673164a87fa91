#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "api/backend.h"
#include "base/result.h"
#include "base/time.h"
#include "bus/kafka/group_consumer.h"
#include "bus/kafka/producer.h"
#include "pipeline/catalog.h"

namespace datasync::api {

/// Takes the messages of other programs' topics as events, a batch at a time. Nothing is passed over: the group's
/// offsets move when every event before them is durable and everything else is a dead letter. So what was taken by who
/// died is taken again by who goes on, and has no effect the second time, since an event is known by its id.
///
/// What can't be taken now is tried again, for as long as it takes; meanwhile its partitions may go to another member.
///
/// Lifetime: all is borrowed. `stop` comes before any of it goes.
/// Threads:  one of its own, named `kafka-topics`; `state` from any.
class TopicSource {
 public:
  struct Options {
    std::string brokers;
    std::vector<std::string> topics;
    std::string group;
    std::string dead_letter_topic;
    std::size_t value_bytes_max = 1024 * 1024;
    std::size_t batch_max = 1'000;  ///< messages under way at once
  };
  struct Parts {
    Backend& backend;
    std::function<std::shared_ptr<const pipeline::Catalog>()> catalog;
    const Clock& clock;
  };
  TopicSource(Parts parts, Options options);
  ~TopicSource();
  TopicSource(const TopicSource&) = delete;
  TopicSource& operator=(const TopicSource&) = delete;

  /// Looks at the topics. Errors: `kInvalid` with the remedy for one that is missing; `kUnavailable`.
  [[nodiscard]] Result<void> prepare();
  /// Joins the group and begins. Errors: `kUnavailable`.
  [[nodiscard]] Result<void> start();
  /// Takes nothing more, and leaves the group. What the backend does not answer until the deadline is taken again by
  /// whoever goes on.
  void stop(milliseconds deadline);

  struct State {
    std::int64_t lag = 0;            ///< messages of this member's partitions that are not taken yet
    std::uint64_t taken = 0;         ///< since the start
    std::uint64_t dead_letters = 0;  ///< since the start
  };
  [[nodiscard]] State state() const noexcept { return {lag_, taken_, dead_letters_}; }

 private:
  using Message = bus::kafka::GroupConsumer::Message;
  using Receipts = std::vector<pipeline::Receipt>;
  struct Item {
    Message message;
    pipeline::Submission submission;  ///< none where it is no event
    std::string why;                  ///< it becomes a dead letter
    bool is_done = false;
  };
  using Batch = std::vector<Item>;

  void run();
  [[nodiscard]] Batch read(std::vector<Message> messages) const;
  void finish(Batch batch);
  [[nodiscard]] bool work_on(Batch& batch, bool& one_by_one);
  [[nodiscard]] bool bury_all(Batch& batch);
  [[nodiscard]] bool bury(const Message& message, const std::string& why);
  [[nodiscard]] Result<std::int64_t> keep(const bus::kafka::Producer::Message& letter);
  [[nodiscard]] std::optional<Result<Receipts>> submit(const std::vector<Item*>& items);
  [[nodiscard]] bool apply(const Result<Receipts>& receipts, const std::vector<Item*>& items, bool& one_by_one);
  void commit(const Batch& batch);
  [[nodiscard]] bool pause(milliseconds time);  ///< stays in the group; false: it is stopping
  [[nodiscard]] bool is_over() const;           ///< nothing is waited for any more
  void note(const std::string& problem);

  Parts parts_;
  const Options options_;
  std::unique_ptr<bus::kafka::Producer> producer_;       // of dead letters
  std::unique_ptr<bus::kafka::GroupConsumer> consumer_;  // the thread's
  std::string problem_;                                  // the thread's: as it was told

  std::atomic<bool> stopping_ = false;
  std::atomic<SteadyTime> stops_at_{};
  std::atomic<std::int64_t> lag_ = 0;
  std::atomic<std::uint64_t> taken_ = 0;
  std::atomic<std::uint64_t> dead_letters_ = 0;
  std::thread thread_;
};

}  // namespace datasync::api
