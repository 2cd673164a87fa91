#include "storage/postgres/answer.h"

#include "storage/postgres/text.h"

namespace datasync::storage::postgres {
namespace {

std::uint64_t read_big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = (value << 8U) | static_cast<unsigned char>(byte);
  return value;
}

}  // namespace

std::int64_t Answer::integer(int row, int column) const noexcept {
  const std::string_view value = bytes(row, column);
  if (value.empty()) return 0;
  const unsigned unused = 64U - 8U * static_cast<unsigned>(value.size());
  return static_cast<std::int64_t>(read_big_endian(value) << unused) >> unused;
}

std::string_view Answer::bytes(int row, int column) const noexcept {
  return {PQgetvalue(native_.get(), row, column), static_cast<std::size_t>(PQgetlength(native_.get(), row, column))};
}

Hash128 Answer::uuid(int row, int column) const noexcept {
  const std::string_view value = bytes(row, column);
  return {read_big_endian(value.substr(0, 8)), read_big_endian(value.substr(8))};
}

Result<std::string> Answer::text(int row, int column) const {
  return from_text(bytes(row, column));
}

}  // namespace datasync::storage::postgres
