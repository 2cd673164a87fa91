#pragma once

#include <string>
#include <string_view>

#include "api/event_request.h"
#include "domain/json.h"
#include "net/headers.h"

namespace datasync::api {

/// CloudEvents 1.0 (JSON and HTTP bindings) into the members of our own event, so that one set of rules judges both.
///
/// `type` `com.bizosaas.user.created` is `user_created`; our own names are taken too. `source` names the platform as
/// one of its parts (`/bizoholic/crm`, `urn:bizosaas:coreldove`), unless `sourceplatform` does. `id` and `time` are the
/// event's; `tenantid`, `targetplatforms` (separated by commas; all other platforms where it is missing, since the
/// format has no word for targets), `userid`, `entityid`, `priority`, `version`, `baseversion`, `expiresat`,
/// `ttlseconds`, `maxretries` and `correlationid` are extension attributes; all others go into the metadata.
///
/// Errors: 422 for a missing or wrong attribute, 400 for data that is no JSON, 415 for data of another type.
[[nodiscard]] Read<NestedObject> members_of_cloud_event(Fields attributes, Fields data, bool has_data,
                                                        const pipeline::Catalog& catalog);

/// Structured mode: one JSON object with attributes and `data` or `data_base64`.
[[nodiscard]] Read<NestedObject> read_structured(std::string_view body, const pipeline::Catalog& catalog);
/// The same for an object that was read already, with the members of its `data`.
[[nodiscard]] Read<NestedObject> read_structured(NestedObject object, const pipeline::Catalog& catalog);
/// Binary mode: attributes in `ce-` headers, the body is the data.
[[nodiscard]] Read<NestedObject> read_binary(const net::Headers& headers, std::string_view body,
                                             const pipeline::Catalog& catalog);
/// The same with the attributes by name, in lower case, and as they are meant.
[[nodiscard]] Read<NestedObject> read_binary(Fields attributes, std::string_view body,
                                             const pipeline::Catalog& catalog);
/// An attribute's name as others write it: without capitals and underscores.
[[nodiscard]] std::string plain_attribute_name(std::string_view name);

/// `user_created` → `com.bizosaas.user.created`
[[nodiscard]] std::string cloud_event_type_of(std::string_view event_type);

}  // namespace datasync::api
