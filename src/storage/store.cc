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
  log_positions.clear();
  low_water = {};
}

Result<std::vector<std::optional<RecordKey>>> Store::find_identities(std::span<const IdentityKey> identities) {
  std::vector<std::optional<RecordKey>> found;
  found.reserve(identities.size());
  for (const IdentityKey& identity : identities) {
    auto key = find_identity(identity.tenant, identity.hash);
    if (!key) return fail(std::move(key).error());
    found.push_back(*key);
  }
  return found;
}

Result<std::vector<std::optional<Record>>> Store::load_records(std::span<const RecordAddress> addresses) {
  std::vector<std::optional<Record>> loaded;
  loaded.reserve(addresses.size());
  for (const RecordAddress& address : addresses) {
    auto record = load_record(address.tenant, address.key);
    if (!record) return fail(std::move(record).error());
    loaded.push_back(std::move(*record));
  }
  return loaded;
}

}  // namespace datasync::storage
