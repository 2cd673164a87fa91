#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/random.h"
#include "net/http_client.h"
#include "pipeline/testing/world.h"

namespace datasync::pipeline {

/// The person who decides reviews, and a witness of what must hold while they are open. What goes against the rules is
/// said to the world.
class Reviewer {
 public:
  /// `commits_fail`: then a decision may be refused, and a request leave that was composed long before.
  Reviewer(World& world, Random& dice, bool commits_fail);

  /// Decides one open review, somehow: with outdated eyes, or twice, too. False if none is open.
  bool decide_any();

  /// Whether a platform's value was golden once, or stands in a conflict.
  [[nodiscard]] bool is_kept(const TenantId& tenant, const std::string& field, const Value& value) const;

  std::size_t decided = 0;
  std::size_t refused = 0;  ///< decisions about what had moved on

 private:
  [[nodiscard]] double unit() { return dice_.unit(); }
  [[nodiscard]] std::size_t below(std::size_t n) { return static_cast<std::size_t>(dice_.next() % n); }

  // What must hold after each transaction.
  void look();
  void look_at(const Record& record);
  void look_at(const Record& record, const Hold& hold);
  void look_at_events();
  void look_at_conflicts();
  [[nodiscard]] bool is_about_missing(const Conflict& review) const;
  [[nodiscard]] const Conflict* find_conflict(const std::string& id) const;

  // What must hold of each request.
  void hear(const std::string& host, const net::ClientRequest& request);
  void hear_item(const TestPlatform& platform, const std::string& verb, const std::string& key, const Fields& envelope);
  [[nodiscard]] bool began_before(const std::string& review, const PlatformId& target, const TenantId& tenant,
                                  const std::string& key) const;

  bool assign(const Conflict& review);
  void decide_at_once();
  [[nodiscard]] bool have_one_address(const Conflict& review) const;
  [[nodiscard]] ReviewDecision choose(const Conflict& review, Value& expected);
  void expect_decided(const std::string& asked, const Conflict& answer, const std::string& field,
                      const Value& expected);
  void expect_refusal(ReviewDecision decision, const char* why);

  World& world_;
  Random& dice_;
  const bool commits_fail_;
  std::size_t commits_seen_ = 0;
  std::uint64_t merged_ = 0;
  std::map<std::string, Value> golden_;  // by open review: what it was when that was first seen
  std::set<std::string> once_golden_;    // by tenant, field and value
  std::set<std::string> keys_;           // by platform, tenant and key: of requests that left
};

}  // namespace datasync::pipeline
