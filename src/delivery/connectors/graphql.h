#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "delivery/connector.h"
#include "delivery/connectors/credential.h"
#include "domain/value.h"

namespace datasync::delivery {

/// One request of a plan.
struct GraphqlStep {
  std::string name = {};  ///< `variant`: stands in messages, unique within its plan

  /// One operation (a mutation, or a query that looks something up) with one field at its root; no fragment
  /// definitions.
  std::string document = {};

  /// A JSON object, the template of the variables. What it holds is sent as it stands, but for strings that begin with
  /// `$`:
  ///
  ///   `$data.customer_email`  a field of the change's data; `$data/shipping_info/city` is a JSON pointer into it
  ///   `$id`, `$id.variant`    the platform's own id of the record, or that of a role
  ///   `$entity_id`            the canonical id
  ///   `$tenant_id` `$user_id` `$event_id` `$event_type` `$source` `$version`
  ///   `$item`, `$item.name`, `$item/a/b`   within `$each`: the element
  ///   `$$text`                the text `$text`
  ///
  /// and for objects with a member `$from` (any template), which these members turn, in this order:
  ///
  ///   `$unless`: a template             missing where this one has a value: `externalReference` only without an `id`
  ///   `$split`:  "\n"                   a string becomes the array of its parts, empty ones left out
  ///   `$each`:   a template             each element of the array becomes what the template makes of it
  ///   `$words`:  {"published": true, …} the value's text is looked up; a word that is not there is passed over
  ///   `$as`:     "string"               numbers and booleans become their text
  ///              "json"                 the value becomes its JSON text, for scalars such as Saleor's JSONString
  ///   `$else`:   a template             where there is no value by now
  ///
  /// A member without a value is left out. With `!` at its end (`$data.quantity!`) a reference is needed: without a
  /// value the object around it is left out with it, and so on outwards; where that reaches the outermost object, or
  /// where a variable that the document declares as non-null has none, the change can't be sent: it is rejected. A list
  /// that loses all its elements is left out. `null` is a value.
  Value variables = Value::from_canonical("{}");

  /// Fields of `data`; the step is sent only if at least one of them is there. Empty: always.
  std::vector<std::string> needs = {};
  /// The step is done already where the platform's own id of this role is known (`""` is the record itself).
  std::optional<std::string> unless_known = {};
  /// The step is left out where the platform's own id of this role is not known.
  std::optional<std::string> only_if_known = {};

  /// What the answer teaches: role → JSON pointer within the payload of the root field: `{"", "/user/id"}`.
  std::map<std::string, std::string> learns = {};
  /// JSON pointers within the payload to arrays of `{field, message, code}`.
  std::vector<std::string> errors{"/errors"};
  /// What error codes mean here; before `GraphqlOptions::codes`. See there.
  std::map<std::string, Outcome::Kind> codes = {};
  /// The same where an earlier attempt may have done this step already (`repeat_as_update`); before `codes`.
  std::map<std::string, Outcome::Kind> codes_on_repeat = {};
};

/// What is done for one entity, verb by verb: the steps in their order, at most 30. Empty: not served (`skipped`).
///
/// A create that may have been applied, or that was refused because the record is there (`kRepeat`), goes on with
/// `repeat`, else with `update`: its documents address the record by `externalReference`. If the platform then says
/// that it has no such record (`absent_codes`), it is created after all. That way and back is gone once more, then the
/// refusal stands.
struct GraphqlEntity {
  std::vector<GraphqlStep> create = {};
  std::vector<GraphqlStep> update = {};
  std::vector<GraphqlStep> remove = {};
  std::vector<GraphqlStep> repeat = {};
};

/// A platform that is spoken to in GraphQL. Plain data from the configuration; `make_connector` checks it.
struct GraphqlOptions {
  PlatformId platform = {};
  std::string url = {};  ///< `https://shop.example.com/graphql/`
  Credential credential = {};
  HeaderTemplates headers = {};
  std::optional<TokenBucket::Options> rate_limit = {};  ///< of the account; none: as often as it is answered
  std::map<std::string, GraphqlEntity> entities = {};

  /// What an error code means: those of payloads (`UNIQUE`), and of the answer's own `errors` (`extensions.code`, else
  /// `extensions.exception.code`). `CODE:field` counts before `CODE`. Added to the shipped table (`shipped_codes()`).
  /// `kStepDone` and `kDelivered` both say: as good as done, go on. `kRepeat` outside a create is a rejection. Codes in
  /// neither table: a payload's is a rejection; one of the answer's own is a rejection where the request did not pass
  /// validation (`locations`, but no `path`), else refused, to be tried again. Of several errors the gravest counts.
  std::map<std::string, Outcome::Kind> codes = {};

  /// Codes, as `CODE` or `CODE:field`, by which the platform says that it has no such record: a delete of it is done, a
  /// repeated create becomes a create again, and anything else is a rejection with `record_lost`.
  std::vector<std::string> absent_codes{"NOT_FOUND:id", "NOT_FOUND:externalReference"};

  std::size_t aliases_max = 1;  ///< 1..100: so many changes of one tenant share one request by aliases
  bool key_per_step = false;    ///< true: `Idempotency-Key` is `<key>:<step>`, for platforms that replay answers by key
  milliseconds timeout{30'000};  ///< the whole attempt (REQUEST_TIMEOUT)
};

/// Saleor's codes and the usual ones of other servers.
[[nodiscard]] const std::map<std::string, Outcome::Kind>& shipped_codes();

/// Errors: `kInvalid` with the entity, verb and step that is wrong, and why.
[[nodiscard]] Result<std::unique_ptr<Connector>> make_graphql_connector(GraphqlOptions options);

}  // namespace datasync::delivery
