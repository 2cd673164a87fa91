#include "storage/postgres/connection.h"

#include <fmt/format.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "base/log.h"

namespace datasync::storage::postgres {
namespace {

constexpr int kOldestServer = 140'000;  // 14: pipelines, and functions that the schema uses
constexpr int kVersionParts = 10'000;

using Clock = std::chrono::steady_clock;

/// What the server tells beside its answers. Its text may quote what is stored.
void log_notice(void*, const PGresult* notice) {
  const char* severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
  const char* state = PQresultErrorField(notice, PG_DIAG_SQLSTATE);
  log::debug("the database says {} {}", severity == nullptr ? "?" : severity, state == nullptr ? "?" : state);
}

std::string milliseconds_text(std::chrono::seconds time) {
  return std::to_string(std::chrono::milliseconds(time).count());
}

/// Of the session, or of one transaction where sessions are not ours.
std::string settings_for(Connection::Use use, bool pooled) {
  const bool writes = use == Connection::Use::kWrite;
  const std::vector<std::pair<std::string, std::string>> values = {
      {"statement_timeout", milliseconds_text(Connection::kStatementMax)},
      {"lock_timeout", milliseconds_text(Connection::kLockMax)},
      {"idle_in_transaction_session_timeout", milliseconds_text(Connection::kIdleMax)},
      {"jit", "off"},  // compiling costs more than any of these statements
      {"client_min_messages", "warning"},
      // Arrays of any length come in the same few statements: their plans don't depend on the values.
      {"plan_cache_mode", writes ? "force_generic_plan" : "auto"},
      // All that the writer does goes by keys. A plan that was made while the tables were empty would read them
      // through.
      {"enable_seqscan", writes ? "off" : "on"},
      {"enable_hashjoin", writes ? "off" : "on"},
      {"enable_mergejoin", writes ? "off" : "on"},
      {pooled ? "transaction_read_only" : "default_transaction_read_only", writes ? "off" : "on"},
  };
  std::string sql = "SELECT ";
  for (const auto& [name, value] : values) {
    sql += fmt::format("set_config('{}', '{}', {}), ", name, value, pooled);
  }
  // Whoever wants more than `on` (remote_apply) has it; less would lose what was answered.
  sql += fmt::format(
      "set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN "
      "'remote_apply' ELSE 'on' END, {}), current_setting('server_encoding')",
      pooled);
  return sql;
}

}  // namespace

Outcome<Connection> Connection::open(const Location& location, Use use) {
  Outcome<Connection> connection = tl::unexpected<Failure>(Failure{});
  for (const Location::Host& host : location.hosts) {
    connection = connect(location, host, use);
    // Somebody has ended this one; another is to be had at once, and where the server stops, that says so.
    if (!connection && connection.error().state == kAdminShutdown) connection = connect(location, host, use);
    if (connection) return connection;
  }
  return connection;
}

Outcome<Connection> Connection::connect(const Location& location, const Location::Host& host, Use use) {
  std::vector<const char*> names;
  std::vector<const char*> values;
  const auto add = [&](const char* name, const char* value) {
    if (*value == '\0') return;
    names.push_back(name);
    values.push_back(value);
  };
  // Of two with one name the later one counts, so the URL's own words stand behind ours.
  add("fallback_application_name", "data-sync");
  add("keepalives_idle", "10");
  add("keepalives_interval", "5");
  add("keepalives_count", "3");
  add("tcp_user_timeout", "20000");
  if (use == Use::kWrite) add("target_session_attrs", "read-write");
  for (const auto& [name, value] : location.options) add(name.c_str(), value.c_str());
  add("client_encoding", "UTF8");
  add("host", host.host.c_str());
  add("hostaddr", host.address.c_str());
  add("port", host.port.c_str());
  names.push_back(nullptr);
  values.push_back(nullptr);

  Connection connection(PQconnectStartParams(names.data(), values.data(), 0));
  if (!connection.native_) return tl::unexpected(connection.lose("out of memory"));
  PQsetErrorVerbosity(connection.native_.get(), PQERRORS_SQLSTATE);  // the code, in whatever language it speaks
  PQsetNoticeReceiver(connection.native_.get(), &log_notice, nullptr);
  connection.pooled_ = location.pooled;
  if (auto done = connection.finish_connecting(Clock::now() + kConnectMax); !done) {
    return tl::unexpected(std::move(done).error());
  }
  if (auto done = connection.set_up(use); !done) return tl::unexpected(std::move(done).error());
  return connection;
}

Outcome<void> Connection::finish_connecting(Deadline deadline) {
  PostgresPollingStatusType status = PGRES_POLLING_WRITING;
  if (PQstatus(native_.get()) == CONNECTION_BAD) status = PGRES_POLLING_FAILED;
  while (status != PGRES_POLLING_OK) {
    if (status == PGRES_POLLING_FAILED) return tl::unexpected(connect_failure(PQerrorMessage(native_.get())));
    auto ready = wait(status == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline);
    if (!ready) return tl::unexpected(connect_failure("no connection within the limit"));
    status = PQconnectPoll(native_.get());
  }
  return {};
}

Outcome<void> Connection::set_up(Use use) {
  const auto refuse = [](std::string message) {
    return tl::unexpected(Failure{{ErrorCode::kInvalid, std::move(message), {}}});
  };
  const int version = PQserverVersion(native_.get());
  if (version < kOldestServer) {
    return refuse(fmt::format("the database server is PostgreSQL {}; {} or newer is needed", version / kVersionParts,
                              kOldestServer / kVersionParts));
  }
  PQsetnonblocking(native_.get(), 1);
  PQenterPipelineMode(native_.get());
  const bool pooled = std::exchange(pooled_, false);
  settings_ = settings_for(use, pooled);
  const Sql sql{"", settings_.c_str()};
  const Step step{&sql};
  auto answers = run({&step, 1});
  pooled_ = pooled;
  if (!answers) return tl::unexpected(std::move(answers).error());
  const Answer& answer = answers->front();
  if (answer.bytes(0, answer.columns() - 1) != "UTF8") {
    return refuse("the database must have the encoding UTF8; CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0");
  }
  return {};
}

Outcome<std::vector<Answer>> Connection::run(std::span<const Step> steps) {
  if (lost_) return tl::unexpected(lost_failure("it was lost before"));
  const Deadline deadline = Clock::now() + kAnswerMax;
  if (auto sent = send(steps, deadline); !sent) return tl::unexpected(std::move(sent).error());
  auto answers = collect(deadline);
  if (answers || lost_ || PQtransactionStatus(native_.get()) == PQTRANS_IDLE) return answers;
  static constexpr Sql kRollBack{"roll_back", "ROLLBACK"};
  const Step roll_back{&kRollBack};
  const bool pooled = std::exchange(pooled_, false);
  auto rolled_back = send({&roll_back, 1}, deadline);
  if (rolled_back && !collect(deadline) && !lost_) static_cast<void>(lose("a transaction could not be rolled back"));
  pooled_ = pooled;
  return answers;
}

Outcome<void> Connection::run_script(const char* sql, std::chrono::seconds limit) {
  if (lost_) return tl::unexpected(lost_failure("it was lost before"));
  const Deadline deadline = Clock::now() + limit;
  if (PQexitPipelineMode(native_.get()) != 1 || PQsendQuery(native_.get(), sql) != 1) {
    return tl::unexpected(lose(PQerrorMessage(native_.get())));
  }
  std::optional<Failure> failure;
  for (;;) {
    auto result = next_result(deadline);
    if (!result) return tl::unexpected(std::move(result).error());
    if (*result == nullptr) break;
    const Answer answer(*result);
    if (PQresultStatus(*result) == PGRES_FATAL_ERROR && !failure) failure = failure_of(*result);
  }
  if (failure && failure->lost) lost_ = true;
  if (!lost_) PQenterPipelineMode(native_.get());
  if (failure) return tl::unexpected(std::move(*failure));
  return {};
}

Outcome<void> Connection::send(std::span<const Step> steps, Deadline deadline) {
  queued_.clear();
  preparing_.clear();
  bool queued = true;
  if (pooled_) {
    const Sql sql{"", settings_.c_str()};
    queued = queue({&sql});
    if (!queued_.empty()) queued_.back().is_ours = true;
  }
  for (const Step& step : steps) queued = queued && queue(step);
  if (!queued || PQpipelineSync(native_.get()) != 1) return tl::unexpected(lose(PQerrorMessage(native_.get())));
  for (;;) {
    const int left = PQflush(native_.get());
    if (left == 0) return {};
    if (left < 0) return tl::unexpected(lose(PQerrorMessage(native_.get())));
    // It reads meanwhile: a server whose answers nobody takes stops listening.
    if (auto ready = wait(POLLIN | POLLOUT, deadline); !ready) return ready;
    if (PQconsumeInput(native_.get()) != 1) return tl::unexpected(lose(PQerrorMessage(native_.get())));
  }
}

bool Connection::queue(const Step& step) {
  const Sql& sql = *step.sql;
  const bool by_name = !pooled_ && !sql.name.empty();
  const std::string name(by_name ? sql.name : "");
  if (by_name && !prepared_.contains(sql.name) && preparing_.insert(sql.name).second) {
    if (PQsendPrepare(native_.get(), name.c_str(), sql.text, 0, nullptr) != 1) return false;
    queued_.push_back({sql.name, true});
  }
  arguments_ = {};
  if (step.parameters != nullptr) step.parameters->to_native(arguments_);
  const int count = static_cast<int>(arguments_.values.size());
  queued_.push_back({});
  if (by_name) {
    return PQsendQueryPrepared(native_.get(), name.c_str(), count, arguments_.values.data(), arguments_.lengths.data(),
                               arguments_.formats.data(), 1) == 1;
  }
  return PQsendQueryParams(native_.get(), sql.text, count, nullptr, arguments_.values.data(), arguments_.lengths.data(),
                           arguments_.formats.data(), 1) == 1;
}

Outcome<std::vector<Answer>> Connection::collect(Deadline deadline) {
  std::vector<Answer> answers;
  std::optional<Failure> failure;
  std::size_t at = 0;
  bool between = false;
  for (;;) {
    auto result = next_result(deadline);
    if (!result) return tl::unexpected(failure ? std::move(*failure) : std::move(result).error());
    if (*result == nullptr) {  // the end of one statement's answers
      if (std::exchange(between, true)) return tl::unexpected(lose("an answer is missing"));
      continue;
    }
    between = false;
    Answer answer(*result);
    switch (PQresultStatus(*result)) {
      case PGRES_PIPELINE_SYNC:
        if (failure) return tl::unexpected(std::move(*failure));
        return answers;
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK:
        if (at < queued_.size()) {
          const Queued& queued = queued_[at++];
          if (!queued.prepares.empty()) prepared_.insert(queued.prepares);
          if (!queued.is_ours) answers.push_back(std::move(answer));
        }
        break;
      case PGRES_PIPELINE_ABORTED:
        break;
      default:
        if (!failure) failure = failure_of(*result);
        if (!failure->lost) break;
        lost_ = true;
        return tl::unexpected(std::move(*failure));
    }
  }
}

Outcome<PGresult*> Connection::next_result(Deadline deadline) {
  while (PQisBusy(native_.get()) != 0) {
    if (auto ready = wait(POLLIN, deadline); !ready) return tl::unexpected(std::move(ready).error());
    if (PQconsumeInput(native_.get()) != 1) {
      // The server's last words may have come just before the end.
      if (PQisBusy(native_.get()) != 0) return tl::unexpected(lose(PQerrorMessage(native_.get())));
    }
  }
  return PQgetResult(native_.get());
}

Outcome<void> Connection::wait(short events, Deadline deadline) {
  for (;;) {
    pollfd one{PQsocket(native_.get()), events, 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    const int ready = left <= 0 ? 0 : ::poll(&one, 1, static_cast<int>(left));
    if (ready > 0) return {};
    if (ready == 0) return tl::unexpected(lose("it does not answer"));
    if (errno != EINTR) return tl::unexpected(lose(std::generic_category().message(errno)));
  }
}

Failure Connection::lose(std::string detail) {
  lost_ = true;
  return lost_failure(std::move(detail));
}

}  // namespace datasync::storage::postgres
