#pragma once

#include <vector>

#include "api/json_writer.h"
#include "storage/shares.h"

namespace datasync::api {

/// The member `instances`: who shares the database, oldest first, and how many of the 256 shards each holds.
inline void write_instances(JsonWriter& out, const std::vector<storage::Instance>& instances) {
  out.key("instances").begin_array();
  for (const storage::Instance& instance : instances) {
    const char* const state = instance.is_expired ? "silent" : instance.is_leaving ? "leaving" : "alive";
    out.begin_object().field("name", instance.name).field("address", instance.address).field("state", state);
    out.field("started_at", instance.started_at).field("shards", instance.shards).field("self", instance.is_self);
    out.end_object();
  }
  out.end_array();
}

}  // namespace datasync::api
