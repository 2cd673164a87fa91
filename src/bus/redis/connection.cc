#include "bus/redis/connection.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace datasync::bus::redis {
namespace {

timeval to_timeval(milliseconds time) {
  constexpr std::int64_t kPerSecond = 1000;
  return {static_cast<time_t>(time.count() / kPerSecond), static_cast<suseconds_t>(time.count() % kPerSecond * 1000)};
}

/// What the server says begins with a word of its protocol; what follows may repeat what it was sent.
Error refused(const redisReply& reply) {
  const std::string_view text(reply.str, reply.len);
  return {ErrorCode::kInvalid, "Redis refuses a command", std::string(text.substr(0, text.find(' ')))};
}

}  // namespace

Result<Connection> Connection::open(const Location& location, milliseconds timeout) {
  std::unique_ptr<redisContext, Free> context(
      redisConnectWithTimeout(location.host.c_str(), location.port, to_timeval(timeout)));
  if (!context) return fail(ErrorCode::kUnavailable, "there is no memory for a connection to Redis");
  Connection made(std::move(context));
  if (made.context_->err != 0) return fail(made.lost());
  if (redisSetTimeout(made.context_.get(), to_timeval(timeout)) != REDIS_OK) return fail(made.lost());
  const auto refuse = [&location](Result<void> done, const std::string& what) -> Result<Connection> {
    if (done.error().code == ErrorCode::kInvalid) done.error().message = location.str() + " " + what;
    return fail(std::move(done).error());
  };
  if (!location.password.empty()) {
    Command who{"AUTH"};
    if (!location.user.empty()) who.push_back(location.user);
    who.push_back(location.password);
    if (auto done = made.run({who}); !done) {
      return refuse(std::move(done),
                    "refuses the user or the password; REDIS_URL=redis://user:password@host/database "
                    "says both, and a server without users has only a password");
    }
  }
  if (auto done = made.run({{"SELECT", std::to_string(location.database)}}); !done) {
    const bool unknown = done.error().detail == "NOAUTH";
    return refuse(std::move(done), unknown ? "wants a password; put it into REDIS_URL=redis://:password@host/database"
                                           : "has no such database, or this user may not use it");
  }
  return made;
}

Result<void> Connection::run(const std::vector<Command>& commands) {
  for (const Command& command : commands) DATASYNC_TRY(append(command));
  std::optional<Error> first;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    const auto reply = next_reply();
    if (!reply) return fail(reply.error());
    if ((*reply)->type == REDIS_REPLY_ERROR && !first) first = refused(**reply);
  }
  if (first) return fail(std::move(*first));
  return {};
}

Result<void> Connection::append(const Command& command) {
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string& part : command) {
    texts.push_back(part.data());
    sizes.push_back(part.size());
  }
  const int count = static_cast<int>(command.size());
  if (redisAppendCommandArgv(context_.get(), count, texts.data(), sizes.data()) != REDIS_OK) return fail(lost());
  return {};
}

Result<Connection::ReplyPtr> Connection::next_reply() {
  void* raw = nullptr;
  if (redisGetReply(context_.get(), &raw) != REDIS_OK || raw == nullptr) return fail(lost());
  return ReplyPtr(static_cast<redisReply*>(raw));
}

Error Connection::lost() const {
  return {ErrorCode::kUnavailable, "Redis is not reached", context_->errstr};
}

}  // namespace datasync::bus::redis
