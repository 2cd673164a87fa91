#include "bus/kafka/client.h"

#include <array>

#include "base/log.h"

namespace datasync::bus::kafka {
namespace {

/// The library repeats itself while a broker is away, and says much else that only who works on it wants; what matters
/// of it comes to us as an error of a call. Names of brokers and topics are all that these lines hold.
void write_log(const rd_kafka_t*, int level, const char* facility, const char* message) {
  constexpr int kError = 3;  // as syslog counts
  if (level < kError) {
    log::error("kafka: {}: {}", facility, message);
  } else {
    log::debug("kafka: {}: {}", facility, message);
  }
}

}  // namespace

Result<Client> make_client(rd_kafka_type_t type, const std::vector<std::pair<const char*, std::string>>& properties,
                           int events, const std::function<void(rd_kafka_conf_t*)>& more) {
  std::array<char, 512> why{};
  std::unique_ptr<rd_kafka_conf_t, decltype(&rd_kafka_conf_destroy)> conf(rd_kafka_conf_new(), &rd_kafka_conf_destroy);
  for (const auto& [name, value] : properties) {
    if (rd_kafka_conf_set(conf.get(), name, value.c_str(), why.data(), why.size()) != RD_KAFKA_CONF_OK) {
      return fail(ErrorCode::kInternal, "the Kafka client does not take a setting", why.data());
    }
  }
  rd_kafka_conf_set_log_cb(conf.get(), &write_log);
  if (events != 0) rd_kafka_conf_set_events(conf.get(), events);
  if (more) more(conf.get());
  Client client(rd_kafka_new(type, conf.get(), why.data(), why.size()));
  if (!client) return fail(ErrorCode::kUnavailable, "the Kafka client does not start", why.data());
  static_cast<void>(conf.release());  // the client's now
  return client;
}

std::vector<std::pair<std::string, std::string>> read_headers(const rd_kafka_message_t& message) {
  std::vector<std::pair<std::string, std::string>> read;
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return read;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    read.emplace_back(name, std::string(static_cast<const char*>(value), value == nullptr ? 0 : size));
  }
  return read;
}

Error unavailable(std::string message, rd_kafka_resp_err_t why, Stage stage) {
  return {ErrorCode::kUnavailable, std::move(message), rd_kafka_err2str(why), stage};
}

}  // namespace datasync::bus::kafka
