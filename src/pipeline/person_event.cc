#include "pipeline/person_event.h"

#include "pipeline/engine.h"

namespace datasync::pipeline {

std::shared_ptr<Event> event_of_person(const Catalog& catalog, const Record& record, const Fields& said,
                                       const std::string& by, const std::string& reason) {
  auto event = std::make_shared<Event>();
  event->tenant = record.tenant;
  event->type = record.entity + "_updated";
  event->entity = record.entity;
  event->source = kReviewer;
  for (const auto& connector : catalog.connectors) {
    if (!catalog.is_notifier(connector->platform())) event->targets.push_back(connector->platform());
  }
  event->entity_id = record.id;
  event->user_id = by;
  event->data = catalog.mapper.present(record.entity, said);
  event->metadata.set("reason", Value::string(reason));
  event->order_key = order_key_of(*event);
  return event;
}

std::shared_ptr<Event> repair_of(const Record& record, const PlatformId& target, const std::string& why) {
  auto event = std::make_shared<Event>();
  event->tenant = record.tenant;
  event->type = record.entity + "_updated";
  event->entity = record.entity;
  event->source = kReviewer;
  event->targets = {target};
  event->entity_id = record.id;
  event->metadata.set(kRepairs, Value::string(why));
  event->order_key = order_key_of(*event);
  return event;
}

}  // namespace datasync::pipeline
