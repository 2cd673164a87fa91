#include "storage/postgres/postgres_store.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <utility>

#include "storage/codec/event_codec.h"
#include "storage/postgres/batch_steps.h"
#include "storage/postgres/committer.h"
#include "storage/postgres/event_parts.h"
#include "storage/postgres/instance_shares.h"
#include "storage/postgres/lease.h"
#include "storage/postgres/postgres_contents.h"
#include "storage/postgres/postgres_reader.h"
#include "storage/postgres/retention.h"
#include "storage/postgres/schema.h"

namespace datasync::storage::postgres {
namespace {

/// The stored low-water mark may lag by so many events: it only says where a restart begins to look.
constexpr std::int64_t kLowWaterStep = 4096;
/// After so many transactions a quiet moment is used to ask how much room the tables take.
constexpr int kMeasureEvery = 256;
constexpr seconds kQuietMark{30};
/// The mark of who works on nothing; as the schema's functions have it.
constexpr Sequence kNothingOpen{std::int64_t{1} << 62};

constexpr Sql kPutLowWater{"put_low_water",
                           "UPDATE instance_commits SET low_water = $2::bigint WHERE holder = $1::uuid"};
constexpr Sql kBytes{
    "",
    "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = "
    "current_schema()::regnamespace"};

class PostgresStore final : public Store {
 public:
  PostgresStore(Location location, std::string instance, std::optional<milliseconds> lease)
      : location_(location), lease_(std::move(location), std::move(instance)) {
    if (!lease) return;
    InstanceShares::Events events;
    events.settle = [this] { return settle(); };
    events.given_out = [this] { return committer_.is_busy() ? marks_after_ : lease_.marks(); };
    events.part_changed = [this] { take_up_part(); };
    events.numbers_renewed = [this](Sequence last) { raise_mark(last); };
    shares_.emplace(location_, lease_, *lease, std::move(events));
  }

  ~PostgresStore() override {
    if (settle()) store_low_water();
    if (shares_) shares_->stop();
    lease_.depart();
  }

  Result<void> open() {
    if (shares_) {
      DATASYNC_TRY(lease_.look());
      bytes_ = lease_.marks().bytes;
      low_water_ = stored_low_water_ = kNothingOpen;
      queries_.look_at({});
      retention_.look_at({});
      return {};
    }
    DATASYNC_TRY(lease_.take_all());
    low_water_ = stored_low_water_ = lease_.marks().low_water;
    bytes_ = lease_.marks().bytes;
    return {};
  }

  Shares* shares() noexcept override { return shares_ ? &*shares_ : nullptr; }

  Result<void> commit(const WriteBatch& batch) override {
    DATASYNC_TRY(prepare(batch));
    return complete(lease_.transact(steps_));
  }

  Result<void> start_commit(const WriteBatch& batch, std::function<void()> done) override {
    DATASYNC_TRY(prepare(batch));
    committer_.start([this, done = std::move(done)] {
      auto outcome = lease_.transact(steps_);
      done();
      return outcome;
    });
    return {};
  }

  Result<void> finish_commit() override {
    static_cast<void>(settle());  // what became of it may be known already
    auto failure = std::exchange(failure_, std::nullopt);
    if (failure) return fail(std::move(*failure));
    return {};
  }

  /// Who has the database alone gives out numbers without blocks: they go on in the part that has begun. Those that a
  /// window has got meanwhile are still good.
  Sequence last_sequence() const override {
    return std::max(marks().last_sequence, shares_ ? Sequence{} : Sequence{parts_.first().value - 1});
  }
  RecordKey last_record_key() const override { return marks().last_record_key; }

  Result<std::vector<std::optional<KnownEvent>>> find_events(std::span<const EventKey> keys) override {
    return queries_.known(keys);
  }
  Result<std::optional<RecordKey>> find_identity(const TenantId& tenant, Hash128 hash) override {
    return queries_.find_identity(tenant, hash);
  }
  Result<std::optional<Record>> load_record(const TenantId& tenant, RecordKey key) override {
    return queries_.load_record(tenant, key);
  }
  bool is_remote() const noexcept override { return true; }
  Result<std::vector<std::optional<RecordKey>>> find_identities(std::span<const IdentityKey> identities) override {
    return queries_.find_identities(identities);
  }
  Result<std::vector<std::optional<Record>>> load_records(std::span<const RecordAddress> addresses) override {
    return queries_.load_records(addresses);
  }
  Result<std::optional<HistoryEntry>> load_history(Sequence event) override { return queries_.load_history(event); }
  Result<std::optional<StoredEvent>> load_event(Sequence sequence) override { return queries_.load(sequence); }
  Result<std::vector<StoredEvent>> load_unfinished(Sequence after, std::int64_t limit) override {
    DATASYNC_TRY(settle());
    if (lease_.take_gone_back()) low_water_ = stored_low_water_ = lease_.marks().low_water;
    return queries_.unfinished(after, low_water_, limit);
  }
  Result<std::vector<StoredEvent>> load_retrying(Sequence after, std::int64_t limit) override {
    return queries_.retrying(after, limit);
  }
  Result<std::vector<StoredEvent>> load_matching(const Reader::EventFilter& filter) override {
    return queries_.redrivable(filter);
  }
  Result<Reader::ConflictPage> load_conflicts(const Reader::ConflictFilter& filter) override {
    return queries_.conflicts(filter);
  }

  Result<std::vector<LaneState>> load_lane_states() override {
    auto states = queries_.lane_states();
    if (states) std::erase_if(*states, [this](const LaneState& s) { return !s.tenant.empty() && !works_on(s.tenant); });
    return states;
  }

  Result<std::int64_t> delete_finished(Timestamp before, std::int64_t limit) override {
    DATASYNC_TRY(settle());
    const auto more = parts_.tend(before);
    if (!more) return fail(more.error());
    rows_.list_late_below(parts_.late_below());
    retention_.look_below(parts_.kept_below());
    const auto deleted = retention_.delete_finished(before, limit);
    if (deleted && *more) return limit;
    return deleted;
  }

  const std::string& identity_secret() const override { return lease_.secret(); }

  Result<std::unique_ptr<Reader>> make_reader() override { return open_postgres_reader(location_); }

  void maintain() override {
    move_on_in_quiet();
    if (commits_since_measured_ < kMeasureEvery) return;
    commits_since_measured_ = 0;
    if (const auto answer = link_.read(kBytes, {})) bytes_ = answer->integer(0, 0);
  }

  std::int64_t epoch() const noexcept override { return lease_.epoch(); }

  std::int64_t bytes_on_disk() const override { return bytes_; }

 private:
  /// All that reads waits for the transaction that is under way: the lease is its own until then.
  class WaitingLink final : public Link {
   public:
    explicit WaitingLink(PostgresStore& store) : store_(store) {}
    Result<Answer> read(const Sql& sql, const Parameters& parameters) override {
      DATASYNC_TRY(store_.settle());
      return store_.lease_.read(sql, parameters);
    }

   private:
    PostgresStore& store_;
  };

  const Lease::Marks& marks() const { return committer_.is_busy() ? marks_before_ : lease_.marks(); }

  /// Makes the steps of the batch's transaction.
  Result<void> prepare(const WriteBatch& batch) {
    DATASYNC_TRY(settle());
    batch_ = &batch;
    mark_ = std::max(low_water_, batch.low_water);
    marks_before_ = marks_after_ = lease_.marks();
    raise_numbers(marks_after_, batch);
    std::vector<HistoryEntry> histories;
    if (has_history_twice(batch)) DATASYNC_TRY(grow_histories(batch, histories));
    DATASYNC_TRY(rows_.fill(batch, marks().last_sequence, mark_, histories));
    gather_steps();
    return {};
  }

  void gather_steps() {
    steps_.assign(rows_.steps().begin(), rows_.steps().end());
    if (mark_.value < stored_low_water_.value + kLowWaterStep) return;
    put_mark_.clear();
    put_mark_.uuid(lease_.holder()).integer(mark_.value);
    steps_.push_back({&kPutLowWater, &put_mark_});
  }

  Result<void> complete(Outcome<void> done) {
    // Each of the three happens once.
    bool has_freed_keys = false;
    for (int attempt = 0; attempt < 3 && !done; ++attempt) {
      if (done.error().state == kHistoryState) {
        std::vector<HistoryEntry> histories;
        DATASYNC_TRY(grow_histories(*batch_, histories));
        DATASYNC_TRY(rows_.put_histories(histories));
      } else if (done.error().state == kKnownIdentityState) {
        rows_.allow_known_identities();
      } else if (done.error().state == kKnownKeyState && !std::exchange(has_freed_keys, true)) {
        rows_.free_keys();
      } else {
        break;
      }
      gather_steps();
      done = lease_.transact(steps_);
    }
    rows_.clear();
    if (!done) return fail(std::move(done).error().error);
    note_committed(*batch_, mark_);
    return {};
  }

  /// Waits for the transaction that is under way. Its failure is told to who waits, and once more by `finish_commit`.
  Result<void> settle() {
    if (!committer_.is_busy()) return {};
    auto done = complete(committer_.finish());
    if (!done) failure_ = done.error();
    return done;
  }

  bool works_on(const TenantId& tenant) const { return !shares_ || shares_->owns(tenant); }

  /// Other shards than before: what the mark and the last numbers say is about these.
  void take_up_part() {
    low_water_ = stored_low_water_ = lease_.marks().low_water;
    queries_.look_at(lease_.shards());
    retention_.look_at(lease_.shards());
  }

  /// Where nothing was open so far, nothing is below the numbers that come next.
  void raise_mark(Sequence last) {
    if (low_water_ > last) low_water_ = std::max(low_water_, Sequence{last_sequence().value + 1});
  }

  /// A part that nobody writes to must not keep the mark of all where it stood.
  void move_on_in_quiet() {
    const auto now = std::chrono::steady_clock::now();
    if (!shares_ || now < move_on_at_) return;
    move_on_at_ = now + kQuietMark;
    if (!settle() || !shares_->renew_numbers()) return;  // the next window will say why
    store_low_water();
    if (lease_.connected()) stored_low_water_ = low_water_;
  }

  static bool has_history_twice(const WriteBatch& batch) {
    std::vector<Sequence> events;
    for (const HistoryEntry& entry : batch.history) events.push_back(entry.event);
    std::sort(events.begin(), events.end());
    return std::adjacent_find(events.begin(), events.end()) != events.end();
  }

  /// A resolution changes a record in the name of the event that it resolves, which may have overwritten something
  /// before: the whole of it. Saying the same again adds nothing.
  Result<void> grow_histories(const WriteBatch& batch, std::vector<HistoryEntry>& histories) {
    std::map<Sequence, HistoryEntry> grown;
    for (const HistoryEntry& entry : batch.history) {
      auto at = grown.find(entry.event);
      if (at == grown.end()) {
        auto stored = own_queries_.load_history(entry.event);
        if (!stored) return fail(std::move(stored).error());
        at = grown.emplace(entry.event, entry).first;
        if (*stored) at->second = std::move(**stored);
      }
      HistoryEntry& whole = at->second;
      if (whole.overwritten == entry.overwritten) continue;
      whole.version = entry.version;
      whole.overwritten.insert(whole.overwritten.end(), entry.overwritten.begin(), entry.overwritten.end());
    }
    histories.clear();
    for (auto& [event, whole] : grown) histories.push_back(std::move(whole));
    return {};
  }

  static void raise_numbers(Lease::Marks& marks, const WriteBatch& batch) {
    for (const NewEvent& event : batch.events) {
      marks.last_sequence = std::max(marks.last_sequence, event.event->sequence);
    }
    for (const RecordWrite& write : batch.records) {
      marks.last_record_key = std::max(marks.last_record_key, write.record->key);
    }
  }

  void note_committed(const WriteBatch& batch, Sequence mark) {
    retention_.note(batch.states);
    low_water_ = mark;
    if (mark.value >= stored_low_water_.value + kLowWaterStep) stored_low_water_ = mark;
    raise_numbers(lease_.marks(), batch);
    ++commits_since_measured_;
  }

  /// At the end of a run, so that the next one begins to look where this one stopped; without it, it looks a little
  /// longer.
  void store_low_water() noexcept {
    if (low_water_ == stored_low_water_ || !lease_.connected()) return;
    put_mark_.clear();
    put_mark_.uuid(lease_.holder()).integer(low_water_.value);
    const Step step{&kPutLowWater, &put_mark_};
    static_cast<void>(lease_.transact({&step, 1}));
  }

  Location location_;
  Lease lease_;
  WaitingLink link_{*this};
  Queries queries_{link_};
  Queries own_queries_{lease_};  // of what is asked while `queries_` waits for the transaction that is under way
  EventParts parts_{lease_};
  Retention retention_{lease_};
  // Of the transaction that is being made, or under way.
  const WriteBatch* batch_ = nullptr;
  Sequence mark_{};
  BatchSteps rows_;
  std::vector<Step> steps_;
  Parameters put_mark_;
  Lease::Marks marks_before_, marks_after_;  // while it is under way
  std::optional<Error> failure_;             // of one that `finish_commit` has yet to tell
  Sequence low_water_{};
  Sequence stored_low_water_{};
  std::chrono::steady_clock::time_point move_on_at_{};
  int commits_since_measured_ = 0;
  std::atomic<std::int64_t> bytes_ = 0;
  std::optional<InstanceShares> shares_;  // only where instances share the database
  Committer committer_;                   // the last, so that it ends first
};

}  // namespace

Result<std::unique_ptr<Store>> open_postgres_store(const PostgresOptions& options) {
  auto location = read_location(options.url);
  if (!location) return fail(std::move(location).error());
  if (!options.import) DATASYNC_TRY(expect_no_import(options.url));
  auto store = std::make_unique<PostgresStore>(std::move(*location), options.instance, options.lease);
  if (auto opened = store->open(); !opened) return fail(std::move(opened).error());
  return store;
}

Result<void> migrate_postgres(const std::string& url, std::optional<std::int64_t> to) {
  const auto location = read_location(url);
  if (!location) return fail(location.error());
  auto connection = Connection::open(*location, Connection::Use::kWrite);
  if (!connection) return fail(std::move(connection).error().error);
  if (auto done = migrate(*connection, to); !done) return fail(std::move(done).error().error);
  return {};
}

Result<PostgresView> open_postgres_view(const std::string& url) {
  DATASYNC_TRY(expect_newest_schema(url));
  const auto location = read_location(url);
  if (!location) return fail(location.error());
  auto connection = Connection::open(*location, Connection::Use::kRead);
  if (!connection) return fail(std::move(connection).error().error);
  static constexpr Sql kLook{
      "",
      "SELECT (SELECT bytes FROM meta WHERE name = 'identity_secret'), greatest((SELECT max(seq) FROM event_log), "
      "(SELECT number FROM meta WHERE name = 'last_sequence'))"};
  const Step look{&kLook};
  const auto found = connection->run({&look, 1});
  if (!found) return fail(found.error().error);
  auto reader = open_postgres_reader(*location);
  if (!reader) return fail(std::move(reader).error());
  return PostgresView{std::move(*reader), std::string(found->front().bytes(0, 0)), {found->front().integer(0, 1)}};
}

bool is_postgres_url(std::string_view url) {
  return is_location(url);
}

std::string describe_url(const std::string& url) {
  const auto location = read_location(url);
  if (!location) return "postgresql://";
  std::string text = "postgresql://";
  for (const Location::Host& host : location->hosts) {
    if (&host != &location->hosts.front()) text += ',';
    text += host.host.empty() ? host.address : host.host;
    if (!host.port.empty()) text += ":" + host.port;
  }
  for (const auto& [name, value] : location->options) {
    if (name == "dbname") text += "/" + value;
  }
  return text;
}

Result<void> expect_newest_schema(const std::string& url) {
  const auto versions = look_at_schema(url);
  if (!versions) return fail(versions.error());
  if (versions->found == 0) return fail(ErrorCode::kUnavailable, "there is nothing at " + describe_url(url) + " yet");
  if (versions->found == versions->newest) return {};
  return fail(ErrorCode::kInvalid, "the database has schema " + std::to_string(versions->found) +
                                       ", this program knows " + std::to_string(versions->newest) +
                                       "; `data-sync migrate` brings it there");
}

Result<SchemaVersions> look_at_schema(const std::string& url) {
  const auto location = read_location(url);
  if (!location) return fail(location.error());
  auto connection = Connection::open(*location, Connection::Use::kRead);
  if (!connection) return fail(std::move(connection).error().error);
  const auto versions = read_versions(*connection);
  if (!versions) return fail(versions.error().error);
  return SchemaVersions{versions->found, versions->newest};
}

}  // namespace datasync::storage::postgres
