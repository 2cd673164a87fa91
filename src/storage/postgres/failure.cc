#include "storage/postgres/failure.h"

#include <algorithm>

namespace datasync::storage::postgres {
namespace {

constexpr std::string_view kUniqueViolation = "23505";

std::string field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? std::string() : text;
}

struct Meaning {
  std::string_view state;  // or the beginning of several
  ErrorCode code;
  std::string_view message;
};

/// The first that fits counts.
constexpr Meaning kMeanings[] = {
    {kFencedState, ErrorCode::kConflict, "another instance has taken over this database"},
    {kRecordState, ErrorCode::kConflict, "the record was changed meanwhile"},
    {kIdentityState, ErrorCode::kConflict, "an identity belongs to another record"},
    {kKnownIdentityState, ErrorCode::kConflict, "an identity belongs to another record"},
    {kHistoryState, ErrorCode::kConflict, "an event has overwritten something before"},
    {kKnownKeyState, ErrorCode::kConflict, "an event with this id was stored meanwhile"},
    {"23505", ErrorCode::kConflict, "an event with this id was stored meanwhile"},
    {"40", ErrorCode::kConflict, "another transaction came first"},
    {"25006", ErrorCode::kUnavailable, "the database takes no writes: it is a standby, or set to read-only"},
    {"28", ErrorCode::kInvalid,
     "the database refuses the user of DATABASE_URL: its password is wrong, or pg_hba.conf does not let it in"},
    {"3D000", ErrorCode::kInvalid, "there is no database of the name in DATABASE_URL; CREATE DATABASE makes it"},
    {"42501", ErrorCode::kInvalid,
     "the user of DATABASE_URL lacks a permission; it must own the database, or have CREATE on its schema "
     "and be the owner of the tables"},
    {"3F000", ErrorCode::kInvalid,
     "the user of DATABASE_URL has no schema to make its tables in: it must exist, and the user needs the permission "
     "USAGE and CREATE on it"},
    {"42P07", ErrorCode::kInvalid,
     "the schema holds tables of another program; give this one a database, or a schema of its own"},
    {"53100", ErrorCode::kUnavailable, "the database's disk is full"},
    {"53200", ErrorCode::kUnavailable, "the database is out of memory"},
    {"53300", ErrorCode::kUnavailable, "the database has too many connections; max_connections limits them"},
    {"53", ErrorCode::kUnavailable, "the database lacks resources"},
    {"55P03", ErrorCode::kUnavailable, "another transaction holds a lock in the database for too long"},
    {"57014", ErrorCode::kUnavailable, "the database took too long and was interrupted"},
    {"57P03", ErrorCode::kUnavailable, "the database is starting or stopping"},
    {"57", ErrorCode::kUnavailable, "the database has ended the connection"},
    {"58", ErrorCode::kUnavailable, "the database's disk or system fails"},
    {"08", ErrorCode::kUnavailable, "the connection to the database failed"},
    {"XX001", ErrorCode::kCorrupt, "the database is damaged"},
    {"XX002", ErrorCode::kCorrupt, "an index of the database is damaged"},
};

const Meaning* meaning_of(std::string_view state) {
  const auto* at = std::find_if(std::begin(kMeanings), std::end(kMeanings),
                                [state](const Meaning& meaning) { return state.starts_with(meaning.state); });
  return at == std::end(kMeanings) ? nullptr : at;
}

Error error_of(std::string_view state) {
  const Meaning* meaning = meaning_of(state);
  if (meaning == nullptr) return {ErrorCode::kInternal, "the database refuses a statement", {}};
  return {meaning->code, std::string(meaning->message), {}};
}

std::string state_of(const PGresult* result) {
  std::string state = field(result, PG_DIAG_SQLSTATE);
  if (state != kUniqueViolation) return state;
  const std::string table = field(result, PG_DIAG_TABLE_NAME);
  if (table == "records") return std::string(kRecordState);
  if (table == "identities") return std::string(kKnownIdentityState);
  if (table == "record_history" || table.starts_with("histories_")) return std::string(kHistoryState);
  if (table.starts_with("event_keys_")) return std::string(kKnownKeyState);
  return state;
}

/// `connection to server at "db", port 5432 failed: FATAL:  28P01`
std::string state_at_end(std::string_view message) {
  constexpr std::size_t kLength = 5;
  while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) message.remove_suffix(1);
  if (message.size() < kLength + 1) return {};
  const std::string_view state = message.substr(message.size() - kLength);
  const auto fits = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); };
  if (!std::all_of(state.begin(), state.end(), fits) || message[message.size() - kLength - 1] != ' ') return {};
  return std::string(state);
}

}  // namespace

Failure failure_of(const PGresult* result) {
  Failure failure;
  failure.state = state_of(result);
  const std::string severity = field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  failure.lost = failure.state.empty() || severity == "FATAL" || severity == "PANIC";
  if (failure.state.empty()) {  // libpq's own words
    const std::string_view why = PQresultErrorMessage(result);
    return lost_failure(std::string(why.substr(0, why.find('\n'))));
  }
  failure.error = error_of(failure.state);
  failure.error.detail = "SQLSTATE " + failure.state;
  for (const std::string& name : {field(result, PG_DIAG_CONSTRAINT_NAME), field(result, PG_DIAG_TABLE_NAME)}) {
    if (!name.empty()) failure.error.detail += " " + name;
  }
  // Of statements and names alone: none of these messages quotes a value.
  const bool speaks_of_names = failure.state.starts_with("42") || failure.state.starts_with("0A");
  if (speaks_of_names) failure.error.detail += ": " + field(result, PG_DIAG_MESSAGE_PRIMARY);
  if (failure.state == kFencedState) failure.error.message += ": " + field(result, PG_DIAG_MESSAGE_PRIMARY);
  return failure;
}

Failure connect_failure(std::string_view message) {
  Failure failure;
  failure.lost = true;
  failure.state = state_at_end(message);
  if (message.find("no password supplied") != std::string_view::npos) {
    failure.error = {ErrorCode::kInvalid, "the database asks for a password, and DATABASE_URL has none", {}};
  } else if (meaning_of(failure.state) != nullptr) {
    failure.error = error_of(failure.state);
  } else if (failure.state.starts_with("42") || failure.state.starts_with("22") || failure.state.starts_with("0A")) {
    failure.error = {ErrorCode::kInvalid, "the database refuses an option of DATABASE_URL", {}};
  } else if (message.find("session is read-only") != std::string_view::npos) {
    failure.error = error_of("25006");
  } else {
    failure.error = {ErrorCode::kUnavailable, "the database can't be reached; DATABASE_URL says where it is", {}};
  }
  failure.error.detail = message.substr(0, message.find('\n'));
  return failure;
}

Failure lost_failure(std::string detail) {
  Failure failure;
  failure.lost = true;
  failure.error = {ErrorCode::kUnavailable, "the connection to the database was lost", std::move(detail)};
  return failure;
}

}  // namespace datasync::storage::postgres
