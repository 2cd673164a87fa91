#pragma once

#include <hiredis/hiredis.h>

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "bus/redis/location.h"

namespace datasync::bus::redis {

/// One connection, which waits for each answer. Threads: one at a time.
class Connection {
 public:
  using Command = std::vector<std::string>;

  /// Connects, says who it is and chooses the database, each within `timeout`.
  /// Errors: `kInvalid`, with the remedy, where the server refuses user, password or database; else `kUnavailable`.
  [[nodiscard]] static Result<Connection> open(const Location& location, milliseconds timeout);

  /// Sends all and reads all answers. Errors: `kUnavailable` where the connection is lost: some may have been done.
  /// `kInvalid` for the first that the server refused; the others were done.
  [[nodiscard]] Result<void> run(const std::vector<Command>& commands);

 private:
  struct Free {
    void operator()(redisContext* context) const noexcept { redisFree(context); }
    void operator()(redisReply* reply) const noexcept { freeReplyObject(reply); }
  };
  using ReplyPtr = std::unique_ptr<redisReply, Free>;

  explicit Connection(std::unique_ptr<redisContext, Free> context) : context_(std::move(context)) {}
  [[nodiscard]] Result<void> append(const Command& command);
  [[nodiscard]] Result<ReplyPtr> next_reply();
  [[nodiscard]] Error lost() const;

  std::unique_ptr<redisContext, Free> context_;
};

}  // namespace datasync::bus::redis
