#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/event_hub.h"
#include "net/http_client.h"
#include "pipeline/notice.h"
#include "storage/shares.h"

namespace datasync::api {

/// Tells the hub that is here what has become durable, and the hubs of those instances to which somebody listens. They
/// are told straight, since each knows the others' addresses anyway: a database that had to wake them (NOTIFY) would do
/// so under one lock for all, and not through a pooler.
///
/// What can't be told in time is dropped, and the next message says so: clients then read from the store.
///
/// Lifetime: all is borrowed. Stop the sender before this goes.
/// Threads:  the engine's; answers of other instances come on I/O threads.
class NoticeFan final : public pipeline::NoticeSink {
 public:
  struct Parts {
    EventHub& hub;
    const storage::Shares& shares;
    net::HttpSender& sender;
    const Clock& clock;
    std::string token;
  };
  explicit NoticeFan(Parts parts) : parts_(std::move(parts)) {}

  [[nodiscard]] bool wants_notices() const noexcept override { return parts_.hub.wants_notices(); }
  void publish(std::vector<pipeline::Notice> notices) override;

 private:
  /// What waits for one instance: one message is under way at a time, and the rest goes with the next.
  struct Peer {
    std::vector<pipeline::Notice> waiting;
    bool is_under_way = false;
    bool has_gap = false;
  };
  void look_at_peers();
  void send(const std::string& address, Peer& peer);
  void sent(const std::string& address, bool arrived);

  Parts parts_;
  SteadyTime look_at_{};
  std::vector<std::string> listening_;  // addresses
  std::mutex mutex_;                    // of what follows
  std::map<std::string, Peer> peers_;
};

}  // namespace datasync::api
