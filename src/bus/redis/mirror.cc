#include "bus/redis/mirror.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "base/uuid.h"

namespace datasync::bus::redis {
namespace {

/// So many messages go together before their answers are read.
constexpr std::size_t kTogether = 500;

/// Brings the lists to what all instances have. Each says only how many it has, so this heals whatever is missing or
/// too much: after a flush, a crash or the end of an instance. One script, so nobody sees half of it.
///
/// KEYS: the lists, and the hash. ARGV: id, name, depth by depth, and for how many milliseconds the id counts.
constexpr const char* kDepthsScript = R"lua(
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local sums = {tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])}
local all = redis.call('HGETALL', KEYS[5])
for at = 1, #all, 2 do
  if all[at] ~= ARGV[1] then
    local words = {}
    for word in string.gmatch(all[at + 1], '%d+') do words[#words + 1] = tonumber(word) end
    if #words == 5 and words[5] >= now then
      for i = 1, 4 do sums[i] = sums[i] + words[i] end
    else
      redis.call('HDEL', KEYS[5], all[at])
    end
  end
end
if tonumber(ARGV[7]) > 0 then
  local own = table.concat({ARGV[3], ARGV[4], ARGV[5], ARGV[6], string.format('%d', now + ARGV[7])}, ' ')
  redis.call('HSET', KEYS[5], ARGV[1], own)
else
  redis.call('HDEL', KEYS[5], ARGV[1])
end
for i = 1, 4 do
  local length = redis.call('LLEN', KEYS[i])
  if length > sums[i] then redis.call('LTRIM', KEYS[i], length - sums[i], -1) end
  while length < sums[i] do
    local fresh = {}
    for n = 1, math.min(1000, sums[i] - length) do fresh[n] = ARGV[2] end
    length = redis.call('RPUSH', KEYS[i], unpack(fresh))
  end
end
)lua";

std::string random_id() {
  const SystemClock clock;
  const auto random = make_system_random();
  return format_uuid(UuidGenerator(clock, *random).next());
}

}  // namespace

Mirror::Mirror(Location location, std::string instance, std::function<Depths()> depths, Options options)
    : location_(std::move(location)),
      instance_(std::move(instance)),
      id_(random_id()),
      depths_(std::move(depths)),
      options_(options) {}

Mirror::~Mirror() {
  stop();
}

Result<void> Mirror::start() {
  auto opened = Connection::open(location_, options_.timeout);
  if (opened) {
    connection_ = std::move(*opened);
    word_ = State::Word::kHealthy;
  } else if (opened.error().code == ErrorCode::kInvalid) {
    return fail(std::move(opened).error());
  } else {
    note(fail(std::move(opened).error()));
  }
  thread_ = std::thread([this] { run(); });
  return {};
}

void Mirror::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
  if (!connection_) return;
  if (const auto told = tell_depths({}, true); !told) note(told);
  connection_.reset();
}

void Mirror::publish(std::size_t count, Batch batch) {
  {
    const std::lock_guard lock(mutex_);
    if (word_ == State::Word::kDisconnected || waiting_count_ + count > options_.waiting_max) {
      dropped_ += count;
      return;
    }
    waiting_.push_back(std::move(batch));
    waiting_count_ += count;
  }
  wake_.notify_one();
}

void Mirror::run() {
  pthread_setname_np(pthread_self(), "redis");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const auto done = work();
    note(done);
    lock.lock();
    const bool lost = !connection_;
    if (lost) {
      dropped_ += waiting_count_;
      waiting_.clear();
      waiting_count_ = 0;
    }
    wake_.wait_for(lock, lost ? options_.connects_every : options_.depths_every,
                   [&] { return stopping_ || !waiting_.empty(); });
  }
}

Result<void> Mirror::work() {
  if (!connection_) {
    auto opened = Connection::open(location_, options_.timeout);
    if (!opened) return fail(std::move(opened).error());
    connection_ = std::move(*opened);
    told_at_ = {};
  }
  auto done = tell_messages();
  const auto now = SteadyClock::now();
  const Depths depths = depths_();
  const bool is_due = now >= told_at_ + (depths == told_ ? options_.heals_every : options_.depths_every);
  const auto is_lost = [](const Result<void>& one) { return !one && one.error().code != ErrorCode::kInvalid; };
  if (is_due && !is_lost(done)) {
    auto told = tell_depths(depths, false);
    if (done || is_lost(told)) done = std::move(told);
    told_ = depths;
    told_at_ = now;
  }
  if (is_lost(done)) connection_.reset();
  return done;
}

Result<void> Mirror::tell_messages() {
  std::vector<Batch> batches;
  {
    const std::lock_guard lock(mutex_);
    batches.swap(waiting_);
    waiting_count_ = 0;
  }
  std::vector<Message> messages;
  std::vector<Connection::Command> commands;
  const auto send = [&]() -> Result<void> {
    for (Message& message : messages) {
      commands.push_back({"PUBLISH", std::move(message.channel), std::move(message.text)});
    }
    messages.clear();
    auto done = commands.empty() ? Result<void>() : connection_->run(commands);
    if (!done) dropped_ += commands.size();
    commands.clear();
    return done;
  };
  for (const Batch& batch : batches) {
    batch(messages);
    if (messages.size() >= kTogether) DATASYNC_TRY(send());
  }
  return send();
}

Result<void> Mirror::tell_depths(const Depths& depths, bool is_leaving) {
  Connection::Command command{"EVAL", kDepthsScript, std::to_string(kPriorityCount + 1)};
  for (std::size_t i = 0; i < kPriorityCount; ++i) {
    command.push_back("events:" + std::string(to_string(static_cast<Priority>(i))));
  }
  command.insert(command.end(), {"events:instances", id_, instance_});
  for (const std::size_t depth : depths) command.push_back(std::to_string(depth));
  command.push_back(std::to_string(is_leaving ? 0 : options_.forgotten_after.count()));
  return connection_->run({command});
}

/// Says what has changed, once.
void Mirror::note(const Result<void>& outcome) {
  if (outcome) {
    word_ = State::Word::kHealthy;
    if (!std::exchange(last_problem_, {}).empty()) log::info("{} is well again", location_.str());
    return;
  }
  const Error& error = outcome.error();
  word_ = connection_ ? State::Word::kRefused : State::Word::kDisconnected;
  const std::string problem = error.message + " (" + error.detail + ")";
  if (std::exchange(last_problem_, problem) == problem) return;
  log::warning("{}: {}; events go on, only the queue's lists and the channels there stand still", location_.str(),
               problem);
}

}  // namespace datasync::bus::redis
