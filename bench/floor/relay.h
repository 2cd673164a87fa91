#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace datasync::bench {

/// The floor: the least that takes events in, keeps them and passes them on. A bare Beast server answers a request once
/// what it brought is durable in a `BareStore`, then bare Beast clients send its body, as it is, to every target, and
/// the outcome is written with the next commit. No parsing, no records, no retries, no order; one thread for I/O, one
/// for the store.
///
/// What the service costs above this is what it does beyond it. Without a store it is a bare server; without targets,
/// too. A request with an array counts as one: it is stored and sent whole.
class Relay {
 public:
  struct Options {
    std::uint16_t port = 0;             ///< 0: any free one
    std::vector<std::string> targets;   ///< addresses as `parse_address` takes them
    std::size_t connections_max = 100;  ///< to each target
    std::string store_file;             ///< empty: nothing is kept
  };
  explicit Relay(Options options);
  ~Relay();
  [[nodiscard]] std::uint16_t port() const;
  /// Serves until the process is ended.
  void run();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace datasync::bench
