#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "delivery/connector.h"
#include "delivery/connectors/credential.h"

namespace datasync::delivery {

/// What the body of a request is.
enum class RestBody : std::uint8_t {
  kEnvelope,  ///< `{event_type, source_platform, data, tenant_id, user_id}`
  kData,      ///< `data` alone
  kNone,      ///< nothing: a DELETE by its path
};

/// Several changes of one entity and verb in one request. The body is an array of envelopes, each with its own
/// `idempotency_key`; the request's key is the batch's.
struct RestBulk {
  std::string path = {};          ///< template as `RestOptions::path`, without `{id}`
  std::size_t items_max = 100;    ///< 2..1000
  std::string items_member = {};  ///< `items`: the body is `{"items": […]}`; empty: a bare array
  /// JSON pointer to the array in the answer with one entry per item in their order. None: no outcomes per item, the
  /// answer's status holds for all. An answer whose array is missing or of another length leaves the outcome unknown.
  std::optional<std::string> results = {};
  std::string status = "/status";   ///< in each entry: an HTTP status number
  std::string id = "/id";           ///< in each entry: the platform's own id
  std::string message = "/detail";  ///< in each entry: why not
};

/// Where one verb of one entity goes, as far as it differs from the platform's defaults.
struct RestVerb {
  bool served = true;  ///< false: the result is `skipped`
  std::optional<net::Method> method = {};
  std::optional<std::string> path = {};
  std::optional<RestBody> body = {};
  /// Statuses that mean something else here: 404 of a delete → `kDelivered`.
  std::map<int, Outcome::Kind> outcomes = {};
  std::optional<RestBulk> bulk = {};  ///< none: one change a request
};

struct RestEntity {
  /// The member of `data` with the platform's own id (`customer_id`). Needed only to send a create again as an update
  /// of a record that was there already: the id that the platform told replaces the canonical one. Empty: left as it
  /// is.
  std::string id_field = {};
  std::map<Verb, RestVerb> verbs = {};
};

/// A platform that is spoken to as `POST {base_url}/api/sync/{entity}/{create|update|delete}`, and all that differ from
/// that a little. Plain data from the configuration; `make_connector` checks it.
struct RestOptions {
  PlatformId platform = {};
  std::string base_url = {};  ///< `https://api.example.com/v2`; its path stands before every path below
  Credential credential = {};
  HeaderTemplates headers = {};
  std::optional<TokenBucket::Options> rate_limit = {};  ///< of the account; none: as often as it is answered
  net::Method method = net::Method::kPost;
  /// May hold `{entity}`, `{verb}` (create, update, delete), `{id}` (the platform's own id, else the canonical one) and
  /// `{tenant}`, each percent-encoded.
  std::string path = "/api/sync/{entity}/{verb}";
  RestBody body = RestBody::kEnvelope;
  std::vector<int> success_statuses{200, 201, 202, 204};
  /// JSON pointers into a successful answer, tried in order: the platform's own id of the record.
  std::vector<std::string> id_pointers{"/id", "/data/id"};
  /// The same for a 409 to a create: the id of the record that is there already. With one the create is sent again as
  /// an update of it; empty: such an answer goes back to reconcile as any 409.
  std::vector<std::string> existing_id_pointers{"/id", "/existing_id"};
  /// JSON pointers to the platform's own words about a failure, tried in order.
  std::vector<std::string> message_pointers{"/detail", "/message",          "/error/message",
                                            "/error",  "/errors/0/message", "/title"};
  bool id_required = false;      ///< true: a successful create whose answer has no id has an unknown outcome
  milliseconds timeout{30'000};  ///< the whole attempt (REQUEST_TIMEOUT)
  bool serves_unlisted = true;   ///< entities that `entities` does not name are served by the defaults above
  std::map<std::string, RestEntity> entities = {};
};

/// Errors: `kInvalid` with the name of the option that is wrong.
[[nodiscard]] Result<std::unique_ptr<Connector>> make_rest_connector(RestOptions options);

}  // namespace datasync::delivery
