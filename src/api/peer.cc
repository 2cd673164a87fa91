#include "api/peer.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <memory>
#include <utility>

#include "api/peer_wire.h"
#include "crypto/keyed_hash.h"

namespace datasync::api {
namespace {

template <typename T>
auto answer_to(net::Responder responder) {
  return [responder = std::move(responder)](Result<T> result) mutable {
    std::move(responder).send({200, "application/octet-stream", encode_answer(result), {}});
  };
}

struct Run {
  Backend& local;
  EventHub& hub;
  net::Responder responder;
  bool knows_too_large;

  void operator()(PeerAccept& call) {
    auto answer = answer_to<Receipts>(std::move(responder));
    if (knows_too_large) return local.accept(std::move(call.submissions), std::move(answer));
    local.accept(std::move(call.submissions), [answer = std::move(answer)](Result<Receipts> receipts) mutable {
      answer(for_earlier_version(std::move(receipts)));
    });
  }
  void operator()(PeerRedrive& call) {
    auto answer = answer_to<pipeline::Redriven>(std::move(responder));
    if (call.event_id.empty()) return local.redrive(std::move(call.filter), std::move(answer));
    local.redrive(std::move(call.tenants), std::move(call.event_id), std::move(answer));
  }
  void operator()(pipeline::ReviewDecision& call) {
    local.decide(std::move(call), answer_to<Conflict>(std::move(responder)));
  }
  void operator()(pipeline::UndoRequest& call) {
    local.undo(std::move(call), answer_to<EventId>(std::move(responder)));
  }
  void operator()(pipeline::MergeRequest& call) {
    local.merge(std::move(call), answer_to<pipeline::Merged>(std::move(responder)));
  }
  void operator()(PeerNotices& call) {
    hub.publish_of_others(std::move(call.notices), call.has_gap);
    std::move(responder).send({200, {}, {}, {}});
  }
};

}  // namespace

std::string peer_token(const std::string& identity_secret) {
  const Hash128 hash = crypto::KeyedHash(identity_secret).hash("data-sync instances, 1");
  return fmt::format("{:016x}{:016x}", hash.high, hash.low);
}

void answer_peer(Backend& local, EventHub& hub, const std::string& token, const net::HttpRequest& request,
                 net::Responder responder) {
  const std::string_view given = request.headers.get(kPeerHeader);
  const bool is_peer = given.size() == token.size() && CRYPTO_memcmp(given.data(), token.data(), token.size()) == 0;
  if (token.empty() || request.method != net::Method::kPost || !is_peer) {
    return std::move(responder).send(
        net::problem_response(404, "there is no such path; GET /openapi.json lists them all"));
  }
  auto call = decode_call(request.body);
  if (!call) return std::move(responder).send(net::problem_response(400, call.error().message));
  const bool knows_too_large = !request.headers.get(kPeerKnowsTooLargeHeader).empty();
  std::visit(Run{local, hub, std::move(responder), knows_too_large}, *call);
}

}  // namespace datasync::api
