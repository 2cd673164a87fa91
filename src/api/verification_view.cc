#include "api/verification_view.h"

#include "api/json_writer.h"

namespace datasync::api {
namespace {

using State = pipeline::VerificationState;

constexpr std::string_view kPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
constexpr std::string_view kHead =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Confirm a change</title>"
    "<style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:12vh auto;padding:0 1rem}"
    "button{font:inherit;padding:.5rem 1.2rem;margin-right:.6rem}</style>";

std::string_view word_of(State state) {
  switch (state) {
    case State::kOpen:
      return "open";
    case State::kConfirmed:
      return "confirmed";
    case State::kDeclined:
      return "declined";
    case State::kExpired:
      return "expired";
    case State::kSuperseded:
      return "superseded";
    case State::kClosed:
      return "closed";
  }
  return "closed";
}

std::string_view sentence_of(State state) {
  switch (state) {
    case State::kOpen:
      return "Is this change right?";
    case State::kConfirmed:
      return "The change is confirmed.";
    case State::kDeclined:
      return "The change is declined: all stays as it was.";
    case State::kExpired:
      return "The time to answer is over.";
    case State::kSuperseded:
      return "Another change has taken the place of this one.";
    case State::kClosed:
      return "This change waits for an answer no longer.";
  }
  return {};
}

bool is_gone(State state) {
  return state != State::kOpen && state != State::kConfirmed && state != State::kDeclined;
}

bool wants_page(const Call& call) {
  return call.request.headers.get("accept").find("text/html") != std::string_view::npos;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// Its address is a secret: it must stay in no cache and no index, and be told to no other site.
net::HttpResponse keep_private(net::HttpResponse response) {
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("Referrer-Policy", "no-referrer");
  response.headers.emplace_back("X-Robots-Tag", "noindex");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("Content-Security-Policy", kPolicy);
  return response;
}

net::HttpResponse page(int status, std::string body) {
  return keep_private({status, "text/html; charset=utf-8", std::string(kHead) + std::move(body), {}});
}

net::HttpResponse gone(const Call& call, State state, std::string_view sentence) {
  if (wants_page(call)) return page(410, "<h1>" + std::string(sentence) + "</h1>");
  JsonWriter out;
  out.begin_object().field("type", "about:blank").field("title", net::status_phrase(410)).field("status", 410);
  out.field("detail", sentence).field("reason", word_of(state)).end_object();
  return keep_private({410, "application/problem+json", out.take(), {}});
}

/// A scanner of mails follows links and sends no forms, so only the buttons decide.
std::string form(const Call& call, const Verification& verification, std::string_view token) {
  // Relative, since a proxy may have put something before our path.
  const std::string here = call.request.path().ends_with('/') ? std::string() : escaped(token) + "/";
  const auto button = [&here](std::string_view verb, std::string_view label) {
    return "<button formaction=\"" + here + std::string(verb) + "\">" + std::string(label) + "</button>";
  };
  return "<p>It can be answered until " + format_rfc3339(verification.expires_at) + ".</p><form method=\"post\">" +
         button("confirm", "Yes, confirm") + button("decline", "No, decline") + "</form>";
}

}  // namespace

std::string masked(std::string_view value) {
  const auto at = std::min(value.rfind('@'), value.size());
  std::size_t shown = std::min<std::size_t>(1, at);
  while (shown > 0 && shown < at && (static_cast<unsigned char>(value[shown]) & 0xc0) == 0x80) ++shown;
  return std::string(value.substr(0, shown)) + "***" + std::string(value.substr(at));
}

net::HttpResponse answer_verification(const Call& call, const Verification& verification, std::string_view token) {
  if (is_gone(verification.state)) return gone(call, verification.state, sentence_of(verification.state));
  if (wants_page(call)) {
    std::string body = "<h1>" + std::string(sentence_of(verification.state)) + "</h1><p>" +
                       escaped(verification.platform) + " says that the " + escaped(verification.field) + " of a " +
                       escaped(verification.entity) + " is now <strong>" + escaped(verification.value) +
                       "</strong>.</p>";
    if (verification.state == State::kOpen) body += form(call, verification, token);
    return page(200, std::move(body));
  }
  JsonWriter out;
  out.begin_object().field("status", word_of(verification.state)).field("entity_type", verification.entity);
  out.field("field", verification.field).field("value", verification.value);
  out.field("source_platform", verification.platform).field("expires_at", verification.expires_at).end_object();
  return keep_private(net::json_response(200, out.take()));
}

net::HttpResponse refuse_verification(const Call& call, const Verification& verification) {
  return gone(call, verification.state, sentence_of(verification.state));
}

net::HttpResponse no_verification(const Call& call) {
  constexpr std::string_view kNone = "there is no such verification";
  if (wants_page(call)) return page(404, "<h1>There is no such verification.</h1>");
  return keep_private(net::problem_response(404, kNone));
}

}  // namespace datasync::api
