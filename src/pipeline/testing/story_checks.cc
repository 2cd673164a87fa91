#include <algorithm>

#include "pipeline/holdings.h"
#include "pipeline/identity.h"
#include "pipeline/testing/story.h"

// What must hold once a random history is at rest.

namespace datasync::pipeline {

void Story::check() {
  check_events();
  check_last_words();
  for (const auto& [key, record] : world_->store.records()) {
    if (!record.merged_into) check_record(record);  // else its copies are those of the other one, or nobody's
  }
  if (prices_) prices_->check_records();
  if (kind_ != HistoryKind::kCalm) return;
  for (const Slot& slot : slots_) check_model(slot);
  for (const auto& platform : world_->platforms) {
    if (platform->needless > 0) complain(platform->shape().id.str() + " was told what it held already");
  }
}

void Story::tell_results() const {
  for (const auto& [sequence, stored] : world_->store.events()) {
    std::string text = "finally " + stored.event->id.str() + " of record " + std::to_string(stored.state.record.value) +
                       " " + std::string(to_string(stored.state.status)) + " " + stored.state.message;
    for (const DeliveryResult& result : stored.state.results) {
      text += "; " + result.target.str() + " " + std::string(to_string(result.status)) + " " + result.error_message;
    }
    world_->trace(text);
  }
}

void Story::check_events() {
  std::set<std::string> known;
  for (const auto& [sequence, stored] : world_->store.events()) {
    const EventState& state = stored.state;
    const std::string& id = stored.event->id.str();
    known.insert(id);
    const bool may_wait = !all_decided_ && state.status == EventStatus::kReview;
    if (!is_final(state.status) && !may_wait) complain(id + " is left " + std::string(to_string(state.status)));
    if (state.status == EventStatus::kFailed) {
      std::string why = state.message;
      for (const DeliveryResult& result : state.results) why += " " + result.target.str() + ": " + result.error_message;
      complain(id + " failed: " + why);
      continue;
    }
    if (state.status != fold_status(state.results)) complain(id + " has a status that is not the fold of its results");
    if (!state.processed_at && !may_wait) complain(id + " is final without a time");
    for (const PlatformId& target : stored.event->targets) {
      const auto rows = std::count_if(state.results.begin(), state.results.end(),
                                      [&](const DeliveryResult& result) { return result.target == target; });
      if (rows != 1) complain(id + " has " + std::to_string(rows) + " results for " + target.str());
    }
  }
  for (const std::string& id : world_->acknowledged()) {
    if (!known.contains(id)) complain("the acknowledged event " + id + " is lost");
  }
}

/// What nobody has taken back is golden, or has been, or a conflict tells what became of it.
void Story::check_last_words() {
  for (const auto& [place, value] : last_words_) {
    const auto& [slot, platform, field] = place;
    if (reviewer_->is_kept(slot->tenant, field, value)) continue;
    complain(platform->shape().id.str() + " said " + value.text() + " as " + field + ", and nothing tells of it");
  }
}

bool Story::is_named(const Record& record, const FieldState& field, const PlatformId& platform) const {
  if (subset_share_ == 0 && !is_apart_) return true;
  if (merger_ && merger_->has_told_all_of(record)) return true;
  const auto at = world_->store.events().find(field.event);
  if (at == world_->store.events().end()) return false;
  const auto& targets = at->second.event->targets;
  return at->second.event->source == platform || std::find(targets.begin(), targets.end(), platform) != targets.end();
}

void Story::check_record(const Record& record) {
  for (std::size_t i = 0; i < world_->platforms.size(); ++i) check_copy(record, i);
}

void Story::check_copy(const Record& record, std::size_t index) {
  TestPlatform& platform = world_->platform(index);
  const PlatformId& name = platform.shape().id;
  const Knowledge* known = record.known_by(name);
  std::string own_id = known == nullptr ? std::string{} : std::string(known->own_id());
  const FieldState* email = record.find("email");
  if (own_id.empty() && !record.is_deleted() && email != nullptr) {  // no answer that told it could be read
    own_id = platform.holder_of_email(record.tenant, record.entity, email->value).value_or("");
  }
  const std::string where =
      name.str() + " " + (own_id.empty() ? "(no id)" : own_id) + " of record " + std::to_string(record.key.value);
  const TestPlatform::Copy* copy = own_id.empty() ? nullptr : platform.find(record.tenant, record.entity, own_id);
  if (is_disputed(record) && (record.is_deleted() || proposes(record, name, kDeletedField))) {
    if (all_decided_) complain(where + " still waits for a decision whether it is there");
    return;
  }
  if (record.is_deleted()) {
    if (!is_named(record, *record.find(kDeletedField), name)) return;
    if (copy != nullptr) complain(where + " is alive, but was deleted");
    // And each other one that we were told of. What a create made that was given up unheard, nobody can know of.
    for (const auto& [id, other] : platform.copies(record.tenant, record.entity)) {
      const RecordKey* told_of = world_->store.find_link(identity_of_own_id(record.tenant, record.entity, name, id));
      if (id != own_id && told_of != nullptr && *told_of == record.key)
        complain(where + " was deleted, and " + id + " beside it is alive");
    }
    return;
  }
  // A record that was deleted comes back only where the event that brought it back was sent, or a later one.
  const FieldState* existence = record.find(kDeletedField);
  const bool has_come_back = copy != nullptr || existence == nullptr || is_named(record, *existence, name);
  for (const FieldState& field : record.fields) {
    if (field.name == kDeletedField || !is_named(record, field, name)) continue;
    if (!has_come_back && field.version <= existence->version) continue;
    if (proposes(record, name, field.name)) continue;
    const auto wrote = world_->store.events().find(field.event);
    const Timestamp since = wrote == world_->store.events().end() ? Timestamp{} : wrote->second.event->created_at;
    if (is_held(platform, copy, field.name.str(), field.value, since)) continue;
    const Value* held = copy == nullptr ? nullptr : copy->data.find(platform.shape().local(field.name));
    complain(where + " holds " + (held == nullptr ? "nothing" : held->text()) + " as " + field.name.str() +
             "; golden is " + field.value.text() + " by " + field.writer.str() + " in version " +
             std::to_string(field.version.value));
  }
}

bool Story::is_held(const TestPlatform& platform, const TestPlatform::Copy* copy, std::string_view field,
                    const Value& value, Timestamp since) const {
  if (copy == nullptr) return false;
  if (field == kPrice) return prices_->is_held(platform, *copy, value, since);
  const Value* held = copy->data.find(platform.shape().local(field));
  return held != nullptr && *held == value;
}

void Story::check_model(const Slot& slot) {
  for (const auto& platform : world_->platforms) {
    const auto own_id = id_in(*platform, slot);
    if (own_id.has_value() != slot.alive) {
      complain(platform->shape().id.str() + (slot.alive ? " lacks " : " still has ") + slot.email);
      continue;
    }
    if (!own_id) continue;
    const TestPlatform::Copy* copy = platform->find(slot.tenant, kEntity, *own_id);
    for (const auto& [field, value] : slot.model) {
      const Value* held = copy->data.find(platform->shape().local(field));
      if (!is_held(*platform, copy, field, value, Timestamp{})) {
        complain(platform->shape().id.str() + " holds " + (held == nullptr ? "nothing" : held->text()) + " as " +
                 field + " of " + slot.email + "; the last change said " + value.text());
      }
    }
  }
}

}  // namespace datasync::pipeline
