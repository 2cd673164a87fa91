#pragma once

#include <boost/asio/ip/basic_resolver.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "net/asio_types.h"
#include "net/io_threads.h"
#include "net/unique_function.h"

namespace datasync::net {

using Addresses = std::vector<boost::asio::ip::address>;

/// Turns host names into addresses and remembers them for a while; who asks for a name that is being looked up waits
/// for the same answer, since Asio looks up one name at a time per thread. Private to net. Held by `shared_ptr`: a
/// look-up can't be interrupted and may end after the client. Threads: its I/O thread.
class ClientResolver : public std::enable_shared_from_this<ClientResolver> {
 public:
  using Callback = UniqueFunction<void(const Result<Addresses>&)>;

  ClientResolver(IoThread& thread, milliseconds cache_time)
      : thread_(thread), cache_time_(cache_time), resolver_(thread.context()) {}

  /// Calls back at once when it knows. Errors: `kUnavailable`.
  void resolve(const std::string& host, Callback callback);
  void cancel() { resolver_.cancel(); }

 private:
  static constexpr std::size_t kNamesMax = 1024;
  static constexpr milliseconds kFailureCacheTime{1'000};

  struct Entry {
    Result<Addresses> addresses = Addresses{};
    std::int64_t expires_tick = 0;
    bool looking_up = false;
    std::vector<Callback> waiting;
  };
  void finish(const std::string& host, Result<Addresses> addresses);
  void forget_expired();

  IoThread& thread_;
  const milliseconds cache_time_;
  boost::asio::ip::basic_resolver<boost::asio::ip::tcp, IoExecutor> resolver_;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace datasync::net
