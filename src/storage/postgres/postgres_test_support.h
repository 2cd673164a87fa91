#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "storage/postgres/connection.h"

namespace datasync::storage::postgres::test {

/// Of the server that the test script has started (`scripts/with_postgres.sh`). Without one, tests fail: an engine that
/// was not tested does not pass.
inline std::string server_url() {
  const char* url = std::getenv("DATASYNC_POSTGRES_URL");
  if (url == nullptr) {
    ADD_FAILURE() << "DATASYNC_POSTGRES_URL names no server; run this through scripts/with_postgres.sh, as ctest does";
    return "postgresql://nobody@127.0.0.1:1/nothing";
  }
  return url;
}

inline std::uint16_t port_of(const std::string& url) {
  return static_cast<std::uint16_t>(std::stoi(read_location(url)->hosts[0].port));
}

/// Puts something else in place of a part of the server's URL.
inline std::string url_with(const std::string& part, const std::string& other) {
  std::string url = server_url();
  const std::size_t at = url.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  return at == std::string::npos ? url : url.replace(at, part.size(), other);
}

/// Runs statements as the owner of the server; a test that can't has failed.
inline void run_sql(const std::string& sql) {
  auto connection = Connection::open(*read_location(server_url()), Connection::Use::kWrite);
  ASSERT_TRUE(connection) << connection.error().error.message << ": " << connection.error().error.detail;
  const auto done = connection->run_script(sql.c_str(), std::chrono::seconds{30});
  ASSERT_TRUE(done) << done.error().error.message << ": " << done.error().error.detail;
}

/// The number in the first column of the first row.
inline std::int64_t ask_number(const std::string& sql) {
  auto connection = Connection::open(*read_location(server_url()), Connection::Use::kWrite);
  EXPECT_TRUE(connection);
  if (!connection) return -1;
  const Sql asked{"", sql.c_str()};
  const Step step{&asked};
  const auto answers = connection->run({&step, 1});
  EXPECT_TRUE(answers) << answers.error().error.message << ": " << answers.error().error.detail;
  return answers ? answers->front().integer(0, 0) : -1;
}

/// A schema that goes with the test. A child process that ends by itself leaves it alone.
class TemporarySchema {
 public:
  TemporarySchema() {
    static std::atomic<int> count = 0;
    name_ = "test_" + std::to_string(owner_) + "_" + std::to_string(++count);
    run_sql("CREATE SCHEMA " + name_);
  }
  ~TemporarySchema() {
    if (::getpid() == owner_) run_sql("DROP SCHEMA " + name_ + " CASCADE");
  }
  TemporarySchema(const TemporarySchema&) = delete;
  TemporarySchema& operator=(const TemporarySchema&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  /// Of this schema, on that server.
  [[nodiscard]] std::string url(const std::string& server = server_url()) const {
    const char* joint = server.find('?') == std::string::npos ? "?" : "&";
    return server + joint + "options=-csearch_path%3D" + name_;
  }

 private:
  pid_t owner_ = ::getpid();
  std::string name_;
};

}  // namespace datasync::storage::postgres::test
