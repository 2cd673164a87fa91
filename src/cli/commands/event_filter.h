#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "cli/service_client.h"

namespace datasync::cli {

/// Which events: the filters of `GET /sync/events`, on a command line.
struct EventFilter {
  std::string status, tenant, type, source, entity_id, since, until;

  void declare(Options& options) {
    options.text("-s,--status", status, "pending, processing, completed, failed, retry, review or expired");
    options.text("-t,--tenant", tenant, "Of this tenant");
    options.text("--type", type, "As user_created");
    options.text("--from", source, "Of this source platform");
    options.text("--entity-id", entity_id, "About this record (canonical id)");
    options.text("--since", since, "Since 15m, 2h, 7d ago, or 2026-01-31T09:30:00Z");
    options.text("--until", until, "Until then");
  }

  using Pairs = std::vector<std::pair<std::string_view, std::string>>;
  /// Errors: `kInvalid` for what is no time.
  [[nodiscard]] Result<Pairs> pairs(const Session& session) const {
    auto from = point_in_time(session, since);
    if (!from) return fail(std::move(from).error());
    auto to = point_in_time(session, until);
    if (!to) return fail(std::move(to).error());
    return Pairs{{"status", status},       {"tenant_id", tenant}, {"event_type", type}, {"source_platform", source},
                 {"entity_id", entity_id}, {"since", *from},      {"until", *to}};
  }
};

}  // namespace datasync::cli
