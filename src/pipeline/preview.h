#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/http_client.h"
#include "pipeline/catalog.h"
#include "storage/store.h"

namespace datasync::pipeline {

/// What would become of one event.
struct Preview {
  /// What a target would be asked; of a delivery in several steps the first one.
  struct Delivery {
    PlatformId target;
    Verb verb = Verb::kUpdated;
    Fields data;  ///< in the target's names and shapes, with its id and its context block
    net::ClientRequest request;
  };
  EventState state;              ///< as it would be before the targets answer
  std::optional<Record> before;  ///< the golden record now; none: it would be made
  std::optional<Record> after;   ///< none: the event is refused, or stateless
  std::vector<Conflict> conflicts;
  std::vector<Delivery> deliveries;
};

/// Runs an event through the real code, with nothing stored or sent. What is under way at this moment, open circuits
/// and pauses are not looked at.
///
/// `identity_secret` is that of the store which `reader` reads.
/// Errors:  of the reader.
/// Threads: any; `reader` is the caller's.
[[nodiscard]] Result<Preview> preview(storage::Reader& reader, const std::string& identity_secret, const Clock& clock,
                                      std::shared_ptr<const Catalog> catalog, std::shared_ptr<Event> event);

}  // namespace datasync::pipeline
