#include "pipeline/testing/merger.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "pipeline/identity.h"

namespace datasync::pipeline {
namespace {

constexpr const char* kKey = "email";

bool is_blank(const FieldState* field) {
  return field == nullptr || field->value.is_null();
}

Value email_of(const Record& record) {
  const FieldState* email = record.find(FieldName(kKey));
  return email == nullptr ? Value() : email->value;
}

/// That a person is asked whether it goes makes no version of it.
std::vector<FieldState> all_but_existence(std::vector<FieldState> fields) {
  std::erase_if(fields, [](const FieldState& field) { return field.name == kDeletedField; });
  return fields;
}

}  // namespace

void Merger::act() {
  if (world_.store.records().size() < 2) return;
  const Record first = some_record();
  const Record second = some_record();
  if (first.merged_into) {
    if (unit() < 0.5) part(first.key);
  } else if (first.tenant == second.tenant && first.key != second.key) {
    merge(first, second);
  }
}

void Merger::part(RecordKey key) {
  const auto& records = world_.store.records();
  const Record other = records.at(key);
  if (!other.merged_into) return;
  const Record keep = records.at(other.merged_into->record);
  if (email_of(keep) != email_of(other)) part(keep, other);  // else both would be one on platforms again
}

bool Merger::merge_alike() {
  std::map<std::pair<TenantId, std::string>, RecordKey> firsts;
  for (const auto& [key, record] : world_.store.records()) {
    if (record.merged_into || record.is_deleted()) continue;
    const auto [first, is_new] = firsts.emplace(std::pair(record.tenant, email_of(record).text()), key);
    if (is_new) continue;
    merge(Record(world_.store.records().at(first->second)), Record(record));
    return true;
  }
  return false;
}

const Record& Merger::some_record() {
  const auto& records = world_.store.records();
  return std::next(records.begin(), static_cast<std::ptrdiff_t>(below(records.size())))->second;
}

void Merger::merge(const Record& keep, const Record& other) {
  MergeRequest request;
  request.tenant = keep.tenant;
  request.entity = kEntity;
  request.keep = keep.id;
  request.other = other.id;
  request.newest = unit() < 0.3;
  for (const FieldState& field : other.fields) {
    if (field.name != kDeletedField && field.name != kKey && unit() < 0.2) request.take.push_back(field.name);
  }
  Merged done;
  if (!ask(request, done)) return;
  ++merged;
  expect_merged(request, keep, other, done);
  remove_duplicates(keep.tenant, done);
}

void Merger::part(const Record& keep, const Record& other) {
  MergeRequest request;
  request.kind = MergeRequest::Kind::kSplit;
  request.tenant = keep.tenant;
  request.entity = kEntity;
  request.keep = keep.id;
  request.other = other.id;
  Merged done;
  if (!ask(request, done)) return;
  ++parted;
  touched_.insert(keep.key);
  touched_.insert(other.key);
  expect_parted(keep, other, done);
}

bool Merger::ask(const MergeRequest& asked, Merged& done) {
  MergeRequest request = asked;
  request.by = "merger";
  request.reason = "dice";
  const bool is_merge = request.kind == MergeRequest::Kind::kMerge;
  const std::string what = request.other.str() + (is_merge ? " into " : " out of ") + request.keep.str();
  world_.trace("a person takes " + what);
  const Result<Merged> answer = world_.merge(std::move(request));
  if (answer) {
    done = *answer;
    return true;
  }
  world_.trace("  refused: " + answer.error().message);
  const ErrorCode code = answer.error().code;
  const bool is_fine = code == ErrorCode::kConflict || (code == ErrorCode::kUnavailable && commits_fail_);
  if (!is_fine) world_.complain("nobody could take " + what + ": " + answer.error().message);
  return false;
}

void Merger::remove_duplicates(const TenantId& tenant, const Merged& done) {
  for (const auto& [name, own_id] : done.duplicates) {
    for (const auto& platform : world_.platforms) {
      if (platform->shape().id != name || platform->find(tenant, kEntity, own_id) == nullptr) continue;
      platform->remove(tenant, kEntity, own_id);
    }
  }
}

/// What was in both is in the one that stays, or stands in a conflict, and all ids lead there. Values are not looked at
/// where another event of the same transaction had its say.
void Merger::expect_merged(const MergeRequest& request, const Record& keep, const Record& other, const Merged& done) {
  touched_.insert(keep.key);
  const std::string what =
      "merging record " + std::to_string(other.key.value) + " into " + std::to_string(keep.key.value);
  const Record& stays = world_.store.records().at(keep.key);
  const Record& goes = world_.store.records().at(other.key);
  const storage::StoredEvent* event = world_.store.find(done.event.str());
  if (event == nullptr) return world_.complain(what + " made no event");
  if (!goes.merged_into || goes.merged_into->record != keep.key) return world_.complain(what + " did not");
  const auto& absorbed = stays.absorbed;
  if (std::count(absorbed.begin(), absorbed.end(), other.id) != 1) world_.complain(what + " is not noted");
  expect_leads_to(keep, keep.key);
  expect_leads_to(other, keep.key);
  if (goes.fields != other.fields) world_.complain(what + " changed what goes");
  if (stays.version.value != std::max(keep.version.value, other.version.value) + 1) return;
  for (const FieldState& theirs : other.fields) {
    if (theirs.name == kDeletedField) continue;
    const FieldState* mine = keep.find(theirs.name);
    const bool is_named = std::find(request.take.begin(), request.take.end(), theirs.name) != request.take.end();
    const bool is_newer = request.newest && theirs.name != kKey && mine != nullptr && theirs.time > mine->time;
    const bool is_taken = is_blank(mine) || is_newer || is_named;
    const Value& expected = is_taken ? theirs.value : mine->value;
    const FieldState* now = stays.find(theirs.name);
    if (now == nullptr || now->value != expected) {
      world_.complain(what + " made " + theirs.name.str() + " " + (now == nullptr ? "nothing" : now->value.text()) +
                      " instead of " + expected.text());
    }
    if (mine == nullptr || mine->value == theirs.value || is_blank(mine) || is_blank(&theirs)) continue;
    expect_loser(keep, *mine, theirs, is_taken, event->event->sequence);
  }
  for (const FieldState& mine : keep.fields) {
    if (other.find(mine.name) == nullptr && *stays.find(mine.name) != mine) {
      world_.complain(what + " changed " + mine.name.str() + ", which the other has not");
    }
  }
}

void Merger::expect_loser(const Record& keep, const FieldState& mine, const FieldState& theirs, bool is_taken,
                          Sequence event) {
  const auto outcome = is_taken ? Conflict::Outcome::kSource : Conflict::Outcome::kTarget;
  const auto& conflicts = world_.store.conflicts();
  const bool is_told = std::any_of(conflicts.begin(), conflicts.end(), [&](const Conflict& conflict) {
    return conflict.event == event && conflict.record == keep.key &&
           std::any_of(conflict.fields.begin(), conflict.fields.end(), [&](const Conflict::Side& side) {
             return side.field == mine.name.str() && side.source_value == theirs.value &&
                    side.target_value == mine.value && side.outcome == outcome;
           });
  });
  if (!is_told) world_.complain("of two values for " + mine.name.str() + " one is lost in a merge, and nothing tells");
}

/// By all its ids.
void Merger::expect_leads_to(const Record& record, RecordKey key) {
  std::vector<Hash128> hashes{identity_of_canonical(record.tenant, record.entity, record.id.str())};
  for (const Knowledge& known : record.knowledge) {
    if (known.own_id().empty()) continue;
    hashes.push_back(identity_of_own_id(record.tenant, record.entity, known.platform, std::string(known.own_id())));
  }
  for (const Hash128 hash : hashes) {
    const RecordKey* found = world_.store.find_link(hash);
    RecordKey end = found == nullptr ? RecordKey{} : *found;
    const auto& records = world_.store.records();
    while (records.contains(end) && records.at(end).merged_into) end = records.at(end).merged_into->record;
    if (end != key) {
      world_.complain("an id of record " + std::to_string(record.key.value) + " leads to " + std::to_string(end.value) +
                      " instead of " + std::to_string(key.value));
    }
  }
}

/// What the merge gave to the one that stayed is taken from it, unless it was changed since.
void Merger::expect_parted(const Record& keep, const Record& other, const Merged& done) {
  const std::string what =
      "parting record " + std::to_string(other.key.value) + " from " + std::to_string(keep.key.value);
  const Record& stays = world_.store.records().at(keep.key);
  const Record& goes = world_.store.records().at(other.key);
  if (world_.store.find(done.event.str()) == nullptr || world_.store.find(done.other_event.str()) == nullptr) {
    return world_.complain(what + " made no events");
  }
  if (goes.merged_into) return world_.complain(what + " did not");
  const auto& absorbed = stays.absorbed;
  if (std::find(absorbed.begin(), absorbed.end(), other.id) != absorbed.end()) world_.complain(what + " is not noted");
  expect_leads_to(other, other.key);
  expect_leads_to(stays, keep.key);
  const bool is_alone = goes.version.value == std::max(keep.version.value, other.version.value) + 1;
  if (is_alone && all_but_existence(goes.fields) != all_but_existence(other.fields)) {
    world_.complain(what + " changed what goes");
  }
  if (stays.version.value != keep.version.value + 1) return;
  const HistoryEntry* history = world_.store.history_of(other.merged_into->event);
  for (const FieldState& mine : keep.fields) {
    const FieldState& now = *stays.find(mine.name);
    Value expected = mine.value;
    if (mine.event == other.merged_into->event) {
      expected = Value();
      for (const FieldState& before : history == nullptr ? std::vector<FieldState>{} : history->overwritten) {
        if (before.name == mine.name) expected = before.value;
      }
    }
    if (now.value != expected) {
      world_.complain(what + " left " + mine.name.str() + " as " + now.value.text() + " instead of " + expected.text());
    }
  }
}

}  // namespace datasync::pipeline
