#include "api/outcome_message.h"

#include <fmt/format.h>

#include "net/url.h"

namespace datasync::api {
namespace {

struct Attributes {
  std::string id;
  const TenantId& tenant;
  const EventId& subject;
  Timestamp time;
};

Attributes attributes_of(LiveType type, const pipeline::Notice& notice) {
  if (type == LiveType::kSyncCompleted) {
    const Timestamp time = notice.state.processed_at.value_or(notice.event->created_at);
    return {fmt::format("{}/{}/{}", to_string(type), notice.event->id.str(), time.time_since_epoch().count()),
            notice.event->tenant, notice.event->id, time};
  }
  const Conflict& conflict = *notice.conflict;
  const bool is_resolved = type == LiveType::kConflictResolved;
  return {fmt::format("{}/{}/{}", to_string(type), conflict.id, conflict.revision), conflict.tenant, conflict.event_id,
          is_resolved ? conflict.resolved_at.value_or(conflict.created_at) : conflict.created_at};
}

}  // namespace

OutcomeMessage outcome_message(LiveType type, const pipeline::Notice& notice) {
  Attributes attributes = attributes_of(type, notice);
  OutcomeMessage message{attributes.tenant.str(), render_notice(type, notice), {}};
  message.headers = {
      {"ce_specversion", "1.0"},
      {"ce_id", std::move(attributes.id)},
      {"ce_type", fmt::format("com.bizosaas.datasync.{}", to_string(type))},
      {"ce_source", "/data-sync/tenants/" + net::percent_encode(attributes.tenant.str())},
      {"ce_time", format_rfc3339(attributes.time)},
      {"ce_subject", attributes.subject.str()},
      {"content-type", "application/json"},
  };
  return message;
}

}  // namespace datasync::api
