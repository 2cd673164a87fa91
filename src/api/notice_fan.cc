#include "api/notice_fan.h"

#include <algorithm>
#include <utility>

#include "api/peer.h"
#include "api/peer_wire.h"
#include "net/url.h"

namespace datasync::api {
namespace {

constexpr milliseconds kLookEvery{250};
constexpr milliseconds kAnswerMax{2'000};
constexpr std::size_t kWaitingMax = 20'000;
constexpr std::size_t kAtOnceMax = 2'000;

}  // namespace

void NoticeFan::publish(std::vector<pipeline::Notice> notices) {
  look_at_peers();
  if (!listening_.empty()) {
    const std::lock_guard lock(mutex_);
    for (const std::string& address : listening_) {
      Peer& peer = peers_[address];
      if (peer.waiting.size() + notices.size() > kWaitingMax) {
        peer.waiting.clear();
        peer.has_gap = true;
      } else {
        peer.waiting.insert(peer.waiting.end(), notices.begin(), notices.end());
      }
      if (!peer.is_under_way) send(address, peer);
    }
  }
  parts_.hub.publish(std::move(notices));
}

void NoticeFan::look_at_peers() {
  const SteadyTime now = parts_.clock.steady_now();
  if (now < look_at_) return;
  look_at_ = now + kLookEvery;
  listening_.clear();
  if (parts_.shares.has_all()) return;
  for (const storage::Instance& instance : parts_.shares.instances()) {
    if (!instance.is_self && !instance.is_expired && instance.wants_notices) listening_.push_back(instance.address);
  }
  const std::lock_guard lock(mutex_);
  std::erase_if(peers_, [this](const auto& entry) {
    return !entry.second.is_under_way &&
           std::find(listening_.begin(), listening_.end(), entry.first) == listening_.end();
  });
}

/// With the lock held.
void NoticeFan::send(const std::string& address, Peer& peer) {
  const auto url = net::parse_url("http://" + address + std::string(kPeerPath));
  net::ClientRequest request;
  if (!url || !net::append_header(request.header_block, kPeerHeader, parts_.token)) return peer.waiting.clear();
  PeerNotices call;
  call.has_gap = std::exchange(peer.has_gap, false);
  const auto end = peer.waiting.begin() + static_cast<std::ptrdiff_t>(std::min(peer.waiting.size(), kAtOnceMax));
  call.notices.assign(std::make_move_iterator(peer.waiting.begin()), std::make_move_iterator(end));
  peer.waiting.erase(peer.waiting.begin(), end);
  peer.is_under_way = true;
  request.origin = url->origin;
  request.target = url->target;
  request.body = encode_call(std::move(call));
  request.deadline = kAnswerMax;
  parts_.sender.send(std::move(request),
                     [this, address](net::ClientResult answer) { sent(address, answer && answer->status == 200); });
}

void NoticeFan::sent(const std::string& address, bool arrived) {
  const std::lock_guard lock(mutex_);
  Peer& peer = peers_[address];
  peer.is_under_way = false;
  if (!arrived) peer.has_gap = true;
  if (arrived && !peer.waiting.empty()) send(address, peer);
}

}  // namespace datasync::api
