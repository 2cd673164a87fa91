#include "base/interned.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include <deque>
#include <mutex>

namespace datasync {
namespace {

/// All shared texts. Never destroyed: objects of other files may outlive any order of destruction.
struct Table {
  std::mutex mutex;
  std::deque<std::string> texts;  // whose places don't change
  boost::unordered_flat_map<std::string_view, const std::string*> by_text;
};

Table& table() {
  static Table* const made = new Table;
  return *made;
}

const std::string* find_or_share(std::string_view text) {
  Table& shared = table();
  const std::lock_guard lock(shared.mutex);
  if (const auto at = shared.by_text.find(text); at != shared.by_text.end()) return at->second;
  if (shared.texts.size() >= Interned::kTextsMax) return nullptr;
  const std::string* made = &shared.texts.emplace_back(text);
  shared.by_text.emplace(*made, made);
  return made;
}

std::uintptr_t bits_of(const std::string* text) {
  return reinterpret_cast<std::uintptr_t>(text);
}

}  // namespace

std::uintptr_t Interned::intern(std::string_view text) {
  if (text.empty()) return bits_of_empty();
  // What this thread has met before needs no lock. As bounded as the table.
  thread_local boost::unordered_flat_map<std::string_view, const std::string*> met;
  if (const auto at = met.find(text); at != met.end()) return bits_of(at->second);
  const std::string* shared = text.size() <= kBytesMax ? find_or_share(text) : nullptr;
  if (shared == nullptr) return bits_of(new std::string(text)) | kOwn;
  met.emplace(*shared, shared);
  return bits_of(shared);
}

std::uintptr_t Interned::copy(const std::string& text) {
  return bits_of(new std::string(text)) | kOwn;
}

void Interned::destroy() noexcept {
  delete &str();
}

}  // namespace datasync
