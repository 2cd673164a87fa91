#include "net/client_resolver.h"

#include <utility>

namespace datasync::net {

void ClientResolver::resolve(const std::string& host, Callback callback) {
  SystemError no_address;
  const auto literal = boost::asio::ip::make_address(host, no_address);
  if (!no_address) return callback(Addresses{literal});
  if (entries_.size() >= kNamesMax) forget_expired();
  Entry& entry = entries_[host];
  if (!entry.looking_up && entry.expires_tick > thread_.timers().now_tick()) {
    // A copy: the callback may ask again and so move the entry.
    const Result<Addresses> known = entry.addresses;
    return callback(known);
  }
  entry.waiting.push_back(std::move(callback));
  if (std::exchange(entry.looking_up, true)) return;
  using Found = boost::asio::ip::basic_resolver_results<boost::asio::ip::tcp>;
  resolver_.async_resolve(host, "", [self = shared_from_this(), host](const SystemError& error, const Found& found) {
    if (error) return self->finish(host, fail(ErrorCode::kUnavailable, "the host name is not known", error.message()));
    Addresses addresses;
    for (const auto& one : found) addresses.push_back(one.endpoint().address());
    self->finish(host, std::move(addresses));
  });
}

void ClientResolver::finish(const std::string& host, Result<Addresses> addresses) {
  Entry& entry = entries_[host];
  entry.looking_up = false;
  entry.expires_tick = thread_.timers().tick_in(addresses ? cache_time_ : kFailureCacheTime);
  entry.addresses = addresses;
  auto waiting = std::exchange(entry.waiting, {});
  for (Callback& callback : waiting) callback(addresses);
}

void ClientResolver::forget_expired() {
  const auto now = thread_.timers().now_tick();
  std::erase_if(entries_,
                [now](const auto& item) { return !item.second.looking_up && item.second.expires_tick <= now; });
}

}  // namespace datasync::net
