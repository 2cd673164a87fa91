#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/backend.h"
#include "api/http_stats.h"
#include "api/problem.h"
#include "api/work_pool.h"
#include "base/result.h"
#include "base/time.h"
#include "domain/value.h"
#include "pipeline/catalog.h"
#include "security/gatekeeper.h"
#include "security/verification_token.h"
#include "storage/shares.h"

namespace datasync::api {

class EventHub;
class Stats;
struct Call;

struct ApiOptions {
  std::string version = "0.1.0";
  std::string environment = "development";             ///< as `/health` and `/` tell it
  std::size_t body_bytes_max = 1024 * 1024;            ///< one event, and every other call
  std::size_t bulk_body_bytes_max = 16 * 1024 * 1024;  ///< `/sync/events/batch`, and CloudEvents in batches
  std::size_t bulk_events_max = 10'000;                ///< events in one bulk body
  std::size_t query_threads = 2;                       ///< reads of the store at one time
  std::size_t query_queue_max = 256;                   ///< reads waiting; one more is 503
  std::size_t bulk_queue_max = 64;                     ///< bulk bodies waiting; one more is 503
};

/// Asked for each call of a known caller: none lets it pass, a time refuses it with 429 until then.
using RateGate = std::function<std::optional<seconds>(const security::Caller& caller, const Call& call)>;

/// Reads a proposed configuration: YAML in a JSON string, or the same words as a JSON object. It is laid over what is
/// in force and changes nothing there. Errors: every fault, with a JSON pointer that counts from the proposal. Threads:
/// any.
using Propose = std::function<tl::expected<std::shared_ptr<const pipeline::Catalog>, std::vector<FieldError>>(
    const Value& proposal)>;

/// How the source of rates of exchange stands.
struct RateSourceStatus {
  std::string source;                          ///< scheme, host and port
  bool degraded = false;                       ///< nothing is known yet, or some rate is too old or not believed
  std::size_t currencies = 0;                  ///< of which a rate is known
  std::optional<Timestamp> as_of;              ///< the newest of them is of then
  std::optional<Timestamp> heard_at;           ///< the last good answer; none since the start
  std::string last_error;                      ///< of the last request; empty: none
  std::vector<std::string> too_old;            ///< currencies that nothing is converted into any more
  std::map<std::string, std::string> refused;  ///< currency: why what the source tells of it is not taken
};

/// How Redis stands.
struct RedisStatus {
  std::string_view word;      ///< `healthy`, `unhealthy` where it refuses something, or `disconnected`
  std::uint64_t dropped = 0;  ///< messages that no channel got, since the start
};

/// How the log stands that events are accepted into.
struct EventLogStatus {
  bool connected = false;
  std::int64_t lag = 0;            ///< events of this instance's shards that wait there
  std::uint64_t appended = 0;      ///< since the start, as `dead_letters`
  std::uint64_t dead_letters = 0;  ///< entries that could not be taken from it
};
/// As `pipeline::EventLog::catch_up`.
using CatchUp = std::function<bool(const storage::Reader::Tenants& tenants, milliseconds patience)>;

/// How the topics of Kafka stand that others write and read, where there are such.
struct TopicsStatus {
  struct Outcomes {
    std::uint64_t published = 0;  ///< since the start, as the rest
    std::uint64_t dropped = 0;    ///< that Kafka did not keep
  };
  struct Input {
    std::int64_t lag = 0;  ///< messages of this instance's partitions that are not taken yet
    std::uint64_t taken = 0;
    std::uint64_t dead_letters = 0;
  };
  std::optional<Outcomes> outcomes;
  std::optional<Input> input;
};

/// Where routes find what they need. All is borrowed or owned by `Api` and lives as long as it does.
struct Services {
  Backend& backend;
  const Clock& clock;
  security::Gatekeeper& gatekeeper;
  Stats& stats;
  EventHub& hub;
  std::function<std::shared_ptr<const pipeline::Catalog>()> catalog;
  security::VerificationTokens verifications;
  std::function<std::int64_t()> bytes_on_disk;
  RateGate rate_gate;
  Propose propose;
  std::function<std::optional<RateSourceStatus>()> rate_source;  ///< may be empty: there is none
  std::function<std::optional<RedisStatus>()> redis;             ///< may be empty: there is none
  const storage::Shares* shares;                                 ///< may be null: there are no other instances
  std::function<EventLogStatus()> event_log;                     ///< may be empty: the store accepts events
  CatchUp catch_up;                                              ///< where there is an `event_log`
  ApiOptions options;
  std::atomic<bool> is_proposal_under_way{false};
  HttpStats http_stats = {};
  std::unique_ptr<WorkPool> queries = {};     ///< short reads
  std::unique_ptr<WorkPool> bulk = {};        ///< bodies that take milliseconds to read
  std::function<TopicsStatus()> topics = {};  ///< may be empty: there are none
};

}  // namespace datasync::api
