#include "pipeline/frozen.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

namespace datasync::pipeline {
namespace {

// A note is the name of a value: `u4:city5:phone` for an update of two fields, `i=alpha-1` or `ivariant=V1` for an id.
// Its version sets it apart from fields that are called so.

constexpr char kIdNote = 'i';
constexpr std::array<std::pair<char, Verb>, 3> kVerbs{
    {{'c', Verb::kCreated}, {'u', Verb::kUpdated}, {'d', Verb::kDeleted}}};

void note(const Record& record, Knowledge& known, std::string text, RecordVersion version) {
  // The time is one that costs no byte in the store.
  known.values.push_back({std::move(text), RecordVersion{-version.value}, 0, record.created_at});
}

std::optional<FrozenWords> read_words(std::string_view text) {
  const auto verb =
      std::find_if(kVerbs.begin(), kVerbs.end(), [&text](const auto& known) { return text.starts_with(known.first); });
  if (verb == kVerbs.end()) return std::nullopt;
  FrozenWords words;
  words.verb = verb->second;
  text.remove_prefix(1);
  while (!text.empty()) {
    std::size_t size = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), size);
    text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
    if (!text.starts_with(':') || text.size() - 1 < size) return std::nullopt;
    words.fields.emplace_back(text.substr(1, size));
    text.remove_prefix(1 + size);
  }
  return words;
}

}  // namespace

void freeze(const Record& record, Knowledge& known, const Attempt& attempt) {
  std::string text;
  for (const auto& [letter, verb] : kVerbs) {
    if (verb == attempt.change.verb) text = letter;
  }
  for (const SentField& sent : attempt.fields) {
    text += std::to_string(sent.name.size());
    text += ':';
    text += sent.name;
  }
  note(record, known, std::move(text), attempt.change.version);
}

void freeze_ids(const Record& record, Knowledge& known, const Attempt& attempt) {
  for (const OwnId& own : attempt.change.known_ids) {
    std::string text = kIdNote + own.role + '=' + own.id;
    if (known.find(text) == nullptr) note(record, known, std::move(text), attempt.change.version);
  }
}

void thaw(Knowledge& known) {
  std::erase_if(known.values, is_note);
}

std::optional<FrozenWords> frozen_words(const Knowledge& known, RecordVersion version) {
  std::optional<FrozenWords> words;
  std::vector<OwnId> ids;
  for (const KnownValue& value : known.values) {
    if (value.version.value != -version.value) continue;
    const std::string_view text = value.field;
    const auto end = text.find('=');
    if (text.starts_with(kIdNote) && end != std::string_view::npos) {
      ids.push_back({std::string(text.substr(1, end - 1)), std::string(text.substr(end + 1))});
    } else {
      words = read_words(text);
    }
  }
  if (words) words->ids = ids.empty() ? known.ids : std::move(ids);
  return words;
}

Result<Record> record_at(storage::Store& store, const Record& record, RecordVersion version) {
  Record then = record;
  then.version = version;
  for (FieldState& field : then.fields) {
    while (field.version > version) {
      auto history = store.load_history(field.event);
      if (!history) return fail(std::move(history).error());
      const FieldState* previous = nullptr;
      if (*history) {
        for (const FieldState& old : (*history)->overwritten) {
          if (old.name == field.name) previous = &old;
        }
      }
      if (previous == nullptr) {
        field.version = RecordVersion{0};
        break;
      }
      field = FieldState(*previous);
    }
  }
  std::erase_if(then.fields, [](const FieldState& field) { return field.version.value == 0; });
  return then;
}

}  // namespace datasync::pipeline
