#pragma once

#include <boost/unordered/unordered_flat_map.hpp>

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "delivery/retry_plan.h"
#include "net/http_client.h"
#include "pipeline/engine.h"
#include "pipeline/inbox.h"
#include "pipeline/lane.h"
#include "pipeline/ledger.h"
#include "pipeline/subjects.h"
#include "pipeline/suspensions.h"
#include "pipeline/window.h"
#include "security/verification_token.h"

namespace datasync::pipeline {

/// A request that may leave once the window is durable.
struct Dispatch {
  std::int64_t id = 0;
  PlatformId target;
  net::ClientRequest request;
  std::size_t changes = 1;  ///< that it says
};

/// The third verb. Keeps the lanes, says to each target what it lacks, and learns from the answers.
/// Threads: the engine's.
class Deliverer {
 public:
  Deliverer(Tools tools, Ledger& ledger, Subjects& subjects, const EngineOptions& options);

  /// The event waits for the target to hold the record; its result is pending.
  void enqueue(Window& window, Outbox& outbox, Entry& entry);
  /// The wall clock may have been set back since the window before. Before anything else.
  void follow_clock(const Window& window);
  /// Parked changes whose time has come go back to their lanes.
  void wake(Window& window);
  /// Fills the free room of all lanes, lane by lane in turns. The requests leave after the commit.
  [[nodiscard]] std::vector<Dispatch> launch(Window& window);
  /// The answers to requests. Unknown ids (of before a reset) are ignored. Errors: of the store's reads.
  [[nodiscard]] Result<void> answered(Window& window, std::span<const TargetAnswer> answers);

  /// Takes up a result that was open when the process ended.
  [[nodiscard]] Result<void> resume(Window& window, Entry& entry, Subject& subject, DeliveryResult& result);

  /// A change to that target that lingered when the process ended lingers on, or is over by now. Before its target's
  /// news is judged.
  [[nodiscard]] Result<void> recall(Window& window, Subject& subject, const PlatformId& target);

  // A record is to become part of another.

  /// The target that a change of the record is on its way to, or may still arrive at; none: the record stands still.
  [[nodiscard]] std::optional<PlatformId> moves_towards(const Window& window, Subject& subject) const;
  /// What waits for targets as news of one record waits as news of another from now on. The record stands still.
  void hand_over(Window& window, Subject& from, Subject& to);

  /// A person asked for it: what keeps the tenant's changes of that entity from the target is tried anew.
  void lift(const TenantId& tenant, const PlatformId& target, std::string_view entity);
  /// A parked change is tried now: a person asked for it.
  void hasten(Window& window, Outbox& outbox);

  // Memory has room for `kept` events that wait, of which each lane that is in use may have an equal share.

  /// Lets go of up to `count` events that wait, of the fullest lanes first and there of those that would go last. From
  /// this transaction on they wait in the store. Never of an event that a lane within its share still has to send: the
  /// outage of one target keeps nothing from another. Nor of what may have arrived. Returns how many.
  std::size_t set_aside(Window& window, std::size_t count, std::size_t kept);
  /// Notes that the event stays in the store. False if it can't: a target of it is configured no longer.
  [[nodiscard]] bool leave(const Window& window, const storage::StoredEvent& stored);
  /// Where to look for events to take up; none if no lane for which some wait has room.
  [[nodiscard]] std::optional<Sequence> look_from(const Window& window, std::size_t kept);
  /// Whether a lane has room for the event, found by that look; to be resumed if so.
  [[nodiscard]] bool takes_up(const Window& window, const storage::StoredEvent& stored);
  /// The look ended at `last`; none: there is no more. False if nothing is left for any lane.
  bool looked(std::optional<Sequence> last);
  /// When something in the store is due that is not to go for long.
  [[nodiscard]] SteadyTime next_set_aside_due() const;

  /// Takes up what lanes remember over a restart. Before anything is resumed.
  [[nodiscard]] Result<void> recover(const Window& window);
  /// Puts what lanes must remember into the transaction.
  void stage(storage::WriteBatch& batch) const;
  void committed() noexcept;

  /// When something parked, suspended or gathered is due, at the latest.
  [[nodiscard]] SteadyTime next_due(SteadyTime now) const;
  /// Changes that wait in the lanes after the last `launch`.
  [[nodiscard]] std::size_t queued() const noexcept { return queued_; }
  [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_.size(); }
  void describe(EngineSnapshot& snapshot, const Window& window) const;
  void clear();

 private:
  struct InFlight {
    Lane* lane = nullptr;
    OriginState* origin = nullptr;  // the lane may lead elsewhere when the answer comes
    std::vector<Outbox*> outboxes;
    delivery::CircuitBreaker::Permit lane_permit{};
    delivery::CircuitBreaker::Permit origin_permit{};
  };
  struct Permits {
    delivery::CircuitBreaker::Permit lane;
    delivery::CircuitBreaker::Permit origin;
  };

  void queue(Window& window, Outbox& outbox, bool first);
  [[nodiscard]] std::size_t share_of(std::size_t kept) const;
  void count_events(const std::vector<Lane*>& lanes, SteadyTime now);
  using LastFirst = std::map<const Lane*, std::vector<Outbox*>>;  // to find in: addresses have no order
  [[nodiscard]] LastFirst last_first(SteadyTime now) const;
  bool let_go(Window& window, Entry& entry, Subject& subject, std::size_t share);
  void rest(Window& window, Outbox& outbox);
  /// Whether the lane may send now; a granted trial must be used or given back.
  [[nodiscard]] std::optional<Permits> ask(Lane& lane, const Window& window);
  static void give_back(Lane& lane, const Permits& permits);
  /// Takes a batch from the lane and builds its request; none if there is nothing to send after all, or it gathers.
  std::optional<Dispatch> launch_from(Window& window, Lane& lane, const Permits& permits);
  [[nodiscard]] bool must_gather(Window& window, Lane& lane, const delivery::Connector& connector) const;
  [[nodiscard]] std::vector<Outbox*> gather(Window& window, Lane& lane, const delivery::Connector& connector);

  [[nodiscard]] SteadyTime may_arrive_until(const Outbox& outbox) const;
  void linger(Window& window, Outbox& outbox, SteadyTime until);
  void end_lingering(Window& window, Outbox& outbox);
  void end_former(const Window& window, Subject& subject, const PlatformId& target);
  /// Makes sure that the outbox has an attempt to send: the frozen one, or a new one. False if nothing is to be sent.
  bool prepare(Window& window, Outbox& outbox);
  /// Freezes what `record` says to the target: the fields `said`, a deletion first. Errors: `kInvalid` where it can't
  /// be said (no rate of exchange).
  [[nodiscard]] Result<std::unique_ptr<Attempt>> compose(const Catalog& catalog, const Outbox& outbox,
                                                         const Entry& newest, const Record& record, Verb verb,
                                                         std::vector<OwnId> ids,
                                                         const std::vector<const FieldState*>& said);
  [[nodiscard]] Result<std::unique_ptr<Attempt>> compose_again(const Catalog& catalog, const Outbox& outbox,
                                                               const Entry& entry, RecordVersion version);
  [[nodiscard]] bool is_current(const Catalog& catalog, Outbox& outbox);
  void cannot_build(Window& window, const std::vector<Outbox*>& outboxes, const Error& error);
  void renew_key(Outbox& outbox);
  void drop_attempt(Window& window, Outbox& outbox);
  void doubt_sent(Window& window, Subject& subject, const Attempt& attempt);
  void mark_attempted(Outbox& outbox, Timestamp now);

  using Outcomes = std::vector<delivery::Outcome>;
  [[nodiscard]] Outcomes read(const Window& window, const TargetAnswer& answer) const;
  [[nodiscard]] Result<void> fetch_learned(std::span<const TargetAnswer> answers, std::span<const Outcomes> outcomes);
  [[nodiscard]] Result<void> hear(Window& window, const TargetAnswer& answer, Outcomes outcomes);
  [[nodiscard]] Result<void> settle(Window& window, Outbox& outbox, const delivery::Outcome& outcome);
  [[nodiscard]] Result<Subject*> whose_copy(const Outbox& outbox, const delivery::Outcome& outcome) const;
  void answered_for_another(Window& window, Outbox& outbox, const delivery::Outcome& outcome, Subject& other);
  [[nodiscard]] Result<void> learn(Window& window, Outbox& outbox, const delivery::Outcome& outcome);
  void ask_whether_one(Window& window, Outbox& outbox, Subject& other);
  void delivered(Window& window, Outbox& outbox);
  void hold_sent(Window& window, Outbox& outbox);
  bool deleted(Window& window, Outbox& outbox);
  void forget_words(const Outbox& outbox);
  void never_arrived(Window& window, Outbox& outbox);
  bool lost(Window& window, Outbox& outbox);
  void found_no_address(Window& window, Outbox& outbox);
  void refused(Window& window, Outbox& outbox, const delivery::Outcome& outcome);
  void moved_on(Window& window, Outbox& outbox, const delivery::Outcome& outcome);
  /// When a refused delivery is tried again; none: it is a dead letter.
  [[nodiscard]] std::optional<Timestamp> next_retry(const Window& window, const delivery::Outcome& outcome,
                                                    const Entry& entry, const DeliveryResult& result) const;
  using NextAttempt = std::function<std::optional<Timestamp>(const Entry&, DeliveryResult&)>;
  /// `gives_up`: the words of this attempt are not said again.
  void put_off(Window& window, Outbox& outbox, const std::string& message, bool gives_up,
               const NextAttempt& next_attempt);
  void rejected(Window& window, Outbox& outbox, const std::string& message);
  void park(Outbox& outbox, SteadyTime due);
  /// When a result that the store kept is due. What lies too far ahead was written before the wall clock was set back:
  /// it waits no longer than its plan could have asked for.
  [[nodiscard]] SteadyTime due_of(const Window& window, const Lane& lane, const DeliveryResult& result) const;
  /// After a change was settled: the events that came meanwhile, if any, are next.
  void go_on(Window& window, Outbox& outbox);

  /// Ends the results of the first `count` events that wait.
  void close_results(Window& window, Outbox& outbox, std::size_t count, ResultStatus status,
                     const std::string& message);
  void update_status(Window& window, Entry& entry);
  void follow(const Window& window);
  void tell_of_circuit(const OriginState& origin);
  void judge_pace(Lane& lane, const delivery::Outcome& outcome, SteadyTime now);
  void judge_credential(Lane& lane, const delivery::Outcome& outcome, SteadyTime now);
  void suspend(const Window& window, const Outbox& outbox);
  /// True, and its change is a dead letter, if the target no longer serves changes of its kind.
  bool is_suspended(Window& window, Outbox& outbox);

  Tools tools_;
  Ledger& ledger_;
  Subjects& subjects_;
  const EngineOptions& options_;
  delivery::RetryPlan retry_plan_;
  security::VerificationTokens verification_tokens_;
  Lanes lanes_;
  Suspensions suspensions_;
  std::shared_ptr<const Catalog> followed_;  ///< lanes lead where it says
  std::multimap<SteadyTime, Outbox*> parked_;
  boost::unordered_flat_map<std::int64_t, InFlight> in_flight_;
  std::int64_t last_request_ = 0;
  SteadyTime former_arrive_until_{};  ///< what was under way before the last `recover` may arrive until then
  Timestamp last_now_{};
  std::size_t queued_ = 0;
  std::optional<SteadyTime> gathering_until_;  ///< the first batch that stops waiting for company
  std::optional<SteadyTime> blocked_until_;    ///< the first rest of a lane or an origin that ends
};

}  // namespace datasync::pipeline
