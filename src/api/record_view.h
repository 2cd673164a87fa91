#pragma once

#include <optional>
#include <string_view>

#include "api/json_writer.h"
#include "base/result.h"
#include "domain/record.h"
#include "pipeline/catalog.h"
#include "storage/store.h"

namespace datasync::api {

/// The golden record of a canonical id, or of an alias of it; of one that was merged into another, that one. None if
/// there is none.
[[nodiscard]] Result<std::optional<Record>> find_record(storage::Reader& reader, const TenantId& tenant,
                                                        std::string_view entity, std::string_view id);

/// The record's canonical fields as clients read them: without `_deleted`, money unfolded.
[[nodiscard]] Fields present_fields(const pipeline::Catalog& catalog, const Record& record);

/// `{entity_type, entity_id, tenant_id, version, data, deleted, absorbed, created_at, updated_at, fields, platforms`
/// without the closing brace: the caller adds what else it knows.
void begin_record(JsonWriter& out, const pipeline::Catalog& catalog, const Record& record);

/// `{platform: {id, ids, data, in_sync}}` for each platform that knows the record: its own ids, and the golden values
/// that it is known to hold, as that platform writes them.
void write_platforms(JsonWriter& out, const pipeline::Catalog& catalog, const Record& record);

}  // namespace datasync::api
