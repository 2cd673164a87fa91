#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "conflict/rules.h"
#include "pipeline/engine.h"
#include "pipeline/testing/memory_store.h"
#include "pipeline/testing/network.h"
#include "pipeline/testing/platform.h"
#include "pipeline/testing/test_clock.h"

namespace datasync::pipeline {

inline const TenantId kTenant{"t1"};
inline constexpr const char* kEntity = "user";

/// An event on its way from a platform to the engine.
struct Message {
  std::shared_ptr<Event> event;  ///< never given away: each sending is a copy
  std::string idempotency_key;
  Timestamp send_at{};
  bool again = false;  ///< a duplicate, sent after the first was accepted
};

/// All that a pipeline needs to run on one thread: a clock, a store, a network, platforms and the engine itself, which
/// may crash and come back. Deterministic: one seed, one story.
class World {
 public:
  struct Options {
    std::uint64_t seed = 1;
    std::vector<PlatformShape> platforms;
    EngineOptions engine{};
    std::map<std::string, conflict::EntityRulebook, std::less<>> rules = {};
    std::vector<std::string> natural_keys = {"email"};
    bool is_store_far = false;  ///< questions are asked ahead, and windows go on beside transactions
  };
  explicit World(Options options);
  ~World();

  TestClock clock;  ///< all but the engine go by what it would show if nobody set it
  std::unique_ptr<Random> random;
  MemoryStore store;
  TestNetwork network;
  std::vector<std::unique_ptr<TestPlatform>> platforms;
  std::vector<Notice> notices;
  std::vector<std::string> credential_refused;  ///< platforms, as often as the engine asked for a fresh one

  [[nodiscard]] TestPlatform& platform(std::size_t index) { return *platforms[index]; }
  [[nodiscard]] const transform::Mapper& mapper() const { return catalog_->mapper; }
  [[nodiscard]] const std::shared_ptr<const Catalog>& catalog() const noexcept { return catalog_; }
  /// The same platforms under other rules; nothing here follows them.
  [[nodiscard]] std::shared_ptr<const Catalog> catalog_under(
      std::map<std::string, conflict::EntityRulebook, std::less<>> rules) const;

  /// The event that a platform makes of what happened there. Targets: every other platform, unless `targets` says.
  [[nodiscard]] std::shared_ptr<Event> event_of(TestPlatform& platform, const TestPlatform::Told& told) const;
  /// Sends it to the engine at `delay` from now; what one platform says of one record keeps its order.
  void send(std::shared_ptr<Event> event, microseconds delay = {}, std::string idempotency_key = {});
  /// Whether an event about that copy would wait behind others of it.
  [[nodiscard]] bool must_wait(const TenantId& tenant, const PlatformId& source, const std::string& own_id) const {
    return queues_.contains(queue_of(tenant, source, kEntity, own_id));
  }
  /// A duplicate of an earlier event, out of any order.
  void send_again(std::shared_ptr<Event> event, microseconds delay);
  /// Accepts at once and returns the receipts.
  Result<std::vector<Receipt>> accept(std::vector<std::shared_ptr<Event>> events, std::string idempotency_key = {});
  Result<Redriven> redrive(const std::string& event_id);
  Result<Redriven> redrive_all();
  Result<Conflict> decide(ReviewDecision decision);
  /// In one window, together with what else is due.
  std::vector<Result<Conflict>> decide(std::vector<ReviewDecision> decisions);

  Result<Merged> merge(MergeRequest request);
  Result<EventId> undo(UndoRequest request);

  /// Runs engine, network and messages for so long.
  void run_for(microseconds time);
  /// Runs until nothing is under way, parked or to be sent. False if that took too long.
  bool run_until_quiet();
  /// The process ends here and a new one starts on the same store.
  void crash();
  /// Another configuration, without any rules of conflict.
  void reload(const std::vector<PlatformShape>& shapes);
  /// So many of each currency are a dollar from now on.
  void set_rates(const std::map<std::string, std::string>& rates);

  [[nodiscard]] EngineSnapshot snapshot() const { return engine_->snapshot(); }
  [[nodiscard]] const EventState* state_of(const std::string& event_id) const;
  [[nodiscard]] ResultStatus result_of(const std::string& event_id, std::size_t target) const;
  [[nodiscard]] const Record* record_of(std::size_t platform, const std::string& own_id) const;

  /// What went against the rules, empty if nothing did.
  [[nodiscard]] const std::set<std::string>& acknowledged() const noexcept { return accepted_; }
  [[nodiscard]] const std::vector<std::string>& broken() const noexcept { return broken_; }
  void complain(const std::string& what);

  /// Writes a line of the story to standard error if DATASYNC_TRACE is set.
  void trace(const std::string& line) const;

  /// Called after each window that wrote something.
  std::function<void()> on_commit = [] {};
  /// The chance that the process ends after a window.
  double crash_share = 0;
  std::size_t crashes = 0;
  std::size_t accepted = 0;
  std::size_t refused = 0;

 private:
  class Listener;
  struct Queue {
    std::deque<Message> messages;
    bool under_way = false;
  };

  static std::string queue_of(const TenantId& tenant, const PlatformId& source, const std::string& entity,
                              const std::string& own_id) {
    return tenant.str() + source.str() + entity + own_id;
  }
  void start();
  SteadyTime step();
  void send_due();
  void send_now(const std::string& name, Queue& queue);
  [[nodiscard]] std::optional<Timestamp> next_message() const;
  [[nodiscard]] bool is_quiet() const;
  [[nodiscard]] bool is_over(const TenantId& tenant, const std::string& key, const PlatformId& target) const;
  void note_dead_letters();

  EngineOptions engine_options_;
  std::shared_ptr<const Catalog> catalog_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<Random> engine_random_;
  std::unique_ptr<Engine> engine_;
  std::map<std::string, Queue> queues_;
  std::vector<std::string> broken_;
  std::set<std::tuple<TenantId, std::string, PlatformId>> over_;  // keys of dead letters that were redriven
  std::set<std::string> accepted_;                                // ids that were acknowledged: none may be lost
  std::uint64_t next_event_ = 0;
  std::size_t idle_spins_ = 0;
  std::size_t commits_seen_ = 0;
};

}  // namespace datasync::pipeline
