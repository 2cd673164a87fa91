#pragma once

#include "api/event_request.h"
#include "api/json_writer.h"
#include "pipeline/catalog.h"
#include "pipeline/preview.h"

namespace datasync::api {

/// A preview under one configuration.
struct PreviewUnder {
  const pipeline::Catalog& catalog;
  /// Null where the event is refused as it stands: `refusal` says why.
  const pipeline::Preview* preview = nullptr;
  std::string refusal = {};
};

/// `[{what, target_platform, field, now, proposed}]`: what becomes another under the proposal, one item each. `what` is
/// event, record, conflict or delivery. What is not there is null.
void write_differences(JsonWriter& out, const PreviewUnder& now, const PreviewUnder& proposed);

}  // namespace datasync::api
