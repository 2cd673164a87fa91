#include "storage/store.h"

#include "base/uuid.h"

namespace datasync::storage {
namespace {

std::uint64_t read_big_endian(const std::uint8_t* bytes) {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = (value << 8U) | bytes[i];
  return value;
}

}  // namespace

Hash128 event_key_of(std::string_view id_or_key) {
  const auto uuid = parse_uuid(id_or_key);
  if (!uuid) return hash128(id_or_key);
  return {read_big_endian(uuid->data()), read_big_endian(uuid->data() + 8)};
}

void WriteBatch::clear() {
  events.clear();
  states.clear();
  records.clear();
  identities.clear();
  history.clear();
  conflicts.clear();
  lane_states.clear();
  low_water = {};
}

}  // namespace datasync::storage
