#include "pipeline/subjects.h"

#include <algorithm>

namespace datasync::pipeline {

Outbox& Subject::outbox(const PlatformId& target) {
  for (const auto& outbox : outboxes) {
    if (outbox->target == target) return *outbox;
  }
  auto fresh = std::make_unique<Outbox>();
  fresh->subject = this;
  fresh->target = target;
  return *outboxes.emplace_back(std::move(fresh));
}

Outbox* Subject::find_outbox(const PlatformId& target) noexcept {
  for (const auto& outbox : outboxes) {
    if (outbox->target == target) return outbox.get();
  }
  return nullptr;
}

bool Subject::is_pinned() const noexcept {
  return dirty || std::any_of(outboxes.begin(), outboxes.end(), [](const auto& outbox) {
           return outbox->phase != Outbox::Phase::kIdle || !outbox->waiting.empty();
         });
}

Result<Subject*> Subjects::find(const TenantId& tenant, Hash128 identity) {
  const auto key = find_key(tenant, identity);
  if (!key) return fail(key.error());
  return *key ? load(tenant, **key) : nullptr;
}

Result<Subject*> Subjects::find_itself(const TenantId& tenant, Hash128 identity) {
  const auto key = find_key(tenant, identity);
  if (!key) return fail(key.error());
  return *key ? load_itself(tenant, **key) : nullptr;
}

Result<std::optional<RecordKey>> Subjects::find_key(const TenantId& tenant, Hash128 identity) {
  if (const auto at = by_identity_.find(identity); at != by_identity_.end()) return std::optional(at->second);
  if (forgotten_.contains(identity) || absent_.contains(identity)) return std::nullopt;
  auto key = store_.find_identity(tenant, identity);
  if (!key) return key;
  if (!*key) {
    absent_.insert(identity);
    return key;
  }
  const auto subject = load_itself(tenant, **key);
  if (!subject) return fail(subject.error());
  if (*subject != nullptr) remember(**subject, identity);
  return key;
}

Result<Subject*> Subjects::load(const TenantId& tenant, RecordKey key) {
  auto subject = load_itself(tenant, key);
  // Only a record that stands alone can be merged into one that does, so this comes to an end.
  while (subject && *subject != nullptr && (*subject)->record.merged_into) {
    subject = load_itself(tenant, (*subject)->record.merged_into->record);
  }
  return subject;
}

Result<Subject*> Subjects::load_itself(const TenantId& tenant, RecordKey key) {
  if (const auto at = subjects_.find(key); at != subjects_.end()) {
    at->second->touched = true;
    return at->second.get();
  }
  if (key.value <= 0) return nullptr;  // stateless subjects are nowhere else
  auto record = store_.load_record(tenant, key);
  if (!record) return fail(std::move(record).error());
  if (!*record) return nullptr;
  return &keep(std::move(**record));
}

Subject& Subjects::keep(Record record) {
  auto subject = std::make_unique<Subject>();
  Subject& kept = *subject;
  kept.record = std::move(record);
  kept.stored = kept.record.version;
  subjects_.emplace(kept.record.key, std::move(subject));
  ring_.push_back(kept.record.key);
  return kept;
}

Result<void> Subjects::fetch(std::vector<storage::IdentityKey> identities) {
  std::erase_if(identities, [this](const storage::IdentityKey& one) {
    return by_identity_.contains(one.hash) || forgotten_.contains(one.hash) || absent_.contains(one.hash);
  });
  const auto before = [](const auto& a, const auto& b) { return a.hash < b.hash; };
  std::sort(identities.begin(), identities.end(), before);
  const auto same = [](const auto& a, const auto& b) { return a.hash == b.hash; };
  identities.erase(std::unique(identities.begin(), identities.end(), same), identities.end());
  if (identities.empty()) return {};
  const auto found = store_.find_identities(identities);
  if (!found) return fail(found.error());
  std::vector<storage::RecordAddress> records;
  for (std::size_t i = 0; i < identities.size(); ++i) {
    if ((*found)[i]) {
      records.push_back({*(*found)[i], identities[i].tenant});
    } else {
      absent_.insert(identities[i].hash);
    }
  }
  DATASYNC_TRY(fetch(std::move(records)));
  for (std::size_t i = 0; i < identities.size(); ++i) {
    const auto at = (*found)[i] ? subjects_.find(*(*found)[i]) : subjects_.end();
    if (at != subjects_.end()) remember(*at->second, identities[i].hash);
  }
  return {};
}

Result<void> Subjects::fetch(std::vector<storage::RecordAddress> records) {
  // A record that was merged leads to another one.
  while (!records.empty()) {
    std::erase_if(records, [this](const auto& one) { return one.key.value <= 0 || subjects_.contains(one.key); });
    const auto before = [](const auto& a, const auto& b) { return a.key < b.key; };
    std::sort(records.begin(), records.end(), before);
    const auto same = [](const auto& a, const auto& b) { return a.key == b.key; };
    records.erase(std::unique(records.begin(), records.end(), same), records.end());
    if (records.empty()) return {};
    auto loaded = store_.load_records(records);
    if (!loaded) return fail(std::move(loaded).error());
    records.clear();
    for (std::optional<Record>& record : *loaded) {
      if (!record) continue;
      const Subject& subject = keep(std::move(*record));
      const auto& into = subject.record.merged_into;
      if (into) records.push_back({into->record, subject.record.tenant});
    }
  }
  return {};
}

Subject& Subjects::create(TenantId tenant, std::string entity, EntityId id) {
  last_key_ = std::max(last_key_, store_.last_record_key().value);  // the store may have reserved others since
  auto subject = std::make_unique<Subject>();
  Subject& made = *subject;
  made.record.key = RecordKey{++last_key_};
  made.record.tenant = std::move(tenant);
  made.record.entity = std::move(entity);
  made.record.id = std::move(id);
  subjects_.emplace(made.record.key, std::move(subject));
  ring_.push_back(made.record.key);
  mark_dirty(made);
  return made;
}

Subject& Subjects::create_stateless(const Event& event, const transform::CanonicalChange& change) {
  auto subject = std::make_unique<Subject>();
  Subject& made = *subject;
  made.stateless = true;
  made.record.key = RecordKey{-event.sequence.value};  // below all stored keys, so the two can't meet
  made.record.tenant = event.tenant;
  made.record.entity = event.entity;
  made.record.id = event.entity_id.empty() ? EntityId(change.own_id) : event.entity_id;
  made.record.version = RecordVersion{1};
  for (const Field& field : change.fields) {
    FieldState& state = made.record.at_or_new(field.name);
    state.value = field.value;
    state.writer = event.source;
    state.version = RecordVersion{1};
    state.event = event.sequence;
  }
  subjects_.insert_or_assign(made.record.key, std::move(subject));
  ring_.push_back(made.record.key);
  return made;
}

void Subjects::identify(Subject& subject, Hash128 identity, storage::IdentityKind kind) {
  remember(subject, identity);
  identity_writes_.push_back({identity, kind, subject.record.key, subject.record.tenant, false});
}

void Subjects::forget_identity(Subject& subject, Hash128 identity, storage::IdentityKind kind) {
  const auto at = by_identity_.find(identity);
  // One that was merged into it may still bear it.
  const RecordKey bearer = at == by_identity_.end() ? subject.record.key : at->second;
  if (at != by_identity_.end()) by_identity_.erase(at);
  forgotten_.insert(identity);
  std::erase(subject.identities, identity);
  identity_writes_.push_back({identity, kind, bearer, subject.record.tenant, true});
}

void Subjects::mark_dirty(Subject& subject) {
  if (subject.dirty || subject.stateless) return;
  subject.dirty = true;
  dirty_.push_back(&subject);
}

void Subjects::stage(storage::WriteBatch& batch) {
  batch.records.reserve(dirty_.size());
  for (Subject* subject : dirty_) {
    // The store has read the record before anything else touches it, so it is lent and not copied.
    batch.records.push_back({std::shared_ptr<const Record>(std::shared_ptr<const Record>{}, &subject->record),
                             subject->stored, subject->stored == subject->record.version});
    subject->stored = subject->record.version;
    subject->dirty = false;
  }
  dirty_.clear();
  batch.identities = std::move(identity_writes_);
  identity_writes_.clear();
  forgotten_.clear();
  absent_.clear();
}

void Subjects::trim() {
  // The second-chance clock: an approximation of "least recently used" that costs nothing on a hit.
  std::size_t looked_at = 0;
  const std::size_t stateless_look = std::min<std::size_t>(ring_.size(), 64);
  while (!ring_.empty() &&
         (subjects_.size() > records_max_ ? looked_at < 2 * ring_.size() : looked_at < stateless_look)) {
    ++looked_at;
    hand_ = hand_ < ring_.size() ? hand_ : 0;
    const RecordKey key = ring_[hand_];
    Subject& subject = *subjects_.find(key)->second;
    const bool over = subjects_.size() > records_max_;
    if (subject.is_pinned() || (!subject.stateless && (!over || subject.touched))) {
      if (over) subject.touched = false;
      ++hand_;
      continue;
    }
    evict(key);
    ring_[hand_] = ring_.back();
    ring_.pop_back();
  }
}

void Subjects::clear() {
  subjects_.clear();
  by_identity_.clear();
  ring_.clear();
  hand_ = 0;
  dirty_.clear();
  forgotten_.clear();
  absent_.clear();
  identity_writes_.clear();
  last_key_ = 0;
}

void Subjects::remember(Subject& subject, Hash128 identity) {
  forgotten_.erase(identity);
  absent_.erase(identity);
  by_identity_.insert_or_assign(identity, subject.record.key);
  if (std::find(subject.identities.begin(), subject.identities.end(), identity) == subject.identities.end()) {
    subject.identities.push_back(identity);
  }
}

void Subjects::evict(RecordKey key) {
  const auto at = subjects_.find(key);
  for (const Hash128 identity : at->second->identities) {
    const auto found = by_identity_.find(identity);
    if (found != by_identity_.end() && found->second == key) by_identity_.erase(found);
  }
  subjects_.erase(at);
}

}  // namespace datasync::pipeline
