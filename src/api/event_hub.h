#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "api/stats.h"
#include "api/subscription.h"
#include "api/work_pool.h"
#include "base/time.h"
#include "net/websocket.h"
#include "pipeline/notice.h"

namespace datasync::api {

struct LiveClient;

/// Tells WebSocket clients and the statistics what has become durable. The engine hands a window's notices over and
/// goes on; a thread of the hub's own renders each once and shares the text among all clients that want it.
///
/// A client that resumes from a cursor first gets what the store has after it (`event_created`, and `sync_completed`
/// where it has ended), then, without a gap, what comes: see `LiveClient`. So does one that falls behind, by a burst or
/// because it reads too slowly: from there on it reads from the store, page by page, as its queue empties. One that
/// does not read at all answers no ping either, and is closed for that.
///
/// Limits:   notices waiting (more are dropped, and every client reads the gap from the store), clients.
/// Lifetime: clock and stats are borrowed. Callbacks of peers lead here: stop the server and the I/O threads first.
/// Threads:  any; start and stop belong to one owner.
class EventHub final : public pipeline::NoticeSink {
 public:
  struct Options {
    std::size_t notices_max = 200'000;
    std::size_t clients_max = 5'000;
    std::size_t replay_page = 200;                   ///< events read at a time for a client that resumes
    std::size_t replay_queue_bytes = 512 * 1024;     ///< a client with more to be sent gets no next page yet
    std::size_t live_queue_bytes = 2 * 1024 * 1024;  ///< a client with more to be sent has fallen behind
    milliseconds tick{50};                           ///< how often resuming clients are looked after
    /// True while other instances write beside this one: numbers come a little out of order then, so who resumes is
    /// told the last seconds again rather than nothing of them. None: never.
    std::function<bool()> is_shared = {};
    /// Told whether there are clients, when one comes or goes. Must not block.
    std::function<void(bool)> clients_changed = {};
  };
  EventHub(const Clock& clock, Stats& stats) : EventHub(clock, stats, Options{}) {}
  EventHub(const Clock& clock, Stats& stats, Options options);
  ~EventHub() override;

  /// `last` is the store's newest event: live updates begin behind it.
  void start(Sequence last = {});
  /// Delivers what was published, closes every client with 1001 and ends the thread.
  void stop();

  /// True: the statistics want all.
  [[nodiscard]] bool wants_notices() const noexcept override { return true; }
  void publish(std::vector<pipeline::Notice> notices) override;
  /// What another instance has made durable: for the clients here, and not in the statistics, which are its own.
  /// `has_gap`: some could not be told before these.
  void publish_of_others(std::vector<pipeline::Notice> notices, bool has_gap);

  /// Callbacks for the upgrade of a new client's connection; `attach` follows with the peer that it made. None where
  /// there are too many clients. `pool` is where it reads what it missed.
  [[nodiscard]] std::shared_ptr<LiveClient> make_client(std::shared_ptr<const security::Caller> caller,
                                                        Subscription subscription, WorkPool& pool);
  [[nodiscard]] net::WebSocketCallbacks callbacks_of(const std::shared_ptr<LiveClient>& client);
  void attach(const std::shared_ptr<LiveClient>& client, std::shared_ptr<net::WebSocketPeer> peer);

  [[nodiscard]] std::size_t clients() const;
  /// Notices that were dropped since nobody took them in time.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

 private:
  using Clients = std::vector<std::shared_ptr<LiveClient>>;

  void run();
  void dispatch(const std::vector<pipeline::Notice>& notices, const Clients& clients);
  [[nodiscard]] bool is_shared() const { return options_.is_shared && options_.is_shared(); }
  void fall_behind(LiveClient& client);
  void look_after(const Clients& clients);
  void replay(const std::shared_ptr<LiveClient>& client);
  void read_page(const std::shared_ptr<LiveClient>& client, const WorkPool::GetReader& get_reader);
  void subscribe(LiveClient& client, Subscription subscription);
  void on_message(const std::shared_ptr<LiveClient>& client, const std::string& text);
  void detach(const LiveClient* client);

  const Clock& clock_;
  Stats& stats_;
  const Options options_;
  mutable std::mutex mutex_;  // of the members up to `stopping_`
  std::condition_variable wake_;
  std::vector<pipeline::Notice> queue_;
  std::vector<pipeline::Notice> others_;  // notices of other instances
  Clients clients_;
  bool overflowed_ = false;
  bool stopping_ = false;
  /// The newest event whose creation has begun to be told. Raised before any client hears of it.
  std::atomic<std::int64_t> told_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<int> replaying_{0};
  std::thread thread_;
};

}  // namespace datasync::api
