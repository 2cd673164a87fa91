#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "net/http_message.h"
#include "net/read_buffer.h"

namespace datasync::net {

/// How far a message has been read.
enum class ParseState { kNeedMore, kHeaderDone, kDone, kError };

/// Beast's tokenizer, which is strict about characters, line ends, lengths and chunks, filling our own messages instead
/// of a tree of fields. It consumes what it understood from the buffer. Private to net: it drags Beast in.
///
/// Beast lets some shapes pass that two parsers in a row may read in two ways (RFC 9112, section 11.2); this class
/// refuses them: any coding but `chunked`, a coding in an HTTP/1.0 message, and more than one Content-Length.
template <bool kIsRequest>
class MessageParser : public boost::beast::http::basic_parser<kIsRequest> {
 public:
  using BeastError = boost::beast::error_code;
  using Base = boost::beast::http::basic_parser<kIsRequest>;

  /// Reads on. `kHeaderDone` comes once, between headers and body, also for a message without a body.
  ParseState feed(ReadBuffer& buffer) {
    if (header_seen_ && this->is_done()) return ParseState::kDone;
    while (!buffer.empty()) {
      if (header_seen_ && this->chunked() && buffer.size() < kLastChunkBytes) return ParseState::kNeedMore;
      const auto data = buffer.data();
      const std::size_t consumed = this->put(boost::asio::const_buffer(data.data(), data.size()), error_);
      buffer.consume(consumed);
      // Beast limits only what it holds at a time: a sender of one line after the other would never reach its limit.
      if (!header_seen_) header_bytes_ += consumed;
      if (header_bytes_ > header_bytes_max_) error_ = Error::header_limit;
      // Beast has no limit at all for a chunk's head and the trailers. It takes each whole, in one call, and until then
      // it stays in the buffer: so both measures are the same, however the stream was cut.
      const bool endless = error_ == Error::need_more && buffer.size() > header_bytes_max_;
      const bool too_long = std::exchange(chunk_head_taken_, false) && consumed > header_bytes_max_;
      if (header_seen_ && (endless || too_long)) error_ = Error::bad_chunk;
      if (error_ == Error::need_more) return ParseState::kNeedMore;
      if (error_) return ParseState::kError;
      if (!header_seen_ && this->is_header_done()) {
        header_seen_ = true;
        return ParseState::kHeaderDone;
      }
      if (this->is_done()) return ParseState::kDone;
    }
    return ParseState::kNeedMore;
  }

  [[nodiscard]] const BeastError& error() const noexcept { return error_; }
  [[nodiscard]] bool header_seen() const noexcept { return header_seen_; }
  [[nodiscard]] bool http_1_0() const noexcept { return version_ == 10; }
  [[nodiscard]] bool unknown_coding() const noexcept { return unknown_coding_; }

 protected:
  using Text = boost::beast::string_view;
  using Field = boost::beast::http::field;
  using Error = boost::beast::http::error;

  explicit MessageParser(std::uint32_t header_bytes_max) : header_bytes_max_(header_bytes_max) {
    this->header_limit(header_bytes_max);
  }

  static std::string_view view(Text text) noexcept { return {text.data(), text.size()}; }

  void take_field(Headers& headers, Field field, Text name, Text value, BeastError& error) {
    if (header_seen_) return;  // a trailer; nobody asked for it, and merging it in would let it forge a header
    if (field == Field::content_length && (has_length_ || value.find(',') != Text::npos)) {
      error = Error::multiple_content_length;
    } else if (field == Field::transfer_encoding && (version_ == 10 || !equals_ignoring_case(view(value), "chunked"))) {
      unknown_coding_ = version_ != 10;
      error = Error::bad_transfer_encoding;
    }
    has_length_ = has_length_ || field == Field::content_length;
    headers.add(view(name), view(value));
  }

  /// A length is the sender's word: memory follows the bytes that really come.
  void begin_body(std::string& body, const boost::optional<std::uint64_t>& length) {
    constexpr std::uint64_t kTrustedBytes = 64 * 1024;
    body.reserve(static_cast<std::size_t>(std::min(length.value_or(0), kTrustedBytes)));
  }

  void on_chunk_header_impl(std::uint64_t, Text, BeastError&) override { chunk_head_taken_ = true; }
  void on_header_impl(BeastError&) override {}
  void on_finish_impl(BeastError&) override {}

  int version_ = 11;

 private:
  /// `0`, two line ends: less can't be the end of a chunked body. Beast asserts it when it has seen the first line.
  static constexpr std::size_t kLastChunkBytes = 5;

  const std::uint32_t header_bytes_max_;
  std::size_t header_bytes_ = 0;
  BeastError error_;
  bool header_seen_ = false;
  bool chunk_head_taken_ = false;  // with its trailers, where it is the last one's
  bool has_length_ = false;
  bool unknown_coding_ = false;
};

class RequestParser final : public MessageParser<true> {
 public:
  using BodyLimit = std::function<std::size_t(std::string_view path)>;

  /// `body_bytes_max` is borrowed and may be empty.
  RequestParser(std::uint32_t header_bytes_max, const BodyLimit& body_bytes_max)
      : MessageParser(header_bytes_max), limit_(body_bytes_max) {}

  HttpRequest request;

 private:
  void on_request_impl(boost::beast::http::verb verb, Text name, Text target, int version, BeastError&) override;
  void on_response_impl(int, Text, int, BeastError&) override {}
  void on_field_impl(Field field, Text name, Text value, BeastError& error) override {
    take_field(request.headers, field, name, value, error);
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, BeastError&) override {
    begin_body(request.body, length);
  }
  std::size_t on_body_impl(Text text, BeastError&) override {
    request.body.append(text.data(), text.size());
    return text.size();
  }
  std::size_t on_chunk_body_impl(std::uint64_t, Text text, BeastError&) override {
    request.body.append(text.data(), text.size());
    return text.size();
  }

  /// A client that takes us for its proxy sends a whole URL, and is to be understood (RFC 9112, section 3.2.2).
  static std::string origin_form(std::string_view target) {
    const auto mark = target.starts_with('/') ? std::string_view::npos : target.find("://");
    if (mark == std::string_view::npos) return std::string(target);
    const auto path = std::min(target.find_first_of("/?", mark + 3), target.size());
    return std::string(target.substr(path, 1) == "/" ? "" : "/").append(target.substr(path));
  }

  const BodyLimit& limit_;
};

inline void RequestParser::on_request_impl(boost::beast::http::verb verb, Text name, Text target, int version,
                                           BeastError&) {
  using Verb = boost::beast::http::verb;
  constexpr std::size_t kDefaultBodyBytesMax = 1024 * 1024;
  version_ = version;
  request.target = origin_form(view(target));
  switch (verb) {
    case Verb::get:
      request.method = Method::kGet;
      break;
    case Verb::head:
      request.method = Method::kHead;
      break;
    case Verb::post:
      request.method = Method::kPost;
      break;
    case Verb::put:
      request.method = Method::kPut;
      break;
    case Verb::patch:
      request.method = Method::kPatch;
      break;
    case Verb::delete_:
      request.method = Method::kDelete;
      break;
    case Verb::options:
      request.method = Method::kOptions;
      break;
    default:
      request.method = Method::kOther;
      request.method_name.assign(name.data(), name.size());
  }
  // Here and not later: Beast compares Content-Length with the limit at the end of the headers.
  body_limit(limit_ ? limit_(request.path()) : kDefaultBodyBytesMax);
}

class ResponseParser final : public MessageParser<false> {
 public:
  ResponseParser(std::uint32_t header_bytes_max, std::size_t body_bytes_max, bool answers_head)
      : MessageParser(header_bytes_max) {
    body_limit(body_bytes_max);
    skip(answers_head);
  }

  int status = 0;
  Headers headers;
  std::string body;

 private:
  void on_request_impl(boost::beast::http::verb, Text, Text, int, BeastError&) override {}
  void on_response_impl(int code, Text, int version, BeastError& error) override {
    constexpr int kStatusMin = 100;  // RFC 9110, section 15; Beast takes any three digits
    if (code < kStatusMin) error = Error::bad_status;
    status = code;
    version_ = version;
  }
  void on_field_impl(Field field, Text name, Text value, BeastError& error) override {
    take_field(headers, field, name, value, error);
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, BeastError&) override {
    begin_body(body, length);
  }
  std::size_t on_body_impl(Text text, BeastError&) override {
    body.append(text.data(), text.size());
    return text.size();
  }
  std::size_t on_chunk_body_impl(std::uint64_t, Text text, BeastError&) override {
    body.append(text.data(), text.size());
    return text.size();
  }
};

}  // namespace datasync::net
