// CPU that the store takes for one event, and its bytes on disk.
//
//   storage_bench [--folder DIR] [--events N] [--known N] [--tenants N] [--acknowledge]
//   DATASYNC_POSTGRES_OPTIONS='-c fsync=on' scripts/with_postgres.sh sh -c 'storage_bench --database
//   "$DATASYNC_POSTGRES_URL"'
//
// Each window of the pipeline is one commit: it accepts and reconciles a batch of events (log, keys, state, record,
// history) and notes the outcomes for two earlier batches, one per target. `known` events change a record picked at
// random from those made before; `new` ones make a record with three identities. With --acknowledge the outcomes write
// the records too, as they do when what a target now holds has to be remembered. Times are CPU of the committing
// thread, kernel included; with a server, also that of all processes named postgres.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include <chrono>
#include <ctime>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/uuid.h"
#include "domain/event.h"
#include "domain/record.h"
#include "storage/engines.h"
#include "storage/sqlite/sqlite_store.h"

namespace datasync::storage {
namespace {

struct Settings {
  std::string folder = ".";
  std::string database;  // a URL; empty: an SQLite file in the folder
  int events = 100'000;
  int known = 50'000;
  int tenants = 20;
  bool acknowledge = false;
  int cache_mib = 0;
  int wal_mib = 0;
};

double thread_cpu_us() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

/// Of all processes of database servers on this machine.
double server_cpu_us() {
  double ticks = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "stat");
    std::string line;
    if (!std::getline(file, line) || line.find("(postgres)") == std::string::npos) continue;
    std::istringstream fields(line.substr(line.rfind(')') + 2));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    double user = 0;
    double system = 0;
    if (fields >> user >> system) ticks += user + system;
  }
  return ticks * 1e6 / static_cast<double>(sysconf(_SC_CLK_TCK));
}

/// Bytes that this process has handed to the kernel for files.
std::int64_t bytes_written() {
  std::ifstream file("/proc/self/io");
  std::string name;
  std::int64_t value = 0;
  while (file >> name >> value) {
    if (name == "wchar:") return value;
  }
  return 0;
}

class Workload {
 public:
  Workload(const Settings& settings, Store& store)
      : settings_(settings),
        store_(store),
        random_(make_seeded_random(1 + static_cast<std::uint64_t>(store.last_sequence().value))),
        uuids_(clock_, *random_),
        sequence_(store.last_sequence().value),
        first_record_(store.last_record_key().value + 1) {}

  struct Cost {
    double cpu_us = 0;
    double server_us = 0;
    double wall_us = 0;
    double slowest_ms = 0;
    std::int64_t written = 0;
  };

  Cost run(int events, int batch_size, bool fresh) {
    Cost cost;
    const double server = server_cpu_us();
    for (int done = 0; done < events; done += batch_size) {
      clock_.advance(milliseconds{2});
      make_batch(batch_size, fresh);
      const std::int64_t written = bytes_written();
      const auto wall = std::chrono::steady_clock::now();
      const double cpu = thread_cpu_us();
      if (auto committed = store_.commit(batch_); !committed) {
        fmt::print(stderr, "{}: {}\n", committed.error().message, committed.error().detail);
        std::exit(1);
      }
      cost.cpu_us += thread_cpu_us() - cpu;
      const double wall_us = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - wall).count();
      cost.wall_us += wall_us;
      cost.slowest_ms = std::max(cost.slowest_ms, wall_us / 1000);
      cost.written += bytes_written() - written;
    }
    cost.server_us = server_cpu_us() - server;
    return cost;
  }

 private:
  struct Sent {
    std::vector<EventState> states;
    std::vector<std::shared_ptr<Record>> records;
  };

  void make_batch(int size, bool fresh) {
    batch_.clear();
    Sent sent;
    for (int i = 0; i < size; ++i) {
      Event event = make_event();
      std::shared_ptr<Record> record = fresh || records_.empty() ? make_record(event.tenant) : pick_record();
      const std::int64_t before = record->version.value;
      change(*record, event.sequence, before == 0);
      batch_.records.push_back({record, {before}, false});
      if (before > 0)
        batch_.history.push_back({event.sequence, record->key, record->tenant, record->version, {record->fields[2]}});
      EventState state;
      state.sequence = event.sequence;
      state.record = record->key;
      for (const char* target : {"coreldove", "bizosaas"}) state.results.emplace_back().target = PlatformId(target);
      sent.states.push_back(state);
      sent.records.push_back(record);
      batch_.states.push_back(state);
      NewEvent accepted;
      accepted.keys = {event_key_of(event.id.str())};
      accepted.content = {random_->next(), random_->next()};
      accepted.event = std::make_shared<const Event>(std::move(event));
      batch_.events.push_back(std::move(accepted));
    }
    in_flight_.push_back(std::move(sent));
    if (in_flight_.size() > 1) note_outcome(in_flight_[in_flight_.size() - 2], 0, EventStatus::kPending);
    if (in_flight_.size() > 2) {
      note_outcome(in_flight_[in_flight_.size() - 3], 1, EventStatus::kCompleted);
      in_flight_.pop_front();
    }
    batch_.low_water = in_flight_.front().states.front().sequence;
  }

  Event make_event() {
    Event event;
    event.sequence = {++sequence_};
    event.id = EventId(format_uuid(uuids_.next()));
    event.tenant = tenant();
    event.type = "user_updated";
    event.entity = "user";
    event.source = PlatformId("bizoholic");
    event.targets = {PlatformId("coreldove"), PlatformId("bizosaas")};
    event.own_id = "customer-" + std::to_string(random_->next() % 1'000'000);
    event.data.set("user_id", Value::string(event.own_id));
    for (int i = 0; i < 9; ++i) event.data.set("field_" + std::to_string(i), value());
    event.created_at = clock_.now();
    event.occurred_at = clock_.now();
    event.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    event.order_key = random_->next();
    return event;
  }

  TenantId tenant() {
    return TenantId(
        fmt::format("5d1f6c1e-8a50-4a6f-9d5c-{:012}", random_->next() % static_cast<unsigned>(settings_.tenants)));
  }
  Value value() { return Value::string(fmt::format("value number {:016x}", random_->next())); }

  std::shared_ptr<Record> make_record(const TenantId& tenant) {
    auto record = std::make_shared<Record>();
    record->key = {static_cast<std::int64_t>(records_.size()) + first_record_};
    record->tenant = tenant;
    record->entity = "user";
    record->id = EntityId(format_uuid(uuids_.next()));
    record->created_at = clock_.now();
    records_.push_back(record);
    for (const auto kind : {IdentityKind::kCanonical, IdentityKind::kOwnId, IdentityKind::kNaturalKey}) {
      batch_.identities.push_back({{random_->next(), random_->next()}, kind, record->key, tenant, false});
    }
    return record;
  }

  std::shared_ptr<Record> pick_record() {
    // A record has one delivery at a time to a target, so it is not picked again while it is on its way.
    for (;;) {
      auto& record = records_[random_->next() % records_.size()];
      if (record->updated_at + milliseconds{8} <= clock_.now()) return record;
    }
  }

  void change(Record& record, Sequence event, bool all) {
    ++record.version.value;
    record.updated_at = clock_.now();
    for (int i = all ? 0 : 2; i < (all ? 9 : 4); ++i) {
      FieldState& field = record.at_or_new("field_" + std::to_string(i));
      field.value = value();
      field.writer = PlatformId("bizoholic");
      field.time = {clock_.now().time_since_epoch().count()};
      field.source_time = clock_.now();
      field.version = record.version;
      field.event = event;
    }
    acknowledge(record, "bizoholic");
  }

  void acknowledge(Record& record, const char* platform) {
    Knowledge& known = record.knowledge_of(PlatformId(platform));
    known.learn_id("", "customer-12345");
    for (const FieldState& field : record.fields) {
      const KnownValue* held = known.find(field.name);
      if (held == nullptr || held->version != field.version)
        known.hold({field.name, field.version, field.value.hash(), clock_.now()});
    }
    known.earlier.clear();
  }

  void note_outcome(Sent& sent, std::size_t target, EventStatus status) {
    for (std::size_t i = 0; i < sent.states.size(); ++i) {
      EventState& state = sent.states[i];
      state.status = status;
      if (status == EventStatus::kCompleted) state.processed_at = clock_.now();
      DeliveryResult& result = state.results[target];
      result.status = ResultStatus::kCompleted;
      result.attempts = 1;
      result.processed_at = clock_.now();
      result.first_attempt_at = clock_.now();
      result.sent_version = sent.records[i]->version;
      batch_.states.push_back(state);
      acknowledge(*sent.records[i], result.target.str().c_str());
      if (!settings_.acknowledge) continue;
      batch_.records.push_back({sent.records[i], sent.records[i]->version, true});
    }
  }

  const Settings& settings_;
  Store& store_;
  ManualClock clock_;
  std::unique_ptr<Random> random_;
  UuidGenerator uuids_;
  std::int64_t sequence_;
  std::int64_t first_record_;
  std::vector<std::shared_ptr<Record>> records_;
  std::deque<Sent> in_flight_;
  WriteBatch batch_;
};

std::string file_of(const Settings& settings) {
  return settings.folder + "/storage_bench.db";
}

void remove_files(const Settings& settings) {
  for (const char* end : {"", "-wal", "-shm", ".lock"}) std::filesystem::remove(file_of(settings) + end);
}

Result<std::unique_ptr<Store>> open(const Settings& settings) {
  if (!settings.database.empty()) return open_store({settings.database, "bench"});
  sqlite::SqliteOptions options;
  options.path = file_of(settings);
  options.instance = "bench";
  if (settings.cache_mib > 0) options.cache_bytes = std::int64_t{settings.cache_mib} << 20;
  if (settings.wal_mib > 0) options.wal_bytes_max = std::int64_t{settings.wal_mib} << 20;
  return sqlite::open_sqlite_store(options);
}

void measure(const Settings& settings, int batch_size) {
  remove_files(settings);
  auto store = open(settings);
  if (!store) {
    fmt::print(stderr, "{}: {}\n", store.error().message, store.error().detail);
    std::exit(1);
  }
  Workload workload(settings, **store);
  const auto size_now = [&] {
    if (settings.database.empty()) return static_cast<std::int64_t>(std::filesystem::file_size(file_of(settings)));
    (*store)->maintain();
    return (*store)->bytes_on_disk();
  };
  std::int64_t size = size_now();
  const auto print = [&](const char* name, int events, const Workload::Cost& cost) {
    const double count = events;
    const std::int64_t grown = size_now() - size;
    size += grown;
    fmt::print("{:>5} {:>5}   {:6.2f} us CPU", batch_size, name, cost.cpu_us / count);
    if (!settings.database.empty()) fmt::print("   {:6.2f} us of the server", cost.server_us / count);
    fmt::print("   {:7.2f} us wall   slowest {:6.1f} ms   {:6.0f} B written   {:5.0f} B kept\n", cost.wall_us / count,
               cost.slowest_ms, static_cast<double>(cost.written) / count, static_cast<double>(grown) / count);
  };
  print("new", settings.known, workload.run(settings.known, batch_size, true));
  print("known", settings.events, workload.run(settings.events, batch_size, false));
  store->reset();
  remove_files(settings);
}

}  // namespace
}  // namespace datasync::storage

int main(int argc, char** argv) {
  datasync::storage::Settings settings;
  CLI::App app("CPU and bytes per event of the store");
  std::vector<int> batches{20, 100, 500};
  app.add_option("--folder", settings.folder, "where the database is made and removed");
  app.add_option("--database", settings.database, "a URL, else an SQLite file in the folder");
  app.add_option("--events", settings.events, "events that change a known record");
  app.add_option("--known", settings.known, "events that make a record, measured too");
  app.add_option("--tenants", settings.tenants);
  app.add_option("--cache", settings.cache_mib, "MiB, else the default");
  app.add_option("--wal", settings.wal_mib, "MiB, else the default");
  app.add_option("--batch", batches, "events per commit");
  app.add_flag("--acknowledge", settings.acknowledge, "outcomes write records too");
  CLI11_PARSE(app, argc, argv);
  fmt::print("batch  kind   per event, {} tenants{}\n", settings.tenants, settings.acknowledge ? ", acknowledged" : "");
  for (const int batch : batches) datasync::storage::measure(settings, batch);
}
