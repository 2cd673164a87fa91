// A real server on a real socket. The head of the input is a list of `Name: value` lines that go into the handshake,
// the rest is sent behind it: as frames as they stand, whole and in pieces, and as messages in proper frames.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <optional>

#include "base/log.h"
#include "fuzz.h"
#include "net/http_parser.h"
#include "net/http_server.h"
#include "net/io_threads.h"

namespace datasync::fuzz {
namespace {

constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";         // of RFC 6455, section 1.3
constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";  // what section 4.2.2 makes of it
constexpr std::size_t kMessageBytesMax = 4096;

/// What one connection told the server.
struct Heard {
  std::vector<std::string> messages;
  int opened = 0;
  int closed = 0;
};

class Server {
 public:
  Server() {
    log::set_level("critical");
    net::HttpServerOptions options;
    options.header_bytes_max = 64 * 1024;
    server_.emplace(threads_, options);
    server_->set_handler([this](net::HttpRequest request, net::Responder responder) {
      net::WebSocketOptions socket;
      socket.message_bytes_max = kMessageBytesMax;
      net::WebSocketCallbacks callbacks;
      callbacks.on_message = [this](net::WebSocketPeer&, std::string message) {
        const std::lock_guard lock(mutex_);
        require(heard_.closed == 0, "nothing is heard after the end");
        heard_.messages.push_back(std::move(message));
      };
      callbacks.on_close = [this](net::WebSocketPeer&, std::uint16_t) {
        const std::lock_guard lock(mutex_);
        ++heard_.closed;
        changed_.notify_all();
      };
      const bool opened = std::move(responder).upgrade(request, socket, std::move(callbacks)).has_value();
      const std::lock_guard lock(mutex_);
      heard_.opened += opened ? 1 : 0;
    });
    port_ = server_->listen("127.0.0.1", 0).value();
    threads_.start();
  }
  ~Server() {
    server_.reset();
    threads_.stop();
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }

  /// What was heard of the connection, once it has ended on this side too.
  Heard take() {
    std::unique_lock lock(mutex_);
    const auto closed = [this] { return heard_.closed >= heard_.opened; };
    require(changed_.wait_for(lock, seconds{20}, closed), "a client that went is noticed");
    require(heard_.closed == heard_.opened && heard_.opened <= 1, "a session ends once");
    return std::exchange(heard_, {});
  }

 private:
  SystemClock clock_;
  net::IoThreads threads_{1, clock_};
  std::optional<net::HttpServer> server_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  Heard heard_;
};

/// libFuzzer watches over the time of a run by a signal.
template <typename Call>
auto uninterrupted(Call call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int one = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    const timeval patience{20, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    require(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "the server listens");
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { ::close(fd_); }

  void send(std::string_view text) {
    while (!text.empty()) {
      const auto sent = uninterrupted([&] { return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL); });
      if (sent <= 0) return;  // the server has ended it
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void finish() { ::shutdown(fd_, SHUT_WR); }

  /// The answer to the handshake; what follows it stays in the socket.
  std::string read_head() {
    std::string head;
    char byte = 0;
    const auto read_byte = [&] { return ::recv(fd_, &byte, 1, 0); };  // by bytes: frames may follow
    while (!head.ends_with("\r\n\r\n") && uninterrupted(read_byte) == 1) head += byte;
    return head;
  }
  void read_to_end() {
    char bytes[4096];
    ssize_t got = 0;
    while ((got = uninterrupted([&] { return ::recv(fd_, bytes, sizeof bytes, 0); })) > 0) {
    }
    require(got == 0 || errno == ECONNRESET, "the server ends what the client has ended");
  }

 private:
  int fd_;
};

/// One frame of a client (RFC 6455, section 5.2), masked.
std::string frame(int opcode, bool last, std::string_view payload, Random& random) {
  std::string out;
  out += static_cast<char>((last ? 0x80 : 0) | opcode);
  if (payload.size() < 126) {
    out += static_cast<char>(0x80 | static_cast<int>(payload.size()));
  } else {
    out += static_cast<char>(0x80 | 126);
    out += static_cast<char>(payload.size() >> 8U);
    out += static_cast<char>(payload.size() & 0xffU);
  }
  const auto mask = static_cast<std::uint32_t>(random.next());
  for (unsigned i = 0; i < 4; ++i) out += static_cast<char>(mask >> (8 * i));
  for (std::size_t i = 0; i < payload.size(); ++i) {
    out += static_cast<char>(static_cast<unsigned char>(payload[i]) ^ (mask >> (8 * (i % 4))));
  }
  return out;
}

/// The messages in frames, some of them in several, with pings between.
std::string framed(const std::vector<std::string>& messages, Random& random) {
  constexpr int kText = 1, kBinary = 2, kPing = 9;
  std::string out;
  for (const std::string& message : messages) {
    int opcode = is_utf8(message) ? kText : kBinary;
    const auto pieces = message.empty() ? std::vector<std::string_view>{""} : in_pieces(message, random);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      out += frame(opcode, i + 1 == pieces.size(), pieces[i], random);
      opcode = 0;
      if (random.next() % 4 == 0) out += frame(kPing, true, "?", random);
    }
  }
  return out;
}

/// Lines that say that more of the request follows are left out: it would be waited for.
std::string handshake(std::string_view lines) {
  std::string request = "GET /ws HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
  request.append("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ").append(kKey).append("\r\n");
  while (!lines.empty()) {
    const std::string_view line = take_until(lines, "\n");
    const std::string_view name = line.substr(0, line.find(':'));
    const bool announces =
        net::equals_ignoring_case(name, "content-length") || net::equals_ignoring_case(name, "transfer-encoding");
    if (!line.empty() && !announces) request.append(line).append("\r\n");
  }
  return request + "\r\n";
}

/// Whether the server took the client for a WebSocket.
bool check_answer(const std::string& head) {
  net::ReadBuffer buffer;
  std::copy(head.begin(), head.end(), buffer.prepare(head.size() + 1, 1).begin());
  buffer.commit(head.size());
  net::ResponseParser parser(64 * 1024, 64 * 1024, true);
  require(parser.feed(buffer) == net::ParseState::kHeaderDone, "the server answers in HTTP", head);
  if (parser.status != 101) {
    require(parser.status >= 400 && parser.status < 600 && parser.status != 500, "what is no handshake is refused",
            head);
    return false;
  }
  require(parser.headers.get("sec-websocket-accept") == kAccept, "the server has understood the key", head);
  return true;
}

/// None where the handshake was refused.
std::optional<Heard> play(Server& server, std::string_view lines, const std::vector<std::string_view>& pieces) {
  Client client(server.port());
  client.send(handshake(lines));
  const bool open = check_answer(client.read_head());
  for (const std::string_view piece : pieces) client.send(open ? piece : "");
  client.finish();
  client.read_to_end();
  Heard heard = server.take();
  if (!open) return std::nullopt;
  return heard;
}

}  // namespace
}  // namespace datasync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace datasync::fuzz;
  static Server server;
  std::string_view rest = text_of(data, size);
  const auto random = random_of(rest);
  const std::string_view lines = take_until(rest, "\n\n");
  const auto whole = play(server, lines, {rest});
  if (!whole) return 0;
  const auto cut = play(server, lines, in_pieces(rest, *random));
  require(cut && cut->messages == whole->messages, "frames in pieces are the same messages");

  std::vector<std::string> messages;
  for (std::string_view all = rest; !all.empty();)
    messages.emplace_back(take_until(all, "\n").substr(0, kMessageBytesMax));
  const std::string frames = framed(messages, *random);
  const auto heard = play(server, lines, in_pieces(frames, *random));
  require(heard && heard->messages == messages, "messages arrive as they were sent");
  return 0;
}
