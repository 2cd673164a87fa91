#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "base/uuid.h"
#include "bus/kafka/consumer.h"
#include "bus/kafka/producer.h"
#include "pipeline/engine.h"
#include "storage/shares.h"
#include "storage/store.h"

namespace datasync::pipeline {

/// Kafka as the place where events are accepted: what all replicas in sync have acknowledged is accepted, also while
/// the store is away. One topic with a partition for each shard, so the order of a tenant's events is that of the log;
/// who holds the shard's lease reads its partition and gives what it reads to the engine, which makes the events and
/// how far the partition was read durable in one transaction. No second protocol says who owns what.
///
/// Whether an event came before only the store knows. So a client waits a moment for the engine to see its event, and
/// is answered as without a log; where that takes longer, the acknowledgement is the answer, and a repetition has no
/// effect when its turn comes.
///
/// What can't be taken from the log goes to the topic of dead letters, with its reason in the header `error`.
///
/// Lifetime: all is borrowed. `stop` comes before any of it goes.
/// Threads:  `accept`, `catch_up` and `state` from any; one of its own, named `kafka-in`.
class EventLog {
 public:
  struct Options {
    std::string brokers;
    std::string topic;
    std::string dead_letter_topic;
    milliseconds outcome_wait{250};          ///< a client's, from the acknowledgement to the engine's word
    std::int64_t outcome_lag_max = 2'000;    ///< behind so many events nobody waits for it
    std::size_t waiting_max = 50'000;        ///< events whose clients wait; more is `kOverloaded`
    std::size_t batch_max = 1'000;           ///< events given to the engine at once
    std::size_t ahead_bytes_max = 32 << 20;  ///< read ahead
  };
  struct Parts {
    Engine& engine;
    storage::Shares* shares;  ///< null: all shards are here
    std::function<Result<std::unique_ptr<storage::Reader>>()> make_reader;
    const Clock& clock;
    Random& random;  ///< for nobody else
  };
  EventLog(Parts parts, Options options);
  ~EventLog();
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  /// Creates what topics are missing, and begins to read. Errors: as of `prepare_topics`.
  [[nodiscard]] Result<void> start();
  /// Reads no more; what was appended and not acknowledged is waited for until the deadline. Nothing is accepted any
  /// more, and every client has its answer.
  void stop(milliseconds deadline);

  /// As `Engine::accept`, for tenants of any shard. Errors: `kUnavailable` where Kafka does not keep them,
  /// `kOverloaded` where too many wait; of several events, those that were not kept are `kRefused`. One that is too
  /// large for Kafka is `kTooLarge`, also where it is the only one, and stands in the way of no other.
  void accept(std::vector<Submission> submissions, AcceptCallback callback);

  /// Returns once the store has all of these tenants' events that were accepted before the call (true), after
  /// `patience`, or at once where too many are missing. No tenants: of all. Blocks.
  [[nodiscard]] bool catch_up(const storage::Reader::Tenants& tenants, milliseconds patience);

  struct State {
    bool connected = false;
    std::int64_t lag = 0;            ///< events of this instance's shards that the engine has not taken yet
    std::uint64_t appended = 0;      ///< since the start
    std::uint64_t dead_letters = 0;  ///< since the start
  };
  [[nodiscard]] State state() const noexcept;

 private:
  struct Answer;
  struct Waiting {
    std::shared_ptr<Answer> answer;
    std::size_t index = 0;
    std::size_t shard = 0;
    bool is_appended = false;  ///< then until `until`
    SteadyTime until{};
  };
  using Message = bus::kafka::Consumer::Message;
  /// What was read together: the engine takes it as a whole, again and again until it does.
  struct Batch {
    std::vector<Submission> submissions;
    std::vector<std::uint64_t> tokens;  ///< of the clients that wait here; 0: none
    std::vector<Message> messages;      ///< of each submission
    std::vector<Message> damaged;
    std::vector<storage::LogPosition> positions;
  };

  [[nodiscard]] Result<void> wait_for_leaders();
  Result<void> append(const std::shared_ptr<Answer>& answer, std::size_t index, Submission submission,
                      bus::kafka::Producer::Turn turn);
  void appended(std::uint64_t token, const Result<std::int64_t>& offset);
  void heard(std::uint64_t token, const Receipt& receipt);
  void answer_late();
  [[nodiscard]] std::optional<Waiting> take_waiting(std::uint64_t token);

  void run();
  [[nodiscard]] bool wait(milliseconds time);  ///< false: it is stopping
  [[nodiscard]] Result<void> follow_shards();
  void look_at_brokers();
  void look_after();
  [[nodiscard]] Batch read(std::vector<Message> messages) const;
  void feed(Batch batch);
  [[nodiscard]] Result<std::vector<Receipt>> ask_engine(const Batch& batch);
  void keep_ours(Batch& batch) const;
  void taken(const Batch& batch, const std::vector<Receipt>& receipts);
  [[nodiscard]] bool bury(const Message& message, const std::string& why);
  [[nodiscard]] bool bury(bus::kafka::Producer::Message& letter);
  void note(std::string& last, const Result<void>& outcome);

  Parts parts_;
  const Options options_;
  const std::string writer_;  ///< of this process, in the header `writer`
  std::unique_ptr<bus::kafka::Producer> producer_;
  std::unique_ptr<bus::kafka::Consumer> consumer_;
  std::unique_ptr<storage::Reader> positions_;  // the thread's
  storage::Shards assigned_;                    // the thread's
  SteadyTime looked_at_{};                      // the thread's
  int silences_ = 0;                            // the thread's: questions in a row that no broker answered
  std::string shards_problem_, brokers_problem_, engine_problem_;  // the thread's: as they were told

  std::mutex catching_up_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  UuidGenerator uuids_;
  std::unordered_map<std::uint64_t, Waiting> waiting_;
  std::uint64_t last_token_ = 0;
  std::vector<std::int64_t> next_;  // by shard: what the engine takes next; -1 where it is not ours
  std::vector<std::int64_t> ends_;  // by shard: behind the last one that is known
  bool stopping_ = false;

  std::atomic<bool> connected_ = false;
  std::atomic<std::uint64_t> appended_ = 0;
  std::atomic<std::uint64_t> dead_letters_ = 0;
  std::thread thread_;
};

}  // namespace datasync::pipeline
