#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/postgres/answer.h"
#include "storage/postgres/failure.h"
#include "storage/postgres/location.h"
#include "storage/postgres/parameters.h"

namespace datasync::storage::postgres {

/// A statement. One with a name is prepared on a connection when it is first run there; both outlive the connection.
struct Sql {
  std::string_view name;
  const char* text;
};

/// One statement of a pipeline. Borrows.
struct Step {
  const Sql* sql;
  const Parameters* parameters = nullptr;  ///< null: it has none
};

/// One connection to a server that takes writes, in pipeline mode. Private to this folder, as all that knows `PGconn`.
///
/// Waits: never longer than the limits below; a server that says nothing within them counts as lost.
/// Errors: a connection that is lost stays so; make another.
/// Threads: one at a time.
class Connection {
 public:
  static constexpr std::chrono::seconds kConnectMax{5};     ///< for each host
  static constexpr std::chrono::seconds kStatementMax{10};  ///< `statement_timeout`
  static constexpr std::chrono::seconds kLockMax{5};        ///< `lock_timeout`; longer than the next one
  static constexpr std::chrono::seconds kIdleMax{3};        ///< `idle_in_transaction_session_timeout`
  static constexpr std::chrono::seconds kAnswerMax{15};     ///< for all statements of a pipeline together

  enum class Use : std::uint8_t { kWrite, kRead };
  [[nodiscard]] static Outcome<Connection> open(const Location& location, Use use);

  /// Runs the statements in one pipeline: outside of BEGIN and COMMIT they are one transaction. One answer each, or the
  /// first refusal; after it nothing of the pipeline was run, and an open transaction is rolled back.
  [[nodiscard]] Outcome<std::vector<Answer>> run(std::span<const Step> steps);
  /// Several statements without parameters, of which each may take long: for migrations.
  [[nodiscard]] Outcome<void> run_script(const char* sql, std::chrono::seconds limit);

  [[nodiscard]] bool lost() const noexcept { return lost_; }

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  struct Close {
    void operator()(PGconn* native) const noexcept { PQfinish(native); }
  };
  explicit Connection(PGconn* native) : native_(native) {}

  static Outcome<Connection> connect(const Location& location, const Location::Host& host, Use use);
  Outcome<void> set_up(Use use);
  Outcome<void> finish_connecting(Deadline deadline);
  Outcome<void> wait(short events, Deadline deadline);
  Outcome<void> send(std::span<const Step> steps, Deadline deadline);
  bool queue(const Step& step);
  Outcome<std::vector<Answer>> collect(Deadline deadline);
  Outcome<PGresult*> next_result(Deadline deadline);
  Failure lose(std::string detail);

  std::unique_ptr<PGconn, Close> native_;
  bool lost_ = false;
  bool pooled_ = false;
  std::string settings_;  // a statement that makes them; of each transaction where it is pooled
  std::set<std::string_view> prepared_;
  std::set<std::string_view> preparing_;  // within the pipeline that is being sent
  struct Queued {
    std::string_view prepares;  // the statement that it prepares; empty for one that runs
    bool is_ours = false;       // its answer is nobody else's business
  };
  std::vector<Queued> queued_;
  Parameters::Native arguments_;
};

}  // namespace datasync::storage::postgres
