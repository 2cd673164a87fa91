#include "storage/postgres/parameters.h"

#include <utility>

#include "storage/postgres/text.h"

namespace datasync::storage::postgres {
namespace {

constexpr std::size_t kKeptBytesMax = 4U << 20U;
constexpr std::size_t kArrayHeadBytes = 20;
constexpr std::int32_t kUuidBytes = 16;

/// Type numbers of PostgreSQL (`pg_type.dat`), which never change.
std::uint32_t oid_of(Parameters::Element type) {
  switch (type) {
    case Parameters::Element::kBigint:
      return 20;
    case Parameters::Element::kSmallint:
      return 21;
    case Parameters::Element::kText:
      return 25;
    case Parameters::Element::kBytes:
      return 17;
    case Parameters::Element::kUuid:
      return 2950;
  }
  return 0;
}

template <typename Number>
void append_big_endian(std::string& out, Number number) {
  for (int shift = static_cast<int>(sizeof(Number)) * 8 - 8; shift >= 0; shift -= 8) {
    out += static_cast<char>((number >> static_cast<unsigned>(shift)) & 0xffU);
  }
}

void put_big_endian(char* at, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8)
    *at++ = static_cast<char>((number >> static_cast<unsigned>(shift)) & 0xffU);
}

void append_size(std::string& out, std::size_t size) {
  append_big_endian(out, static_cast<std::uint32_t>(size));
}

}  // namespace

Parameters& Parameters::integer(std::int64_t value) {
  const std::size_t from = bytes_.size();
  append_big_endian(bytes_, static_cast<std::uint64_t>(value));
  close(from);
  return *this;
}

Parameters& Parameters::text(std::string_view value) {
  return bytes(to_text(value, escaped_));
}

Parameters& Parameters::bytes(std::string_view value) {
  const std::size_t from = bytes_.size();
  bytes_ += value;
  close(from);
  return *this;
}

Parameters& Parameters::uuid(Hash128 value) {
  const std::size_t from = bytes_.size();
  append_big_endian(bytes_, value.high);
  append_big_endian(bytes_, value.low);
  close(from);
  return *this;
}

Parameters& Parameters::null() {
  values_.push_back({bytes_.size(), 0, true});
  return *this;
}

Parameters& Parameters::begin_array(Element type) {
  array_at_ = bytes_.size();
  array_size_ = 0;
  array_has_null_ = false;
  array_type_ = type;
  bytes_.append(kArrayHeadBytes, '\0');
  return *this;
}

void Parameters::add_integer(std::int64_t value) {
  ++array_size_;
  if (array_type_ == Element::kSmallint) {
    append_size(bytes_, sizeof(std::uint16_t));
    return append_big_endian(bytes_, static_cast<std::uint16_t>(value));
  }
  append_size(bytes_, sizeof value);
  append_big_endian(bytes_, static_cast<std::uint64_t>(value));
}

void Parameters::add_text(std::string_view value) {
  add_bytes(to_text(value, escaped_));
}

void Parameters::add_bytes(std::string_view value) {
  ++array_size_;
  append_size(bytes_, value.size());
  bytes_ += value;
}

void Parameters::add_uuid(Hash128 value) {
  ++array_size_;
  append_size(bytes_, kUuidBytes);
  append_big_endian(bytes_, value.high);
  append_big_endian(bytes_, value.low);
}

void Parameters::add_null() {
  ++array_size_;
  array_has_null_ = true;
  append_size(bytes_, 0xffffffffU);
}

/// Dimensions, whether there are nulls, type, size, lowest index; then the elements, each after its length.
void Parameters::end_array() {
  char* head = bytes_.data() + array_at_;
  const bool empty = array_size_ == 0;
  put_big_endian(head, empty ? 0 : 1);
  put_big_endian(head + 4, array_has_null_ ? 1 : 0);
  put_big_endian(head + 8, oid_of(array_type_));
  put_big_endian(head + 12, static_cast<std::uint32_t>(array_size_));
  put_big_endian(head + 16, 1);
  if (empty) bytes_.resize(array_at_ + 12);
  close(array_at_);
}

void Parameters::clear() {
  if (bytes_.capacity() > kKeptBytesMax) std::string().swap(bytes_);
  bytes_.clear();
  values_.clear();
}

void Parameters::to_native(Native& native) const {
  native.values.clear();
  native.lengths.clear();
  for (const Value& value : values_) {
    native.values.push_back(value.is_null ? nullptr : bytes_.data() + value.at);
    native.lengths.push_back(static_cast<int>(value.size));
  }
  native.formats.assign(values_.size(), 1);
}

}  // namespace datasync::storage::postgres
