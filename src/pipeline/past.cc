#include "pipeline/past.h"

#include <algorithm>
#include <utility>

#include "pipeline/identity.h"

namespace datasync::pipeline {

Result<std::optional<Record>> Past::record(const TenantId& tenant, RecordKey key) const {
  if (made_later_.contains(key)) return std::nullopt;
  auto loaded = reader_.load_record(tenant, key);
  if (!loaded) return fail(std::move(loaded).error());
  if (!*loaded) return std::nullopt;
  Record record = std::move(**loaded);
  std::vector<FieldState> fields;
  record.version = {};
  for (FieldState& field : record.fields) {
    auto then = rewind(std::move(field));
    if (!then) return fail(std::move(then).error());
    if (!*then) continue;
    record.version = std::max(record.version, (*then)->version);
    fields.push_back(std::move(**then));
  }
  if (fields.empty()) {
    made_later_.insert(key);
    return std::nullopt;
  }
  record.fields = std::move(fields);
  std::erase_if(record.knowledge, [&](const Knowledge& known) { return !was_there(record, known); });
  for (Knowledge& known : record.knowledge) rewind(record, known);
  if (record.merged_into && record.merged_into->event >= first_) record.merged_into.reset();
  DATASYNC_TRY(rewind_merges(record));
  if (record.joined > record.version) record.joined = {};
  for (Hold& hold : record.holds) {
    std::erase_if(hold.candidates, [this](const Hold::Candidate& one) { return one.event >= first_; });
  }
  std::erase_if(record.holds, [](const Hold& hold) { return hold.candidates.empty(); });
  return record;
}

/// Those that became part of it later were not yet.
Result<void> Past::rewind_merges(Record& record) const {
  std::vector<EntityId> absorbed;
  for (EntityId& id : record.absorbed) {
    const auto key =
        reader_.find_identity(record.tenant, identity_of_canonical(record.tenant, record.entity, id.str()));
    if (!key) return fail(key.error());
    const auto part = *key ? reader_.load_record(record.tenant, **key) : Result<std::optional<Record>>();
    if (!part) return fail(part.error());
    const bool is_later = *part && (*part)->merged_into && (*part)->merged_into->event >= first_;
    if (!is_later) absorbed.push_back(std::move(id));
  }
  record.absorbed = std::move(absorbed);
  return {};
}

Result<std::optional<FieldState>> Past::rewind(FieldState field) const {
  while (field.event >= first_) {
    auto entry = reader_.load_history(field.event);
    if (!entry) return fail(std::move(entry).error());
    if (!*entry) return std::nullopt;
    auto& overwritten = (*entry)->overwritten;
    const auto before = std::find_if(overwritten.begin(), overwritten.end(),
                                     [&field](const FieldState& one) { return one.name == field.name; });
    // What does not go back can't be a chain: it would never end.
    if (before == overwritten.end() || before->event >= field.event) return std::nullopt;
    field = std::move(*before);
  }
  return field;
}

bool Past::was_there(const Record& then, const Knowledge& known) const {
  const auto is_old = [this](const KnownValue& value) { return value.acknowledged < since_; };
  return std::any_of(known.values.begin(), known.values.end(), is_old) ||
         std::any_of(known.earlier.begin(), known.earlier.end(), is_old) ||
         std::any_of(then.fields.begin(), then.fields.end(),
                     [&known](const FieldState& field) { return field.writer == known.platform; });
}

void Past::rewind(const Record& then, Knowledge& known) const {
  const auto is_old = [&](const KnownValue& value) {
    return value.acknowledged < since_ && value.version <= then.version;
  };
  std::vector<KnownValue> values;
  for (KnownValue& value : known.values) {
    if (is_old(value)) {
      values.push_back(std::move(value));
      continue;
    }
    const auto earlier = std::find_if(known.earlier.rbegin(), known.earlier.rend(),
                                      [&](const KnownValue& one) { return one.field == value.field && is_old(one); });
    const FieldState* golden = then.find(value.field);
    if (earlier != known.earlier.rend()) {
      values.push_back(*earlier);
    } else if (golden != nullptr && golden->name != kDeletedField) {
      values.push_back({golden->name, golden->version,
                        catalog_.mapper.held_hash(known.platform, then.entity, golden->name, golden->value),
                        golden->source_time});
    }
  }
  known.values = std::move(values);
  std::erase_if(known.earlier, [&](const KnownValue& value) { return !is_old(value); });
  known.frozen.clear();
}

}  // namespace datasync::pipeline
