#pragma once

#include <string>
#include <vector>

#include "pipeline/engine.h"
#include "pipeline/preview.h"

namespace datasync::api {

/// What the API asks of the engine, and nothing more, so that it can be tested without one. Meaning, errors and threads
/// are those of `pipeline::Engine`.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual void accept(std::vector<pipeline::Submission> submissions, pipeline::AcceptCallback callback) = 0;
  virtual void redrive(storage::Reader::Tenants tenants, std::string event_id, pipeline::RedriveCallback callback) = 0;
  virtual void redrive(storage::Reader::EventFilter filter, pipeline::RedriveCallback callback) = 0;
  virtual void decide(pipeline::ReviewDecision decision, pipeline::ReviewCallback callback) = 0;
  virtual void undo(pipeline::UndoRequest request, pipeline::UndoCallback callback) = 0;
  virtual void merge(pipeline::MergeRequest request, pipeline::MergeCallback callback) = 0;
  [[nodiscard]] virtual Result<pipeline::Preview> preview(storage::Reader& reader, std::shared_ptr<Event> event,
                                                          std::shared_ptr<const pipeline::Catalog> catalog) = 0;
  [[nodiscard]] virtual pipeline::EngineSnapshot snapshot() const = 0;
};

}  // namespace datasync::api
