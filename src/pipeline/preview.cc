#include "pipeline/preview.h"

#include <utility>

#include "base/random.h"
#include "base/uuid.h"
#include "pipeline/deliver.h"
#include "pipeline/ledger.h"
#include "pipeline/reconcile.h"
#include "pipeline/subjects.h"
#include "storage/read_only_store.h"

namespace datasync::pipeline {

Result<Preview> preview(storage::Reader& reader, const std::string& identity_secret, const Clock& clock,
                        std::shared_ptr<const Catalog> catalog, std::shared_ptr<Event> event) {
  storage::ReadOnlyStore store(reader, identity_secret);
  const auto random = make_system_random();
  UuidGenerator uuids(clock, *random);
  const std::function<void(const PlatformId&)> nobody;
  const Tools tools{store, uuids, *random, clock, nobody};
  const EngineOptions options;
  Ledger ledger;
  Subjects subjects(store, options.records_cached);
  Deliverer deliverer(tools, ledger, subjects, options);
  Reconciler reconciler(tools, ledger, subjects, deliverer);

  Window window;
  window.now = clock.now();
  window.steady = clock.steady_now();
  window.catalog = std::move(catalog);
  if (event->id.empty()) event->id = EventId(format_uuid(uuids.next()));
  event->sequence = Sequence{store.last_sequence().value + 1};
  event->created_at = window.now;
  Entry& entry = ledger.add(event, EventState{});
  DATASYNC_TRY(reconciler.reconcile(window, entry));

  Preview seen;
  if (entry.state.record.value > 0) {
    auto before = reader.load_record(event->tenant, entry.state.record);
    if (!before) return fail(std::move(before).error());
    seen.before = std::move(*before);
    const auto subject = subjects.load(event->tenant, entry.state.record);
    if (!subject) return fail(subject.error());
    if (*subject != nullptr) seen.after = (*subject)->record;
  }
  std::vector<Dispatch> dispatches = deliverer.launch(window);
  const RecordKey key = entry.state.record.value > 0 ? entry.state.record : RecordKey{-event->sequence.value};
  const auto sent = subjects.load(event->tenant, key);
  if (!sent) return fail(sent.error());
  for (Dispatch& dispatch : dispatches) {
    const delivery::Change& change = (*sent)->find_outbox(dispatch.target)->attempt->change;
    seen.deliveries.push_back({std::move(dispatch.target), change.verb, change.data, std::move(dispatch.request)});
  }
  seen.state = entry.state;
  seen.conflicts = std::move(window.batch.conflicts);
  return seen;
}

}  // namespace datasync::pipeline
