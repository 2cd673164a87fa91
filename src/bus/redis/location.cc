#include "bus/redis/location.h"

#include <fmt/format.h>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>

namespace datasync::bus::redis {
namespace {

constexpr const char* kForm = "; it is written as redis://[[user]:password@]host[:port][/database]";

tl::unexpected<Error> refuse(const std::string& what) {
  return fail(ErrorCode::kInvalid, what + kForm);
}

template <typename Number>
bool read_number(std::string_view text, Number& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc() && end == text.data() + text.size() && into >= 0;
}

}  // namespace

std::string Location::str() const {
  const bool brackets = host.find(':') != std::string::npos;
  return fmt::format("redis://{}{}{}:{}/{}", brackets ? "[" : "", host, brackets ? "]" : "", port, database);
}

Result<Location> read_location(std::string_view text) {
  const auto parsed = boost::urls::parse_uri(text);
  if (!parsed) return refuse("the value is no URL");
  const boost::urls::url_view& url = *parsed;
  if (url.scheme() == "rediss") {
    return refuse("TLS to Redis is not built in: put a tunnel beside this service, and name its end");
  }
  if (url.scheme() != "redis") return refuse("the scheme is not redis");
  Location location;
  location.host = url.host_address();
  if (location.host.empty()) return refuse("there is no host");
  location.user = url.user();
  location.password = url.password();
  if (!location.user.empty() && location.password.empty()) return refuse("there is a user and no password");
  if (url.has_port() && (!read_number(url.port(), location.port) || location.port == 0)) {
    return refuse("the port is none");
  }
  std::string path = url.path();
  if (path.starts_with('/')) path.erase(0, 1);
  if (!path.empty() && !read_number(path, location.database)) return refuse("the database is no number");
  if (url.has_query() || url.has_fragment()) return refuse("it has more than a database behind its host");
  return location;
}

}  // namespace datasync::bus::redis
