#include "storage/postgres/lease.h"

#include <openssl/rand.h>

#include <array>

#include "base/log.h"
#include "storage/postgres/schema.h"

namespace datasync::storage::postgres {
namespace {

constexpr std::size_t kSecretBytes = 32;
/// A lost connection is made anew and the work done again so often within one call.
constexpr int kTriesMax = 2;

constexpr Sql kBegin{"begin", "BEGIN"};
constexpr Sql kCommit{"commit", "COMMIT"};
constexpr Sql kClaim{"claim", "SELECT datasync_claim($1::bigint, $2::bigint)"};

/// Whoever takes or renews the lease does it alone, so that no epoch is given twice.
constexpr Sql kLock{"", "SELECT pg_advisory_xact_lock(hashtext('data-sync lease'), hashtext(current_schema()))"};
constexpr Sql kTake{"",
                    "INSERT INTO shard_leases(shard, holder, instance, epoch, last_commit) "
                    "SELECT shard, $1::uuid, $2::text, (SELECT coalesce(max(epoch), 0) + 1 FROM shard_leases), 0 "
                    "FROM generate_series(0, 255) shard ON CONFLICT(shard) DO UPDATE SET holder = excluded.holder, "
                    "instance = excluded.instance, epoch = excluded.epoch"};
constexpr Sql kTakeAgain{"", "SELECT datasync_claim_again($1::uuid)"};
constexpr Sql kMakeSecret{
    "", "INSERT INTO meta(name, bytes) VALUES('identity_secret', $1::bytea) ON CONFLICT(name) DO NOTHING"};
constexpr Sql kMarks{
    "",
    "SELECT l.epoch, l.last_commit, (SELECT bytes FROM meta WHERE name = 'identity_secret'), "
    "greatest((SELECT max(seq) FROM event_log), (SELECT number FROM meta WHERE name = 'last_sequence')), "
    "(SELECT max(record_key) FROM records), (SELECT number FROM meta WHERE name = 'low_water'), "
    "(SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = "
    "current_schema()::regnamespace), current_setting('fsync') FROM shard_leases l WHERE l.shard = 0"};

}  // namespace

Lease::Lease(Location location, std::string instance)
    : location_(std::move(location)), instance_(std::move(instance)) {}

Result<void> Lease::take() {
  auto taken = try_to_take();
  if (!taken && taken.error().lost && taken.error().error.code == ErrorCode::kUnavailable) {
    log::warning("{} ({}) at the start; it is tried once more", taken.error().error.message,
                 taken.error().error.detail);
    taken = try_to_take();
  }
  if (!taken) return fail(std::move(taken).error().error);
  return {};
}

Outcome<void> Lease::try_to_take() {
  std::array<unsigned char, kSecretBytes> secret{};
  if (RAND_bytes(secret.data(), kSecretBytes) != 1 ||
      RAND_bytes(reinterpret_cast<unsigned char*>(&holder_), sizeof holder_) != 1) {
    return tl::unexpected(
        Failure{{ErrorCode::kUnavailable, "the system gives no random bytes for the store's secret"}});
  }
  auto opened = Connection::open(location_, Connection::Use::kWrite);
  if (!opened) return tl::unexpected(std::move(opened).error());
  connection_ = std::move(*opened);
  if (auto migrated = migrate(*connection_); !migrated) return migrated;
  Parameters parameters;
  parameters.uuid(holder_).text(instance_);
  Parameters made;
  made.bytes({reinterpret_cast<const char*>(secret.data()), secret.size()});
  const Step make_secret{&kMakeSecret, &made};
  if (auto done = connection_->run({&make_secret, 1}); !done) return tl::unexpected(std::move(done).error());
  if (auto taken = claim(kTake, parameters); !taken) return taken;
  if (!syncs_) {
    log::warning("the database runs with fsync off: what it has acknowledged is lost when its machine fails");
  }
  return {};
}

Result<Answer> Lease::read(const Sql& sql, const Parameters& parameters) {
  for (int attempt = 1;; ++attempt) {
    DATASYNC_TRY(connect());
    const Step step{&sql, &parameters};
    auto answers = connection_->run({&step, 1});
    if (answers) return std::move(answers->front());
    if (!answers.error().lost || attempt == kTriesMax) return fail(std::move(answers).error().error);
    log::warning("{} ({}); it is made anew", answers.error().error.message, answers.error().error.detail);
    connection_.reset();
  }
}

Outcome<void> Lease::transact(std::span<const Step> steps) {
  const auto given_up = [](Result<void> result) { return tl::unexpected(Failure{std::move(result).error()}); };
  for (int attempt = 1;; ++attempt) {
    if (auto connected = connect(); !connected) return given_up(std::move(connected));
    const std::int64_t number = last_commit_ + 1;
    claim_.clear();
    claim_.integer(epoch_).integer(number);
    steps_.assign({{&kBegin}, {&kClaim, &claim_}});
    steps_.insert(steps_.end(), steps.begin(), steps.end());
    steps_.push_back({&kCommit});
    in_doubt_ = number;
    auto done = connection_->run(steps_);
    if (done && done->back().tag() == "COMMIT") {
      last_commit_ = number;
      in_doubt_ = 0;
      return {};
    }
    if (done) return tl::unexpected(Failure{{ErrorCode::kInternal, "a transaction was not committed", {}}});
    if (!done.error().lost) {
      in_doubt_ = 0;
      return tl::unexpected(std::move(done).error());
    }
    log::warning("{} ({}) within a transaction; what became of it is looked up", done.error().error.message,
                 done.error().error.detail);
    connection_.reset();
    auto connected = connect();
    if (!connected) {
      connected.error().stage = Stage::kDuring;
      return given_up(std::move(connected));
    }
    if (last_commit_ == number) return {};
    if (attempt == kTriesMax) return tl::unexpected(std::move(done).error());
  }
}

Result<void> Lease::connect() {
  if (connection_ && !connection_->lost()) return {};
  auto opened = Connection::open(location_, Connection::Use::kWrite);
  if (!opened) return fail(std::move(opened).error().error);
  connection_ = std::move(*opened);
  Parameters parameters;
  parameters.uuid(holder_);
  const std::int64_t known = last_commit_;
  const std::int64_t doubtful = std::exchange(in_doubt_, 0);
  auto claimed = claim(kTakeAgain, parameters);
  if (!claimed) {
    connection_.reset();
    in_doubt_ = doubtful;
    return fail(std::move(claimed).error().error);
  }
  if (last_commit_ == known || (doubtful != 0 && last_commit_ == doubtful)) return {};
  log::error("the database has lost transactions that it had acknowledged: the last one is {}, it was {}", last_commit_,
             known);
  return fail(ErrorCode::kUnavailable,
              "the database has lost transactions that it had acknowledged; what it still holds is read anew");
}

Outcome<void> Lease::claim(const Sql& how, const Parameters& parameters) {
  const std::array<Step, 5> steps{{{&kBegin}, {&kLock}, {&how, &parameters}, {&kMarks}, {&kCommit}}};
  auto answers = connection_->run(steps);
  if (!answers) return tl::unexpected(std::move(answers).error());
  const Answer& marks = (*answers)[3];
  epoch_ = marks.integer(0, 0);
  last_commit_ = marks.integer(0, 1);
  secret_ = marks.bytes(0, 2);
  syncs_ = marks.bytes(0, 7) == "on";
  marks_ = {{marks.integer(0, 3)}, {marks.integer(0, 4)}, {marks.integer(0, 5)}, marks.integer(0, 6)};
  return {};
}

}  // namespace datasync::storage::postgres
