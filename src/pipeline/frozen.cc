#include "pipeline/frozen.h"

#include <algorithm>
#include <utility>

namespace datasync::pipeline {
namespace {

/// Stands among the ids of words that name none of the record itself.
const OwnId kNone;

bool has_role(const std::vector<OwnId>& ids, const std::string& role) {
  return std::any_of(ids.begin(), ids.end(), [&role](const OwnId& own) { return own.role == role; });
}

}  // namespace

void freeze(Knowledge& known, const Attempt& attempt) {
  FrozenWords words{attempt.change.version, attempt.change.verb, {}, {}, attempt.amounts};
  words.fields.reserve(attempt.fields.size());
  for (const SentField& sent : attempt.fields) words.fields.push_back(sent.name);
  known.frozen.assign(1, std::move(words));
  // A create names none. Between composing and sending the platform may have told its id.
  if (attempt.change.verb != Verb::kCreated && attempt.change.known_ids != known.present_ids())
    freeze_ids(known, attempt);
}

void freeze_ids(Knowledge& known, const Attempt& attempt) {
  for (FrozenWords& words : known.frozen) {
    if (words.version != attempt.change.version) continue;
    words.ids = attempt.change.known_ids;
    if (!has_role(words.ids, {})) words.ids.push_back(kNone);
  }
}

void put_amounts(const FrozenWords& words, Record& then) {
  for (const Field& amount : words.amounts) {
    if (then.find(amount.name) != nullptr) then.at_or_new(amount.name).value = amount.value;
  }
}

void thaw(Knowledge& known) {
  known.frozen.clear();
}

bool is_frozen(const Knowledge& known, const Attempt& attempt) noexcept {
  return !known.frozen.empty() && known.frozen.front().version == attempt.change.version;
}

std::optional<FrozenWords> frozen_words(const Knowledge& known, RecordVersion version) {
  if (known.frozen.empty() || known.frozen.front().version != version) return std::nullopt;
  FrozenWords words = known.frozen.front();
  if (words.ids.empty()) words.ids = known.present_ids();
  if (std::erase(words.ids, kNone) == 0) return words;
  for (const OwnId& own : known.ids) {  // those of its parts it has learnt so far
    const bool is_part = !own.role.empty() && own.role != kBesideRole;
    if (is_part && !has_role(words.ids, own.role)) words.ids.push_back(own);
  }
  return words;
}

}  // namespace datasync::pipeline
