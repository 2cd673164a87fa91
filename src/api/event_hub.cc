#include "api/event_hub.h"

#include <pthread.h>

#include <algorithm>

#include "base/log.h"
#include "domain/json.h"

namespace datasync::api {

using pipeline::Notice;
using Text = std::shared_ptr<const std::string>;

/// One WebSocket client.
///
/// While it reads what it missed, creations that are told live are left out, since the store will show them, and all
/// else is held back. It turns live when a page of the store came back short and no creation was told since that page
/// was asked for: every earlier one was in a page, every later one will be told. `cursor` then keeps out what came by
/// both ways. Where other instances write, too, the cursor can't tell that: creations are held back as all else is, and
/// what came by both ways is told twice.
struct LiveClient {
  std::shared_ptr<const security::Caller> caller;
  WorkPool* pool = nullptr;
  std::mutex mutex;  // of what follows
  std::shared_ptr<net::WebSocketPeer> peer;
  Subscription subscription;
  std::int64_t cursor = 0;  // events up to it are known to the client, or not wanted
  bool live = true;
  bool reading = false;  // a page is being read
  bool closed = false;
  bool gap = false;  // more was held back than fits
  std::vector<Text> held;

  static constexpr std::size_t kHeldMax = 4'096;

  void send(Text text) {
    if (peer && !closed) peer->send(std::move(text));
  }
  void hold(Text text) {
    if (held.size() < kHeldMax) {
      held.push_back(std::move(text));
    } else {
      gap = true;
    }
  }
};

namespace {

Text share(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

/// One message to be told, rendered for the first client that wants it.
struct Message {
  LiveType type;
  const Notice* notice;
  Text text = {};
};

/// Numbers of instances that write at the same time lie so far apart at most: each reserves 65,536 a second.
constexpr std::int64_t kDisorder = 64 * 65'536;

std::vector<Message> messages_of(const std::vector<Notice>& notices) {
  std::vector<Message> messages;
  messages.reserve(notices.size());
  for (const Notice& notice : notices) {
    for (const LiveType type : types_of(notice)) messages.push_back({type, &notice});
  }
  return messages;
}

Text render_problem(const Problem& problem) {
  std::string text = R"({"type":"error","detail":)";
  append_json_string(text, problem.detail);
  return share(text + '}');
}

}  // namespace

EventHub::EventHub(const Clock& clock, Stats& stats, Options options)
    : clock_(clock), stats_(stats), options_(options) {}

EventHub::~EventHub() {
  stop();
}

void EventHub::start(Sequence last) {
  told_.store(last.value);
  stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void EventHub::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
  Clients clients;
  {
    const std::lock_guard lock(mutex_);
    clients.swap(clients_);
  }
  for (const auto& client : clients) {
    const std::lock_guard lock(client->mutex);
    if (client->peer && !client->closed) client->peer->close(1001, "the service is stopping");
    client->closed = true;
    client->peer.reset();  // its callbacks hold the client
  }
}

void EventHub::publish(std::vector<Notice> notices) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() + notices.size() > options_.notices_max) {
      overflowed_ = true;
      dropped_.fetch_add(notices.size(), std::memory_order_relaxed);
      return;
    }
    if (queue_.empty()) {
      queue_ = std::move(notices);
    } else {
      queue_.insert(queue_.end(), std::make_move_iterator(notices.begin()), std::make_move_iterator(notices.end()));
    }
  }
  wake_.notify_one();
}

void EventHub::publish_of_others(std::vector<Notice> notices, bool has_gap) {
  {
    const std::lock_guard lock(mutex_);
    overflowed_ = overflowed_ || has_gap;
    if (others_.size() + notices.size() > options_.notices_max) {
      overflowed_ = true;
      dropped_.fetch_add(notices.size(), std::memory_order_relaxed);
      return;
    }
    others_.insert(others_.end(), std::make_move_iterator(notices.begin()), std::make_move_iterator(notices.end()));
  }
  wake_.notify_one();
}

void EventHub::run() {
  pthread_setname_np(pthread_self(), "event-hub");
  constexpr milliseconds kIdle{1'000};
  for (;;) {
    std::vector<Notice> notices;
    std::vector<Notice> others;
    Clients clients;
    bool stopping = false;
    bool overflowed = false;
    {
      std::unique_lock lock(mutex_);
      const milliseconds wait = replaying_.load(std::memory_order_relaxed) > 0 ? options_.tick : kIdle;
      wake_.wait_for(lock, wait, [this] { return stopping_ || !queue_.empty() || !others_.empty(); });
      notices.swap(queue_);
      others.swap(others_);
      clients = clients_;
      stopping = stopping_;
      overflowed = std::exchange(overflowed_, false);
    }
    if (!notices.empty()) {
      stats_.add(notices, clock_.now());
      dispatch(notices, clients);
    }
    if (!others.empty()) dispatch(others, clients);
    if (overflowed) {
      log::warning("live updates: notices came faster than they could be told; clients read the gap from the store");
      for (const auto& client : clients) {
        const std::lock_guard lock(client->mutex);
        fall_behind(*client);
      }
    }
    if (stopping) return;
    look_after(clients);
  }
}

void EventHub::dispatch(const std::vector<Notice>& notices, const Clients& clients) {
  for (const Notice& notice : notices) {
    if (notice.kind != Notice::Kind::kEventCreated) continue;
    told_.store(std::max(told_.load(), notice.event->sequence.value));
  }
  std::vector<Message> messages = messages_of(notices);
  const bool shared = is_shared();
  for (const auto& client : clients) {
    const std::lock_guard lock(client->mutex);
    if (client->closed) continue;
    for (Message& message : messages) {
      if (client->peer && client->peer->queued_bytes() > options_.live_queue_bytes) fall_behind(*client);
      if (message.type == LiveType::kEventCreated) {
        const std::int64_t sequence = message.notice->event->sequence.value;
        if (!shared && (!client->live || sequence <= client->cursor)) continue;
        if (client->live) client->cursor = std::max(client->cursor, sequence);
      }
      if (!client->subscription.wants_notice(message.type, *message.notice)) continue;
      if (!message.text) message.text = share(render_notice(message.type, *message.notice));
      client->live ? client->send(message.text) : client->hold(message.text);
    }
  }
}

/// With the client's lock held.
void EventHub::fall_behind(LiveClient& client) {
  if (!std::exchange(client.live, false)) return;
  replaying_.fetch_add(1, std::memory_order_relaxed);
  if (is_shared()) client.cursor = std::max<std::int64_t>(0, client.cursor - kDisorder);
}

/// Sends on those that resume, and ends those whose token has run out.
void EventHub::look_after(const Clients& clients) {
  const Timestamp now = clock_.now();
  for (const auto& client : clients) {
    bool resume = false;
    {
      const std::lock_guard lock(client->mutex);
      if (client->closed || !client->peer) continue;
      if (client->caller->expires_at <= now) {
        client->peer->close(1008, "the token has expired");
        client->closed = true;
        continue;
      }
      resume = !client->live && !client->reading && client->peer->queued_bytes() < options_.replay_queue_bytes;
      if (resume) client->reading = true;
    }
    if (resume) replay(client);
  }
}

void EventHub::replay(const std::shared_ptr<LiveClient>& client) {
  WorkPool::Job job = [this, client](const WorkPool::GetReader& reader) { read_page(client, reader); };
  if (client->pool->post(job)) return;
  const std::lock_guard lock(client->mutex);
  client->reading = false;  // the pool is full: the next tick tries again
}

void EventHub::read_page(const std::shared_ptr<LiveClient>& client, const WorkPool::GetReader& get_reader) {
  Subscription subscription;
  std::int64_t after = 0;
  {
    const std::lock_guard lock(client->mutex);
    subscription = client->subscription;
    after = client->cursor;
  }
  const std::int64_t told_before = told_.load();
  const auto reader = get_reader();
  const auto page = reader ? (*reader)->events_after(subscription.tenants, Sequence{after},
                                                     static_cast<std::int64_t>(options_.replay_page))
                           : fail(reader.error());
  const std::lock_guard lock(client->mutex);
  client->reading = false;
  if (!page) return client->send(render_problem({503, page.error().message}));
  if (client->closed || client->live || client->cursor != after) return;  // it subscribed anew meanwhile
  for (const storage::StoredEvent& stored : *page) {
    client->cursor = std::max(client->cursor, stored.event->sequence.value);
    if (!subscription.wants_event(*stored.event)) continue;
    if (subscription.wants(LiveType::kEventCreated)) {
      client->send(share(render_created(*stored.event, stored.state.status)));
    }
    if (is_final(stored.state.status) && subscription.wants(LiveType::kSyncCompleted)) {
      client->send(share(render_completed(*stored.event, stored.state)));
    }
  }
  if (page->size() >= options_.replay_page) return;
  client->cursor = std::max(client->cursor, told_before);
  if (told_.load() > client->cursor) return;
  client->live = true;
  replaying_.fetch_sub(1, std::memory_order_relaxed);
  for (Text& text : client->held) client->send(std::move(text));
  client->held.clear();
  if (std::exchange(client->gap, false)) {
    client->send(
        share(R"({"type":"gap","detail":"some completions came too fast to be kept; read what matters again"})"));
  }
}

std::shared_ptr<LiveClient> EventHub::make_client(std::shared_ptr<const security::Caller> caller,
                                                  Subscription subscription, WorkPool& pool) {
  auto client = std::make_shared<LiveClient>();
  client->caller = std::move(caller);
  client->pool = &pool;
  client->subscription = std::move(subscription);
  const std::lock_guard lock(mutex_);
  if (stopping_ || clients_.size() >= options_.clients_max) return nullptr;
  clients_.push_back(client);
  if (options_.clients_changed) options_.clients_changed(true);
  return client;
}

net::WebSocketCallbacks EventHub::callbacks_of(const std::shared_ptr<LiveClient>& client) {
  net::WebSocketCallbacks callbacks;
  callbacks.on_message = [this, client](net::WebSocketPeer&, const std::string& text) { on_message(client, text); };
  callbacks.on_close = [this, client](net::WebSocketPeer&, std::uint16_t) {
    {
      const std::lock_guard lock(client->mutex);
      client->closed = true;
      client->peer.reset();
      client->held.clear();
      if (!client->live) replaying_.fetch_sub(1, std::memory_order_relaxed);
      client->live = true;
    }
    detach(client.get());
  };
  return callbacks;
}

void EventHub::attach(const std::shared_ptr<LiveClient>& client, std::shared_ptr<net::WebSocketPeer> peer) {
  if (!peer) return detach(client.get());
  const std::lock_guard lock(client->mutex);
  if (client->closed) return;
  client->peer = std::move(peer);
  subscribe(*client, client->subscription);
}

/// With the client's lock held.
void EventHub::subscribe(LiveClient& client, Subscription subscription) {
  client.subscription = std::move(subscription);
  const bool resumes = client.subscription.cursor.has_value();
  const bool was_live = client.live;
  client.live = !resumes;
  client.cursor = client.subscription.cursor.value_or(told_.load());
  client.held.clear();
  client.send(share(render_subscribed(client.subscription, client.cursor)));
  if (resumes && is_shared()) client.cursor = std::max<std::int64_t>(0, client.cursor - kDisorder);
  if (was_live == client.live) return;
  replaying_.fetch_add(resumes ? 1 : -1, std::memory_order_relaxed);
  if (resumes) wake_.notify_one();
}

void EventHub::on_message(const std::shared_ptr<LiveClient>& client, const std::string& text) {
  const auto members = parse_json_object(text);
  const auto word = [&members](std::string_view name) {
    const Value* value = members ? members->find(name) : nullptr;
    return value == nullptr ? std::string{} : value->as_string().value_or(std::string{});
  };
  const std::string action = word("action").empty() ? word("type") : word("action");
  const std::lock_guard lock(client->mutex);
  if (action == "ping") return client->send(share(R"({"type":"pong"})"));
  if (action != "subscribe") {
    return client->send(render_problem({422, R"(a message must be {"action": "subscribe", …} or {"action": "ping"})"}));
  }
  auto subscription = read_subscription(*members, *client->caller);
  if (!subscription) return client->send(render_problem(subscription.error()));
  subscribe(*client, std::move(*subscription));
}

void EventHub::detach(const LiveClient* client) {
  const std::lock_guard lock(mutex_);
  std::erase_if(clients_, [client](const auto& known) { return known.get() == client; });
  if (options_.clients_changed) options_.clients_changed(!clients_.empty());
}

std::size_t EventHub::clients() const {
  const std::lock_guard lock(mutex_);
  return clients_.size();
}

}  // namespace datasync::api
