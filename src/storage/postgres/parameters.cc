#include "storage/postgres/parameters.h"

#include <array>
#include <boost/endian/conversion.hpp>
#include <utility>

#include "storage/postgres/text.h"

namespace datasync::storage::postgres {
namespace {

constexpr std::size_t kKeptBytesMax = 4U << 20U;
constexpr std::size_t kArrayHeadBytes = 20;
constexpr std::size_t kUuidBytes = 16;

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
char* put_big_endian(char* at, Number number) {
  boost::endian::endian_store<Number, sizeof number, boost::endian::order::big>(reinterpret_cast<unsigned char*>(at),
                                                                                number);
  return at + sizeof number;
}

/// All of them at once: a string looks for room once then, and not with every byte.
template <typename... Numbers>
void append_big_endian(std::string& out, Numbers... numbers) {
  std::array<char, (sizeof(Numbers) + ...)> bytes;
  char* at = bytes.data();
  ((at = put_big_endian(at, numbers)), ...);
  out.append(bytes.data(), bytes.size());
}

constexpr std::uint32_t size_word(std::size_t size) {
  return static_cast<std::uint32_t>(size);
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
  append_big_endian(bytes_, value.high, value.low);
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
    return append_big_endian(bytes_, size_word(sizeof(std::uint16_t)), static_cast<std::uint16_t>(value));
  }
  append_big_endian(bytes_, size_word(sizeof value), static_cast<std::uint64_t>(value));
}

void Parameters::add_text(std::string_view value) {
  add_bytes(to_text(value, escaped_));
}

void Parameters::add_bytes(std::string_view value) {
  ++array_size_;
  append_big_endian(bytes_, size_word(value.size()));
  bytes_ += value;
}

void Parameters::add_uuid(Hash128 value) {
  ++array_size_;
  append_big_endian(bytes_, size_word(kUuidBytes), value.high, value.low);
}

void Parameters::add_null() {
  ++array_size_;
  array_has_null_ = true;
  append_big_endian(bytes_, std::uint32_t{0xffffffffU});
}

/// Dimensions, whether there are nulls, type, size, lowest index; then the elements, each after its length.
void Parameters::end_array() {
  char* head = bytes_.data() + array_at_;
  const bool empty = array_size_ == 0;
  for (const std::uint32_t word :
       {empty ? 0U : 1U, array_has_null_ ? 1U : 0U, oid_of(array_type_), static_cast<std::uint32_t>(array_size_), 1U}) {
    head = put_big_endian(head, word);
  }
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
