#include <algorithm>

#include "pipeline/identity.h"
#include "pipeline/reconcile.h"
#include "pipeline/verification.h"

// What reconciling many events needs to know of the store, ahead of it.

namespace datasync::pipeline {

Reading Reconciler::read(const Window& window, Entry& entry) {
  const Event& event = *entry.event;
  return {&entry, window.catalog->mapper.to_canonical(event.source, event.entity, event.data)};
}

/// By its ids first, since most events speak of records that are found by them; natural keys are asked for where they
/// are not.
Result<void> Reconciler::fetch(const Window& window, std::span<Reading> readings) {
  std::vector<storage::IdentityKey> wanted;
  std::vector<Reading*> unknown;
  struct Ids {
    std::optional<Hash128> canonical, own;
  };
  std::vector<Ids> ids;
  for (Reading& reading : readings) {
    const Event& event = *reading.entry->event;
    const transform::EntityRules* rules = window.catalog->entity(event.entity);
    if (!reading.change || (rules != nullptr && rules->stateless) || is_verification_request(event)) continue;
    Ids& known = ids.emplace_back();
    unknown.push_back(&reading);
    if (!event.entity_id.empty()) {
      known.canonical = identity_of_canonical(event.tenant, event.entity, event.entity_id.str());
      wanted.push_back({*known.canonical, event.tenant});
    }
    if (const std::string& own_id = reading.change->own_id; !own_id.empty()) {
      known.own = identity_of_own_id(event.tenant, event.entity, event.source, own_id);
      wanted.push_back({*known.own, event.tenant});
    }
  }
  DATASYNC_TRY(subjects_.fetch(std::move(wanted)));
  wanted.clear();
  for (std::size_t i = 0; i < unknown.size(); ++i) {
    if ((ids[i].canonical && subjects_.knows(*ids[i].canonical)) || (ids[i].own && subjects_.knows(*ids[i].own)))
      continue;
    Reading& reading = *unknown[i];
    const Event& event = *reading.entry->event;
    for (const std::string& key : window.catalog->mapper.natural_keys(event.entity)) {
      const auto identity = natural_identity(window, reading, key);
      if (!identity) continue;
      reading.natural_keys.emplace_back(key, *identity);
      wanted.push_back({*identity, event.tenant});
    }
  }
  return subjects_.fetch(std::move(wanted));
}

/// By which the event's record is found if it has the key's value.
std::optional<Hash128> Reconciler::natural_identity(const Window& window, const Reading& reading,
                                                    const std::string& key) {
  const auto hashed = std::find_if(reading.natural_keys.begin(), reading.natural_keys.end(),
                                   [&key](const auto& one) { return one.first == key; });
  if (hashed != reading.natural_keys.end()) return hashed->second;
  const Event& event = *reading.entry->event;
  const Value* value = reading.change->fields.find(key);
  if (value == nullptr) return std::nullopt;
  const auto normalised = window.catalog->mapper.normalised_key(event.entity, key, *value);
  if (!normalised) return std::nullopt;
  return natural_keys_.hash(natural_key_text(event.tenant, event.entity, key, *normalised));
}

}  // namespace datasync::pipeline
