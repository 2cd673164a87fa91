#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "app/settings.h"
#include "base/result.h"

namespace datasync::app {

/// The whole service: store, engine, network and API, wired and started in the one right order.
///
/// Threads: start, stop and the destructor belong to one owner thread.
class Service {
 public:
  /// Opens the store, takes up what is unfinished, listens. Nothing is left running where it fails.
  /// Errors: `kInvalid` for a configuration that can't work (exit code 78), `kUnavailable` for an address or a database
  /// that
  ///         can't be had now.
  /// `credential_refused`: a platform refuses its credential; who can read a fresh one calls `reload`. Runs on the
  /// engine's thread and must not block. Empty: nobody can.
  [[nodiscard]] static Result<std::unique_ptr<Service>> start(const Settings& settings,
                                                              std::function<void()> credential_refused = {});
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// The ports that it listens on, as many as there are listen addresses.
  [[nodiscard]] const std::vector<std::uint16_t>& ports() const noexcept;

  /// Takes the configuration anew: platforms, entities, rates and rules. Errors: as `make_catalog`; what ran goes on
  /// running.
  [[nodiscard]] Result<void> reload(const Settings& settings);

  /// Accepts no more, answers what has begun, stores the outcomes of requests under way; cuts what is left a little
  /// before the deadline, and is done by then. True if nothing had to be cut.
  bool stop(milliseconds deadline);

 private:
  struct Parts;
  explicit Service(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace datasync::app
