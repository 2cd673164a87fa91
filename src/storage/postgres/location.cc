#include "storage/postgres/location.h"

#include <libpq-fe.h>

#include <algorithm>
#include <memory>
#include <optional>

namespace datasync::storage::postgres {
namespace {

constexpr std::string_view kPrepared = "prepared_statements=";

struct FreeOptions {
  void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};

tl::unexpected<Error> no_url() {
  return fail(
      ErrorCode::kInvalid,
      "DATABASE_URL can't be read as a PostgreSQL URL; postgresql://user:password@host:5432/database is one, in "
      "which signs like @ / : % of a password are written as %40 %2F %3A %25");
}

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from <= list.size();) {
    const std::size_t comma = std::min(list.find(',', from), list.size());
    parts.emplace_back(list.substr(from, comma - from));
    from = comma + 1;
  }
  return parts;
}

/// Takes our own parameter out of the URL's query: libpq refuses those that it doesn't know.
/// Returns its value; nothing if it isn't there.
std::optional<std::string> take_prepared(std::string& url) {
  const std::size_t query = url.find('?');
  if (query == std::string::npos) return std::nullopt;
  std::size_t at = url.find(kPrepared, query);
  while (at != std::string::npos && url[at - 1] != '?' && url[at - 1] != '&') at = url.find(kPrepared, at + 1);
  if (at == std::string::npos) return std::nullopt;
  const std::size_t end = std::min(url.find('&', at), url.size());
  const std::string value = url.substr(at + kPrepared.size(), end - at - kPrepared.size());
  if (end < url.size()) {
    url.erase(at, end + 1 - at);
  } else {
    url.erase(at - 1);
  }
  return value;
}

/// libpq's lists of hosts, addresses and ports are as long as each other; one port may stand for all.
bool fill_hosts(Location& location, std::string_view hosts, std::string_view addresses, std::string_view ports) {
  const auto names = split(hosts);
  const auto numbers = split(addresses);
  const auto doors = split(ports);
  const std::size_t count = std::max(hosts.empty() ? 1 : names.size(), addresses.empty() ? 1 : numbers.size());
  const auto fits = [count](std::string_view list, std::size_t size) { return list.empty() || size == count; };
  if (!fits(hosts, names.size()) || !fits(addresses, numbers.size())) return false;
  if (doors.size() != 1 && doors.size() != count) return false;
  for (std::size_t i = 0; i < count; ++i) {
    location.hosts.push_back(
        {hosts.empty() ? "" : names[i], addresses.empty() ? "" : numbers[i], doors.size() == 1 ? doors[0] : doors[i]});
  }
  return true;
}

}  // namespace

bool is_location(std::string_view url) {
  return url.starts_with("postgresql://") || url.starts_with("postgres://");
}

Result<Location> read_location(std::string_view url) {
  std::string plain(url);
  Location location;
  if (const auto prepared = take_prepared(plain)) {
    if (*prepared != "on" && *prepared != "off") {
      return fail(ErrorCode::kInvalid, "prepared_statements of DATABASE_URL must be on or off");
    }
    location.pooled = *prepared == "off";
  }
  char* why = nullptr;
  const std::unique_ptr<PQconninfoOption, FreeOptions> parsed(PQconninfoParse(plain.c_str(), &why));
  PQfreemem(why);  // it quotes the URL
  if (!parsed || !is_location(url)) return no_url();
  std::string hosts;
  std::string addresses;
  std::string ports;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    const std::string_view name = option->keyword;
    if (name == "host") {
      hosts = option->val;
    } else if (name == "hostaddr") {
      addresses = option->val;
    } else if (name == "port") {
      ports = option->val;
    } else {
      location.options.emplace_back(name, option->val);
    }
  }
  if (!fill_hosts(location, hosts, addresses, ports)) return no_url();
  return location;
}

}  // namespace datasync::storage::postgres
