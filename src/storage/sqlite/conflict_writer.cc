#include "storage/sqlite/conflict_writer.h"

#include <string>
#include <utility>

#include "storage/codec/record_codec.h"

namespace datasync::storage::sqlite {
namespace {

std::int64_t micros(Timestamp time) {
  return time.time_since_epoch().count();
}

}  // namespace

Result<void> ConflictWriter::prepare(Connection& connection) {
  const std::pair<Statement*, const char*> all[] = {
      {&conflict_,
       "INSERT INTO sync_conflicts(id, tenant_id, conflict_type, entity_type, entity_id, record_key, seq, event_id, "
       "source_platform, target_platform, fields, source_data, target_data, resolution_strategy, status, version, "
       "created_at, resolved_at, details, reason, revision, assignee, expires_at, expires_to) "
       "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
       "ON CONFLICT(id) DO UPDATE SET tenant_id = excluded.tenant_id, conflict_type = excluded.conflict_type, "
       "entity_type = excluded.entity_type, entity_id = excluded.entity_id, record_key = excluded.record_key, "
       "seq = excluded.seq, event_id = excluded.event_id, source_platform = excluded.source_platform, "
       "target_platform = excluded.target_platform, fields = excluded.fields, source_data = excluded.source_data, "
       "target_data = excluded.target_data, resolution_strategy = excluded.resolution_strategy, "
       "status = excluded.status, version = excluded.version, created_at = excluded.created_at, "
       "resolved_at = excluded.resolved_at, details = excluded.details, reason = excluded.reason, "
       "revision = excluded.revision, assignee = excluded.assignee, expires_at = excluded.expires_at, "
       "expires_to = excluded.expires_to"},
      {&resolution_,
       "INSERT INTO sync_conflict_resolutions(conflict_id, tenant_id, resolution_strategy, resolved_data, version, "
       "resolved_at, resolved_by, reason, event_id) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(conflict_id) "
       "DO UPDATE SET resolution_strategy = excluded.resolution_strategy, resolved_data = excluded.resolved_data, "
       "version = excluded.version, resolved_at = excluded.resolved_at, resolved_by = excluded.resolved_by, "
       "reason = excluded.reason, event_id = excluded.event_id"},
  };
  for (const auto& [statement, sql] : all) {
    auto prepared = Statement::prepare(connection, sql);
    if (!prepared) return fail(std::move(prepared).error());
    *statement = std::move(*prepared);
  }
  return {};
}

Result<void> ConflictWriter::write(const Conflict& conflict) {
  const ConflictColumns columns = conflict_columns(conflict);
  Statement& row = conflict_;
  row.bind_text(1, conflict.id).bind_text(2, conflict.tenant.str()).bind_text(3, conflict.type);
  row.bind_text(4, conflict.entity).bind_text(5, conflict.entity_id.str()).bind(6, conflict.record.value);
  row.bind(7, conflict.event.value).bind_text(8, conflict.event_id.str()).bind_text(9, conflict.source.str());
  row.bind_text(10, conflict.target.str()).bind_text(11, columns.fields).bind_blob(12, columns.source_data);
  row.bind_blob(13, columns.target_data).bind_text(14, columns.resolution_strategy).bind_text(15, conflict.status);
  row.bind(16, conflict.version.value).bind(17, micros(conflict.created_at));
  if (conflict.resolved_at) {
    row.bind(18, micros(*conflict.resolved_at));
  } else {
    row.bind_null(18);
  }
  row.bind_blob(19, columns.details).bind_text(20, conflict.reason).bind(21, conflict.revision);
  row.bind_text(22, conflict.assignee);
  if (conflict.expires_at) {
    row.bind(23, micros(*conflict.expires_at)).bind(24, static_cast<std::int64_t>(conflict.expires_to));
  } else {
    row.bind_null(23).bind_null(24);
  }
  DATASYNC_TRY(row.run());
  if (!conflict.resolved_at) return {};
  const std::string outcome = conflict_outcome(conflict);
  resolution_.bind_text(1, conflict.id).bind_text(2, conflict.tenant.str()).bind_text(3, columns.resolution_strategy);
  resolution_.bind_blob(4, outcome).bind(5, conflict.version.value).bind(6, micros(*conflict.resolved_at));
  resolution_.bind_text(7, conflict.resolved_by).bind_text(8, conflict.resolved_why);
  resolution_.bind_text(9, conflict.resolved_event.str());
  return resolution_.run();
}

}  // namespace datasync::storage::sqlite
