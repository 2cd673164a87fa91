#include "pipeline/engine.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/log.h"
#include "bus/embedded/embedded_bus.h"
#include "pipeline/accept.h"
#include "pipeline/admission.h"
#include "pipeline/callers.h"
#include "pipeline/deliver.h"
#include "pipeline/hand_over.h"
#include "pipeline/inbox.h"
#include "pipeline/ledger.h"
#include "pipeline/operations.h"
#include "pipeline/overflow.h"
#include "pipeline/preview.h"
#include "pipeline/reconcile.h"
#include "pipeline/redrive.h"
#include "pipeline/subjects.h"

namespace datasync::pipeline {
namespace {

constexpr std::size_t kBusyItems = 4;  // a window of so many items is followed by one that waits for company
constexpr milliseconds kSnapshotEvery{50};
constexpr milliseconds kStoreRest{500};  // after a failed transaction, before the next one is tried
constexpr seconds kTidyEvery{1};
constexpr std::int64_t kRetentionBatch = 200;
constexpr std::int64_t kRecoverBatch = 1'000;
constexpr const char* kTooManyRetries = "too many retries are asked for at once; try again later";

}  // namespace

class Engine::Impl {
 public:
  Impl(Parts parts, std::shared_ptr<const Catalog> catalog, EngineOptions options)
      : options_(options),
        store_(parts.store),
        shares_(parts.store.shares()),
        sender_(parts.sender),
        clock_(parts.clock),
        notices_(parts.notices),
        credential_refused_(std::move(parts.credential_refused)),
        uuids_(parts.clock, parts.random),
        catalog_(std::move(catalog)),
        inbox_(options.inbox_max),
        admission_(options.window_events_max),
        subjects_(store_, options.records_cached),
        deliverer_(tools(parts.random), ledger_, subjects_, options_),
        acceptor_(tools(parts.random), ledger_, bus_),
        reconciler_(tools(parts.random), ledger_, subjects_, deliverer_),
        redriver_(tools(parts.random), ledger_, subjects_, deliverer_, bus_),
        overflow_(tools(parts.random), ledger_, deliverer_, redriver_, options_),
        hand_over_(shares_),
        operations_(store_, acceptor_, reconciler_, redriver_, hand_over_) {}

  ~Impl() { stop(milliseconds{0}); }

  void accept(AcceptRequest request) {
    if (unfinished_.load(std::memory_order_relaxed) >= options_.unfinished_max) {
      request.callback(fail(ErrorCode::kOverloaded, "too many events are unfinished; try again later"));
      return;
    }
    if (inbox_.push(request)) return;
    request.callback(inbox_.is_closed()
                         ? fail(stopping())
                         : fail(ErrorCode::kOverloaded, "too many events wait to be stored; try again later"));
  }

  /// Whatever else people ask for.
  template <typename Request>
  void ask(Request request, const char* refusal) {
    if (!inbox_.push(request)) request.callback(fail(ErrorCode::kOverloaded, refusal));
  }

  Result<Preview> preview(storage::Reader& reader, std::shared_ptr<Event> event,
                          std::shared_ptr<const Catalog> catalog) const {
    return pipeline::preview(reader, store_.identity_secret(), clock_, std::move(catalog), std::move(event));
  }

  EngineSnapshot snapshot() const {
    const std::lock_guard lock(shared_mutex_);
    return snapshot_;
  }

  void set_catalog(std::shared_ptr<const Catalog> catalog) {
    const std::lock_guard lock(shared_mutex_);
    catalog_ = std::move(catalog);
  }

  Result<void> recover() {
    forget_all();  // of an attempt to recover that the store ended half-way, too
    Window window = open_window();
    if (shares_ != nullptr) DATASYNC_TRY(shares_->renew_numbers());
    ledger_.start_after(store_.last_sequence());
    DATASYNC_TRY(deliverer_.recover(window));
    Sequence after{};
    std::size_t count = 0;
    while (true) {
      auto unfinished = store_.load_unfinished(after, kRecoverBatch);
      if (!unfinished) return fail(std::move(unfinished).error());
      if (unfinished->empty()) break;
      after = unfinished->back().event->sequence;
      DATASYNC_TRY(redriver_.fetch(*unfinished));
      for (storage::StoredEvent& stored : *unfinished) {
        // Nothing of it is open, and whoever decides finds it in the store.
        if (stored.state.status == EventStatus::kReview) continue;
        if (overflow_.leaves(window, stored)) continue;
        ++count;
        DATASYNC_TRY(redriver_.resume(window, std::move(stored)));
      }
    }
    if (count > 0) log::info("taking up {} unfinished events", count);
    if (overflow_.size() > 0) log::info("{} more wait in the store until there is room", overflow_.size());
    unfinished_.store(ledger_.size(), std::memory_order_relaxed);
    auto reader = store_.make_reader();
    if (!reader) return fail(std::move(reader).error());
    operations_.read_from(std::move(*reader));
    publish_snapshot(window);
    return {};
  }

  void wake() { inbox_.wake(); }

  SteadyTime step() {
    if (const auto former = inbox_.is_committed() ? finish_former() : Result<void>(); !former) {
      Window window = open_window();
      give_up(window, former.error());
    }
    const SteadyTime now = clock_.steady_now();
    if (now >= rest_until_ && hand_over_.is_due(now, deliverer_.in_flight() > 0 && !must_recover_)) hand_over();
    Inbox::Load load = inbox_.take(admission_.limit());
    items_ = load.size();
    Window window = open_window();
    if (window.steady < rest_until_) {
      refuse(std::move(load));
      return rest_until_;
    }
    if (must_recover_ && !recover_again(window)) {
      refuse(std::move(load));
      return rest_until_;
    }
    if (const auto done = run_window(window, load); !done) {
      give_up(window, done.error());
      return rest_until_;
    }
    admission_.window_took(clock_.steady_now() - window.steady, deliverer_.queued());
    return next_due(window);
  }

  Result<void> start() {
    DATASYNC_TRY(recover());
    thread_ = std::thread([this] { run(); });
    return {};
  }

  bool stop(milliseconds deadline) {
    inbox_.close();
    if (!thread_.joinable()) return deliverer_.in_flight() == 0;
    {
      const std::lock_guard lock(shared_mutex_);
      stop_by_ = clock_.steady_now() + deadline;
    }
    stopping_.store(true);
    inbox_.wake();
    thread_.join();
    return deliverer_.in_flight() == 0;
  }

 private:
  Tools tools(Random& random) { return Tools{store_, uuids_, random, clock_, credential_refused_}; }

  Window open_window() const {
    Window window;
    window.now = clock_.now();
    window.steady = clock_.steady_now();
    window.wants_notices = notices_.wants_notices();
    const std::lock_guard lock(shared_mutex_);
    window.catalog = catalog_;
    return window;
  }

  /// A window whose transaction is under way, and what may leave the house after it.
  struct Committing {
    Window window;
    std::vector<Dispatch> dispatches;
    Callers callers;
  };

  /// Works beside the former window's transaction, and begins this one's after it. An error means that this window was
  /// not written; the former one was, unless it is still there.
  Result<void> run_window(Window window, Inbox::Load& load) {
    callers_.take(load);  // first, so that each is answered even if the window is given up half-way
    // Whoever decides looks at what is committed.
    if (load.persons() > 0) DATASYNC_TRY(finish_former());
    auto dispatches = work(window, load);
    DATASYNC_TRY(finish_former());
    if (!dispatches) return fail(std::move(dispatches).error());
    ledger_.stage(window.batch);
    subjects_.stage(window.batch);
    deliverer_.stage(window.batch);
    acceptor_.window_over();
    committing_.emplace(Committing{std::move(window), std::move(*dispatches), std::move(callers_)});
    callers_ = {};
    const storage::WriteBatch& batch = committing_->window.batch;
    const bool goes_on = load.persons() == 0 && goes_on_beside();
    if (!batch.empty())
      DATASYNC_TRY(goes_on ? store_.start_commit(batch, [this] { inbox_.note_committed(true); })
                           : store_.commit(batch));
    return goes_on ? Result<void>() : finish_former();
  }

  /// Whether the next window may be worth beginning before this one is committed: that takes a while, or there is work
  /// already. What lanes remember, and what was set aside, is looked at in the store by the next window.
  [[nodiscard]] bool goes_on_beside() {
    const storage::WriteBatch& batch = committing_->window.batch;
    return store_.is_remote() && !batch.empty() && batch.lane_states.empty() && !overflow_.has_some() &&
           !stopping_.load(std::memory_order_relaxed) &&
           (batch.states.size() >= options_.beside_min || inbox_.waiting() >= options_.beside_min);
  }

  Result<void> finish_former() {
    if (!committing_) return {};
    const auto committed = store_.finish_commit();
    inbox_.note_committed(false);
    DATASYNC_TRY(committed);
    Committing done = std::move(*committing_);
    committing_.reset();
    finish(done);
    return {};
  }

  /// The three verbs. What may leave the house comes back; an error means that the window must be given up.
  Result<std::vector<Dispatch>> work(Window& window, Inbox::Load& load) {
    if (shares_ != nullptr && (load.size() > 0 || has_waiting())) DATASYNC_TRY(shares_->renew_numbers());
    deliverer_.follow_clock(window);
    DATASYNC_TRY(deliverer_.answered(window, load.answers));
    DATASYNC_TRY(acceptor_.look_up(load.accepts));
    for (std::size_t i = 0; i < load.accepts.size(); ++i) {
      auto& [submissions, callback, positions] = load.accepts[i];
      auto& outcome = callers_.accepts[i].outcome;
      if (hand_over_.are_ours(submissions) && hand_over_.are_ours(positions)) {
        outcome = acceptor_.accept(window, submissions);
        auto& taken = window.batch.log_positions;
        taken.insert(taken.end(), positions.begin(), positions.end());
      } else {
        outcome = fail(HandOver::moved());
      }
    }
    DATASYNC_TRY(operations_.run(window, load, callers_));
    DATASYNC_TRY(operations_.expire_reviews(window));
    deliverer_.wake(window);
    accept_made(window);
    DATASYNC_TRY(reconcile_waiting(window));
    std::vector<Dispatch> dispatches;
    if (!stopping_.load(std::memory_order_relaxed) && !hand_over_.is_waiting()) {
      dispatches = deliverer_.launch(window);
      DATASYNC_TRY(overflow_.take_up(window));
    }
    overflow_.set_aside(window);
    return dispatches;
  }

  /// Where the store is far, all that wait are read first, and what they need is fetched at once.
  Result<void> reconcile_waiting(Window& window) {
    const std::size_t turns_max = subjects_.fetches_ahead() ? options_.window_events_max : 1;
    std::size_t left = options_.window_events_max;
    for (;;) {
      readings_.clear();
      for (; readings_.size() < turns_max && left > 0; --left) {
        const auto next = bus_.pop(window.steady);
        if (!next) break;
        Entry* entry = ledger_.find(next->sequence);
        if (entry != nullptr) readings_.push_back(Reconciler::read(window, *entry));
      }
      if (readings_.empty()) return {};
      if (subjects_.fetches_ahead()) DATASYNC_TRY(reconciler_.fetch(window, readings_));
      for (Reading& reading : readings_) {
        DATASYNC_TRY(reconciler_.reconcile(window, reading));
        accept_made(window);
      }
    }
  }

  /// The window is durable: memory follows, clients are answered, requests leave, listeners hear.
  void finish(Committing& done) {
    Window& window = done.window;
    ledger_.committed();
    if (!window.batch.lane_states.empty()) deliverer_.committed();
    unfinished_.store(ledger_.size(), std::memory_order_relaxed);
    done.callers.answer_all();
    send(std::move(done.dispatches));
    if (!window.notices.empty()) notices_.publish(std::move(window.notices));
    subjects_.trim();
    tidy_up(window);
    if (items_ < kBusyItems || window.steady >= snapshot_at_ + kSnapshotEvery) publish_snapshot(window);
  }

  void send(std::vector<Dispatch> dispatches) {
    if (dispatches.empty()) return;
    std::vector<net::ClientCall> calls;
    calls.reserve(dispatches.size());
    const SteadyTime leaves = clock_.steady_now();
    for (Dispatch& dispatch : dispatches) {
      const auto hear = [this, leaves, id = dispatch.id, changes = dispatch.changes](net::ClientResult answer) {
        inbox_.push(TargetAnswer{id, std::move(answer), clock_.steady_now() - leaves, changes});
      };
      calls.push_back({std::move(dispatch.request), hear});
    }
    sender_.send_all(std::move(calls));
  }

  void give_up(Window& window, const Error& error) {
    const bool moved = error.code == ErrorCode::kMoved;
    if (moved) {
      log::warning("a transaction was given up: {}", error.message);
    } else {
      log::error("a transaction was given up: {} ({}); nothing is stored until it takes writes again", error.message,
                 error.detail);
    }
    rest_until_ = moved ? window.steady : window.steady + kStoreRest;
    must_recover_ = true;
    refusal_ = refusal_for(error);
    if (committing_) committing_->callers.refuse_all(refusal_);
    committing_.reset();
    callers_.refuse_all(refusal_);
    forget_all();
    publish_snapshot(window);
  }

  void forget_all() {
    bus_.clear();
    deliverer_.clear();
    ledger_.clear();
    subjects_.clear();
    acceptor_.clear();
    overflow_.clear();
  }

  /// As a crash and a start, but for those who ask meanwhile: they wait, and what is not ours any more they are told.
  void hand_over() {
    hand_over_.done();
    Window window = open_window();
    if (const auto former = finish_former(); !former) give_up(window, former.error());
    forget_all();
    auto changed = shares_->change();
    if (changed) changed = recover();
    if (!changed) {
      must_recover_ = true;
      refusal_ = refusal_for(changed.error());
      rest_until_ = clock_.steady_now() + kStoreRest;
      log::error("the shards could not be taken up: {} ({})", changed.error().message, changed.error().detail);
      publish_snapshot(window);
    } else if (must_recover_) {
      is_well_again();
    }
  }

  void is_well_again() {
    log::info("the store takes events again");
    must_recover_ = false;
    refusal_ = {};
    rest_until_ = {};
  }

  /// The write comes first: a full disk can be read all the same, and were that enough, /health would say well until
  /// the next event is refused.
  bool recover_again(const Window& window) {
    auto recovered = store_.commit({});
    if (recovered) recovered = recover();
    if (!recovered) {
      const Error& error = recovered.error();
      if (error.message != refusal_.message)
        log::error("the store is not well yet: {} ({})", error.message, error.detail);
      refusal_ = refusal_for(error);
      rest_until_ = window.steady + kStoreRest;
      return false;
    }
    is_well_again();
    return true;
  }

  void refuse(Inbox::Load load) { refuse(std::move(load), refusal_); }

  static void refuse(Inbox::Load load, const Error& error) {
    Callers callers;
    callers.take(load);
    callers.refuse_all(error);
  }

  [[nodiscard]] Error stopping() const {
    const bool goes_on_elsewhere = shares_ != nullptr;  // or will, soon
    return {goes_on_elsewhere ? ErrorCode::kMoved : ErrorCode::kUnavailable, "the service is stopping"};
  }

  void accept_made(Window& window) {
    for (auto& made : window.made_events) acceptor_.accept_own(window, std::move(made));
    window.made_events.clear();
  }

  void tidy_up(const Window& window) {
    if (window.steady < tidy_at_ || items_ >= options_.window_events_max) return;
    if (items_ == 0) store_.maintain();
    const auto deleted = store_.delete_finished(window.now - options_.retention, kRetentionBatch);
    if (!deleted) log::warning("old events could not be deleted: {}", deleted.error().message);
    const bool more = deleted && *deleted == kRetentionBatch;
    tidy_at_ = window.steady + (more ? milliseconds{50} : milliseconds{kTidyEvery});
  }

  void publish_snapshot(const Window& window) {
    EngineSnapshot fresh;
    fresh.waiting = bus_.depth();
    fresh.set_aside = overflow_.size();
    fresh.unfinished = ledger_.size() + overflow_.size();
    fresh.store_healthy = !must_recover_;
    fresh.store_message = refusal_.message;
    deliverer_.describe(fresh, window);
    fresh.retry += overflow_.size();
    snapshot_at_ = window.steady;
    const std::lock_guard lock(shared_mutex_);
    snapshot_ = std::move(fresh);
  }

  [[nodiscard]] bool has_waiting() const { return bus_.depth() != std::array<std::size_t, kPriorityCount>{}; }

  SteadyTime next_due(const Window& window) const {
    if (committing_) return window.steady;
    if (has_waiting()) return window.steady;
    return std::min(
        {deliverer_.next_due(window.steady), overflow_.next_due(window), std::max(tidy_at_, window.steady)});
  }

  void run() {
    while (true) {
      const SteadyTime began = clock_.steady_now();
      SteadyTime due = step();
      if (committing_) {  // what comes in is worked on meanwhile
        inbox_.wait_for_much(options_.beside_min);
        continue;
      }
      due = std::min(due, hand_over_.look_again(began));
      if (stopping_.load()) {
        const std::lock_guard lock(shared_mutex_);
        if (deliverer_.in_flight() == 0 || clock_.steady_now() >= stop_by_) break;
      }
      if (items_ >= kBusyItems) {
        inbox_.wait_for_company(std::min(due, began + options_.window), options_.window_events_max);
      } else {
        inbox_.wait_for_work(stopping_.load() ? std::min(due, began + milliseconds{20}) : due);
      }
    }
    // What came in beside the last window. Who asked may be gone once the engine is.
    while (inbox_.waiting() > 0) refuse(inbox_.take(options_.inbox_max), stopping());
  }

  const EngineOptions options_;
  storage::Store& store_;
  storage::Shares* const shares_;  // null: all tenants are ours
  net::HttpSender& sender_;
  const Clock& clock_;
  NoticeSink& notices_;
  const std::function<void(const PlatformId&)> credential_refused_;
  UuidGenerator uuids_;

  mutable std::mutex shared_mutex_;  // guards what other threads see: catalog, snapshot, stop_by_
  std::shared_ptr<const Catalog> catalog_;
  EngineSnapshot snapshot_;
  SteadyTime stop_by_{};
  std::atomic<std::size_t> unfinished_{0};
  std::atomic<bool> stopping_{false};

  Inbox inbox_;
  Admission admission_;
  bus::EmbeddedBus bus_;
  Ledger ledger_;
  Subjects subjects_;
  Deliverer deliverer_;
  Acceptor acceptor_;
  Reconciler reconciler_;
  Redriver redriver_;
  Overflow overflow_;
  HandOver hand_over_;
  Operations operations_;
  std::vector<Reading> readings_;  // of the window that is under way
  Callers callers_;                // of that window
  std::optional<Committing> committing_;
  std::size_t items_ = 0;
  SteadyTime rest_until_{};
  SteadyTime tidy_at_{};
  SteadyTime snapshot_at_{};
  bool must_recover_ = false;
  Error refusal_;  // why the store takes nothing, while `must_recover_`
  std::thread thread_;
};

Engine::Engine(Parts parts, std::shared_ptr<const Catalog> catalog, EngineOptions options)
    : impl_(std::make_unique<Impl>(std::move(parts), std::move(catalog), options)) {}
Engine::~Engine() = default;

void Engine::accept(std::vector<Submission> submissions, AcceptCallback callback) {
  impl_->accept({std::move(submissions), std::move(callback)});
}
void Engine::accept_logged(std::vector<Submission> submissions, std::vector<storage::LogPosition> positions,
                           AcceptCallback callback) {
  impl_->accept({std::move(submissions), std::move(callback), std::move(positions)});
}
void Engine::redrive(storage::Reader::Tenants tenants, std::string event_id, RedriveCallback callback) {
  impl_->ask(RedriveRequest{std::move(tenants), std::move(event_id), {}, std::move(callback)}, kTooManyRetries);
}
void Engine::redrive(storage::Reader::EventFilter filter, RedriveCallback callback) {
  impl_->ask(RedriveRequest{{}, {}, std::move(filter), std::move(callback)}, kTooManyRetries);
}
void Engine::decide(ReviewDecision decision, ReviewCallback callback) {
  impl_->ask(ReviewRequest{std::move(decision), std::move(callback)},
             "too many decisions are made at once; try again later");
}
void Engine::undo(UndoRequest request, UndoCallback callback) {
  impl_->ask(UndoAsked{std::move(request), std::move(callback)},
             "too many events are taken back at once; try again later");
}
void Engine::merge(MergeRequest request, MergeCallback callback) {
  impl_->ask(MergeAsked{std::move(request), std::move(callback)},
             "too many records are merged at once; try again later");
}
Result<Preview> Engine::preview(storage::Reader& reader, std::shared_ptr<Event> event,
                                std::shared_ptr<const Catalog> catalog) const {
  return impl_->preview(reader, std::move(event), std::move(catalog));
}
EngineSnapshot Engine::snapshot() const {
  return impl_->snapshot();
}
void Engine::set_catalog(std::shared_ptr<const Catalog> catalog) {
  impl_->set_catalog(std::move(catalog));
}
Result<void> Engine::recover() {
  return impl_->recover();
}
void Engine::wake() {
  impl_->wake();
}
SteadyTime Engine::step() {
  return impl_->step();
}
Result<void> Engine::start() {
  return impl_->start();
}
bool Engine::stop(milliseconds deadline) {
  return impl_->stop(deadline);
}

}  // namespace datasync::pipeline
