#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "delivery/rate_limit.h"
#include "domain/event.h"
#include "domain/value.h"
#include "net/http_client.h"

namespace datasync::pipeline {

/// How a test platform is made.
struct PlatformShape {
  PlatformId id;
  bool renames = false;          ///< its fields are `<platform>_<field>`; else canonical
  bool honours_keys = true;      ///< an idempotency key that comes again gets the first answer
  bool sends_whole = false;      ///< its events carry the whole record, not only what changed
  bool is_known_whole = false;   ///< and is configured so: of a field that it leaves out, something is said
  bool sends_email = false;      ///< its events carry the natural key, also where it did not change
  bool sends_echoes = false;     ///< it sends events also for what we changed there
  bool sends_entity_id = false;  ///< as learnt from context blocks
  bool sends_base = false;       ///< `base_version`, learnt likewise
  bool sends_occurred = false;   ///< `occurred_at`, by its own clock
  bool sends_version = false;    ///< its own rising number
  bool bulk = false;
  bool id_required = false;  ///< and is configured so: an answer to a create without its id is none
  milliseconds clock_skew{0};
  std::string token = {};  ///< with which the engine calls it; empty: none
  std::optional<delivery::TokenBucket::Options> rate_limit = {};
  std::string currency = {};  ///< that it keeps a `price` in; empty: whatever it came in

  [[nodiscard]] std::string local(std::string_view canonical) const {
    return renames ? id.str() + "_" + std::string(canonical) : std::string(canonical);
  }
};

/// A platform as the REST contract describes it: it keeps records per tenant and entity under ids of its own, e-mail
/// addresses are unique, and it remembers what it was asked. What may never happen is noted in `broken`.
class TestPlatform {
 public:
  struct Copy {
    Fields data;            ///< local names, without the id
    std::string entity_id;  ///< as the context block told it
    std::int64_t seen_version = 0;
    std::int64_t own_version = 0;  ///< rises with every change
  };
  /// What happened here and could be told as an event.
  struct Told {
    TenantId tenant;
    std::string entity;
    Verb verb = Verb::kUpdated;
    std::string own_id;
    Copy copy;                         ///< after it; before it for a delete
    std::vector<std::string> changed;  ///< local names
  };

  TestPlatform(PlatformShape shape, const Clock& clock) : shape_(std::move(shape)), clock_(clock) {}

  [[nodiscard]] const PlatformShape& shape() const noexcept { return shape_; }

  /// A request arrives; its effect and its answer.
  net::ClientResponse handle(const net::ClientRequest& request);

  // What its users do.
  std::string create(const TenantId& tenant, const std::string& entity, Fields data, std::string own_id = {});
  void edit(const TenantId& tenant, const std::string& entity, const std::string& own_id, std::string_view field,
            Value value);
  /// Several fields at once, by their canonical names.
  void edit(const TenantId& tenant, const std::string& entity, const std::string& own_id, const Fields& values);
  void remove(const TenantId& tenant, const std::string& entity, const std::string& own_id);

  using Copies = std::map<std::string, Copy>;  ///< by own id
  [[nodiscard]] Copies& copies(const TenantId& tenant, const std::string& entity) { return tables_[{tenant, entity}]; }
  [[nodiscard]] const Copy* find(const TenantId& tenant, const std::string& entity, const std::string& own_id) const;
  [[nodiscard]] std::optional<std::string> holder_of_email(const TenantId& tenant, const std::string& entity,
                                                           const Value& email) const;

  std::function<void(const Told&)> on_change;      ///< for every change by a user, and with `sends_echoes` by us
  std::function<void(const std::string&)> broken;  ///< a rule of ours was broken
  std::function<void(const std::string&)> trace = [](const std::string&) {};  ///< hears what happens here
  bool minds_rewording = true;
  /// Answers an item by itself instead of acting on it: 0 lets it pass.
  std::function<int(const std::string& key)> refuse;
  /// The same with the tenant that asks.
  std::function<int(const TenantId& tenant, const std::string& key)> refuse_request;
  /// Whether all attempts of the delivery are over: what is still on its way then comes too late for everybody, and is
  /// not let in.
  std::function<bool(const TenantId& tenant, const std::string& key)> is_over;
  std::string retry_after = "7";  ///< beside a 429; empty: none
  std::string wanted_token;       ///< 401 without it; empty: everybody may call

  struct Seen {
    std::string key;
    std::string verb;
    Fields data;
  };
  std::vector<Seen> seen;    ///< what was carried out, in order, repeats left out
  std::size_t requests = 0;  ///< that arrived
  std::size_t reworded = 0;  ///< that said something else under a key that came before
  std::size_t needless = 0;  ///< fields that were set to what they were

 private:
  struct Answer {
    int status = 200;
    std::string id;
    std::string detail;
  };
  Answer handle_item(const std::string& entity, const std::string& verb, const std::string& key,
                     const Fields& envelope);
  Answer carry_out(const TenantId& tenant, const std::string& entity, const std::string& verb, const Fields& data);
  void note(const TenantId& tenant, const std::string& key, const Fields& envelope, const Fields& data);
  void note_version(const TenantId& tenant, const std::string& key, const Fields& data);
  void tell(const TenantId& tenant, const std::string& entity, Verb verb, const std::string& own_id, const Copy& copy,
            std::vector<std::string> changed);

  PlatformShape shape_;
  const Clock& clock_;
  std::map<std::pair<TenantId, std::string>, Copies> tables_;
  std::map<std::string, Answer> answered_;            // by tenant and key
  std::map<std::string, std::string> contents_;       // by tenant and key
  std::map<std::string, std::int64_t> versions_;      // newest seen, by tenant and entity id
  std::map<std::string, std::int64_t> own_versions_;  // by table and own id; outlives the copy
  int last_id_ = 0;
};

}  // namespace datasync::pipeline
