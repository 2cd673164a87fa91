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
constexpr Sql kCheck{"datasync_commit", "SELECT datasync_commit($1::uuid, $2::bigint, $3::bigint)"};

/// Whoever takes, renews or gives up shards does it alone, so that no epoch is given twice.
constexpr Sql kLock{"", "SELECT pg_advisory_xact_lock(hashtext('data-sync lease'), hashtext(current_schema()))"};
constexpr Sql kNothing{"", "SELECT 1"};
constexpr Sql kTakeAll{"", "SELECT datasync_take_all($1::uuid, $2::text)"};
constexpr Sql kTakePart{
    "",
    "SELECT datasync_take_part($1::uuid, $2::text, $3::text, $4::bigint * interval '1 millisecond', "
    "$5::bigint <> 0, $6::bigint <> 0)"};
constexpr Sql kReconnect{"", "SELECT datasync_reconnect($1::uuid)"};
constexpr Sql kDepart{"", "SELECT datasync_bury($1::uuid)"};
constexpr Sql kNumbers{"next_numbers", "SELECT nextval('number_blocks')"};
constexpr Sql kMakeSecret{
    "", "INSERT INTO meta(name, bytes) VALUES('identity_secret', $1::bytea) ON CONFLICT(name) DO NOTHING"};
constexpr Sql kMarks{
    "",
    "SELECT coalesce(c.epoch, 0), coalesce(c.last_commit, 0), "
    "(SELECT bytes FROM meta WHERE name = 'identity_secret'), "
    "greatest((SELECT max(seq) FROM event_log), (SELECT number FROM meta WHERE name = 'last_sequence')), "
    "(SELECT max(record_key) FROM records), coalesce(c.low_water, 0), "
    "(SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = "
    "current_schema()::regnamespace), current_setting('fsync') "
    "FROM (SELECT $1::uuid AS holder) me LEFT JOIN instance_commits c ON c.holder = me.holder"};
constexpr Sql kShards{"", "SELECT shard FROM shard_leases WHERE holder = $1::uuid"};

tl::unexpected<Error> gone_elsewhere() {
  return fail(ErrorCode::kMoved, "another instance has taken over what this one worked on");
}

bool make_random(void* bytes, std::size_t size) {
  return RAND_bytes(static_cast<unsigned char*>(bytes), static_cast<int>(size)) == 1;
}

}  // namespace

Lease::Lease(Location location, std::string instance)
    : location_(std::move(location)), instance_(std::move(instance)) {}

Result<void> Lease::take_all() {
  return begin(Kind::kAll);
}

Result<void> Lease::look() {
  return begin(Kind::kPart);
}

Result<void> Lease::begin(Kind kind) {
  kind_ = kind;
  auto begun = try_to_begin();
  if (!begun && begun.error().lost && begun.error().error.code == ErrorCode::kUnavailable) {
    log::warning("{} ({}) at the start; it is tried once more", begun.error().error.message,
                 begun.error().error.detail);
    begun = try_to_begin();
  }
  if (!begun) return fail(std::move(begun).error().error);
  return {};
}

Outcome<void> Lease::try_to_begin() {
  std::array<unsigned char, kSecretBytes> secret{};
  if (!make_random(secret.data(), secret.size()) || !make_random(&holder_, sizeof holder_)) {
    return tl::unexpected(
        Failure{{ErrorCode::kUnavailable, "the system gives no random bytes for the store's secret"}});
  }
  auto opened = Connection::open(location_, Connection::Use::kWrite);
  if (!opened) return tl::unexpected(std::move(opened).error());
  connection_ = std::move(*opened);
  if (auto migrated = migrate(*connection_); !migrated) return migrated;
  Parameters made;
  made.bytes({reinterpret_cast<const char*>(secret.data()), secret.size()});
  const Step make_secret{&kMakeSecret, &made};
  if (auto done = connection_->run({&make_secret, 1}); !done) return tl::unexpected(std::move(done).error());
  Parameters parameters;
  parameters.uuid(holder_).text(instance_);
  const Step how = kind_ == Kind::kAll ? Step{&kTakeAll, &parameters} : Step{&kNothing};
  if (auto taken = claim(how); !taken) return taken;
  if (!syncs_) {
    log::warning("the database runs with fsync off: what it has acknowledged is lost when its machine fails");
  }
  return {};
}

Result<void> Lease::take_part(const Part& part) {
  if (fenced_ && has_entered_) {
    if (!make_random(&holder_, sizeof holder_))
      return fail(ErrorCode::kUnavailable, "the system gives no random bytes");
    has_entered_ = false;
    in_doubt_ = 0;
  }
  if (!connection_ || connection_->lost()) {
    auto opened = Connection::open(location_, Connection::Use::kWrite);
    if (!opened) return fail(std::move(opened).error().error);
    connection_ = std::move(*opened);
  }
  Parameters parameters;
  parameters.uuid(holder_).text(instance_).text(part.address).integer(part.lease.count());
  parameters.integer(part.is_leaving ? 1 : 0).integer(part.is_first ? 1 : 0);
  auto taken = claim({&kTakePart, &parameters});
  if (!taken && part.is_first && taken.error().lost) {  // later it is tried again anyway
    auto opened = Connection::open(location_, Connection::Use::kWrite);
    if (!opened) return fail(std::move(opened).error().error);
    connection_ = std::move(*opened);
    taken = claim({&kTakePart, &parameters});
  }
  if (!taken) return fail(std::move(taken).error().error);
  has_entered_ = true;
  fenced_ = false;
  in_doubt_ = 0;
  return reserve_numbers();
}

Result<void> Lease::reserve_numbers() {
  const auto answer = read(kNumbers, {});
  if (!answer) return fail(answer.error());
  const std::int64_t first = answer->integer(0, 0) * kNumberBlock;
  marks_.last_sequence = {first - 1};
  marks_.last_record_key = {first - 1};
  numbers_in_doubt_ = false;
  return {};
}

void Lease::depart() noexcept {
  if (kind_ != Kind::kPart || !has_entered_ || !connection_ || connection_->lost()) return;
  Parameters parameters;
  parameters.uuid(holder_);
  const std::array<Step, 4> steps{{{&kBegin}, {&kLock}, {&kDepart, &parameters}, {&kCommit}}};
  if (const auto done = connection_->run(steps); !done) {
    log::warning("{}; what this instance worked on waits until its lease has run out", done.error().error.message);
  }
  has_entered_ = false;
  shards_.reset();
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
  if (kind_ == Kind::kPart && (!has_entered_ || fenced_)) return given_up(gone_elsewhere());
  for (int attempt = 1;; ++attempt) {
    if (auto connected = connect(); !connected) return given_up(std::move(connected));
    const std::int64_t number = last_commit_ + 1;
    claim_.clear();
    claim_.uuid(holder_).integer(epoch_).integer(number);
    steps_.assign({{&kBegin}, {&kCheck, &claim_}});
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
      note_failure(done.error());
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
  if (kind_ == Kind::kPart && (!has_entered_ || fenced_)) return {};  // to read
  Parameters parameters;
  parameters.uuid(holder_);
  const std::int64_t known = last_commit_;
  const std::int64_t doubtful = std::exchange(in_doubt_, 0);
  const Marks marks = marks_;
  auto claimed = claim({&kReconnect, &parameters});
  if (!claimed) {
    note_failure(claimed.error());
    connection_.reset();
    in_doubt_ = doubtful;
    return fail(std::move(claimed).error().error);
  }
  if (kind_ == Kind::kPart) {
    // A window may be under way that has given out some of the reserved numbers: it goes on with them.
    marks_.last_sequence = marks.last_sequence;
    marks_.last_record_key = marks.last_record_key;
    numbers_in_doubt_ = true;
  }
  if (last_commit_ == known || (doubtful != 0 && last_commit_ == doubtful)) return {};
  gone_back_ = true;
  log::error("the database has lost transactions that it had acknowledged: the last one is {}, it was {}", last_commit_,
             known);
  return fail(ErrorCode::kUnavailable,
              "the database has lost transactions that it had acknowledged; what it still holds is read anew");
}

Outcome<void> Lease::claim(const Step& how) {
  Parameters holder;
  holder.uuid(holder_);
  const std::array<Step, 6> steps{{{&kBegin}, {&kLock}, how, {&kMarks, &holder}, {&kShards, &holder}, {&kCommit}}};
  auto answers = connection_->run(steps);
  if (!answers) return tl::unexpected(std::move(answers).error());
  const Answer& marks = (*answers)[3];
  epoch_ = marks.integer(0, 0);
  last_commit_ = marks.integer(0, 1);
  if (secret_.empty()) secret_ = marks.bytes(0, 2);  // never changes, and others may be reading it
  syncs_ = marks.bytes(0, 7) == "on";
  marks_ = {{marks.integer(0, 3)}, {marks.integer(0, 4)}, {marks.integer(0, 5)}, marks.integer(0, 6)};
  shards_.reset();
  const Answer& held = (*answers)[4];
  for (int row = 0; row < held.rows(); ++row) shards_.set(static_cast<std::size_t>(held.integer(row, 0)));
  return {};
}

/// Who had a part of the shards and was fenced off takes part anew; who had all of them does not come back.
void Lease::note_failure(Failure& failure) {
  if (failure.state != kFencedState || kind_ != Kind::kPart) return;
  fenced_ = true;
  failure.error = gone_elsewhere().value();
}

}  // namespace datasync::storage::postgres
