#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "api/services.h"
#include "app/rate_answer.h"
#include "app/rate_file.h"
#include "base/random.h"
#include "base/time.h"
#include "net/http_client.h"
#include "transform/mapping.h"

namespace datasync::app {

/// Asks the source of rates again and again, and tells what is in force from then on: one request at a time, and after
/// a failure sooner than otherwise. Whatever goes wrong, the last good rates stay, also over a restart, until they are
/// too old.
///
/// Errors:   none; what is wrong stands in `status()` and, once until it is over, in the log.
/// Lifetime: all parts are borrowed and outlive it. Answers that come after its end are dropped.
/// Threads:  configure and status from any; start, stop and the destructor from one owner; step from the one thread
/// that
///           runs it, which is its own after `start`.
class RatePoller {
 public:
  struct Parts {
    net::HttpSender& sender;
    const Clock& clock;
    Random& random;  ///< for it alone
    std::string file;
    /// Hears what is in force whenever that changes, and at each `configure`. Must not call the poller.
    std::function<void(const transform::Quotes& quotes)> publish;
  };
  explicit RatePoller(Parts parts);
  ~RatePoller();
  RatePoller(const RatePoller&) = delete;
  RatePoller& operator=(const RatePoller&) = delete;

  /// From now on so; none: the table alone. Another source is asked at once. The first call reads the file, so that a
  /// start without network has what was good last. `table` is what the first rates are compared with.
  void configure(std::optional<RateSourceOptions> options, transform::RateTable table);

  /// Does what is due, and returns when to come again if no answer comes in before.
  SteadyTime step();

  void start();
  /// Prompt: a request under way is not waited for.
  void stop();

  /// None without a source.
  [[nodiscard]] std::optional<api::RateSourceStatus> status() const;

 private:
  /// Where answers wait. Shared with callbacks, which may come late.
  struct Mailbox;

  void read_file();
  void hear(net::ClientResult result);
  Result<void> take(const net::ClientResult& result);
  void note_failure(const std::string& message);
  void note_success();
  void warn_of_refused(const std::map<Currency, std::string>& refused);
  void age();
  void publish();
  [[nodiscard]] net::ClientRequest make_request() const;
  [[nodiscard]] seconds pause() const;
  [[nodiscard]] std::string origin() const;
  void run();

  Parts parts_;
  RateFile file_;
  std::shared_ptr<Mailbox> mailbox_;
  mutable std::mutex mutex_;  // guards all below
  std::optional<RateSourceOptions> options_;
  transform::RateTable table_;
  transform::Quotes quotes_;
  std::optional<transform::Quotes> unwritten_;  // what the file does not have yet
  std::map<Currency, std::string> refused_;
  std::optional<Timestamp> heard_at_;  // of the last good answer of this process
  std::string last_error_;             // empty: the last answer was good
  SteadyTime next_ask_{};
  Timestamp next_aging_{};
  std::uint64_t generation_ = 0;  // of the options: an answer to former ones is dropped
  std::uint32_t failures_ = 0;
  bool file_read_ = false;
  bool under_way_ = false;
  bool write_failed_ = false;  // which was said
  std::thread thread_;
};

}  // namespace datasync::app
