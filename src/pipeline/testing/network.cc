#include "pipeline/testing/network.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "domain/json.h"

namespace datasync::pipeline {
namespace {

constexpr seconds kTimeout{30};

Error error_of(ErrorCode code, Stage stage, const char* message) {
  return Error{code, message, "", stage};
}

Fields without_id(Fields answer) {
  (void)answer.take("id");
  return answer;
}

/// Of a batch, each item's.
std::string without_ids(const std::string& body) {
  const auto answer = parse_json_object(body);
  if (!answer) return body;
  const Value* results = answer->find("results");
  if (results == nullptr) return without_id(*answer).to_json();
  std::string items;
  for (const Value& item : elements_of(*results)) {
    items += (items.empty() ? "" : ",") + without_id(members_of(item)).to_json();
  }
  return "{\"results\":[" + items + "]}";
}

}  // namespace

TestNetwork::TestNetwork(const TestClock& clock, Random& random, std::uint64_t seed)
    : clock_(clock), random_(random), garbling_(make_seeded_random(hash64("garbled answers", seed))) {}

void TestNetwork::send_all(std::vector<net::ClientCall> calls) {
  std::erase_if(calls_, [](const auto& call) { return call.expired(); });
  for (net::ClientCall& each : calls) {
    auto call = std::make_shared<Call>();
    call->request = std::move(each.request);
    call->callback = std::move(each.callback);
    calls_.push_back(call);
    if (on_send) on_send(call->request.origin->host, call->request);
    TestPlatform& platform = *hosts_.at(call->request.origin->host);
    const Timestamp now = clock_.true_now();
    const Timestamp arrives = now + some_delay();
    const Timestamp answers = arrives + some_delay();
    const auto arrive = [call, &platform] { call->response = platform.handle(call->request); };
    const auto time_out = [call] {
      answer(*call, tl::unexpected(error_of(ErrorCode::kTimeout, Stage::kDuring, "no answer in time")));
    };
    int status = 0;
    const Fate fate = fate_of(platform, call->request, status);
    switch (fate) {
      case Fate::kGood:
        at(arrives, arrive);
        at(answers, [call] { answer(*call, std::move(*call->response)); });
        break;
      case Fate::kGarbled:
      case Fate::kNoId:
      case Fate::kBadGateway:
        at(arrives, arrive);
        at(answers, [call, fate] {
          garble(*call->response, fate);
          answer(*call, std::move(*call->response));
        });
        break;
      case Fate::kOnlyGarbage:
      case Fate::kOnlyGateway:
        at(answers, [call, fate] {
          net::ClientResponse response;
          response.status = 200;
          garble(response, fate);
          answer(*call, std::move(response));
        });
        break;
      case Fate::kRefusedConnection:
        at(arrives, [call] {
          answer(*call, tl::unexpected(error_of(ErrorCode::kUnavailable, Stage::kBefore, "connection refused")));
        });
        break;
      case Fate::kServerError:
        // It reads what it refuses, so that the rules about keys and order hold for these requests, too.
        at(arrives, [call, status, whole = whole_, &platform] {
          if (whole) {  // it does not look at what the request says
            call->response.emplace();
            call->response->status = status;
            return;
          }
          auto before = std::exchange(platform.refuse, [status](const std::string&) { return status; });
          call->response = platform.handle(call->request);
          platform.refuse = std::move(before);
        });
        at(answers, [call] { answer(*call, std::move(*call->response)); });
        break;
      case Fate::kLostBefore:
        at(now + kTimeout, time_out);
        break;
      case Fate::kLostAfter:
        at(arrives, arrive);
        at(now + kTimeout, time_out);
        break;
      case Fate::kSlow:
        at(now + kTimeout - seconds{1}, arrive);
        at(now + kTimeout, [call] { answer(*call, std::move(*call->response)); });
        break;
      case Fate::kLate:
        at(now + kTimeout, time_out);
        at(now + kTimeout + milliseconds{random_.next() % 60'000}, arrive);
        break;
    }
  }
}

TestNetwork::Fate TestNetwork::fate_of(const TestPlatform& platform, const net::ClientRequest& request, int& status) {
  status = 500;
  whole_ = false;
  if (!script.empty()) {
    const std::string word = script.front();
    script.erase(script.begin());
    if (word == "refused") return Fate::kRefusedConnection;
    if (word == "lost_before") return Fate::kLostBefore;
    if (word == "lost_after") return Fate::kLostAfter;
    if (word == "late") return Fate::kLate;
    if (word == "slow") return Fate::kSlow;
    if (word == "good") return Fate::kGood;
    if (word == "garbled") return Fate::kGarbled;
    status = std::stoi(word);
    whole_ = word.ends_with(" as a whole");
    return Fate::kServerError;
  }
  double dice = random_.unit();
  const auto falls_in = [&dice](double share) {
    dice -= share;
    return dice < 0;
  };
  if (falls_in(weather.refused_connection)) return Fate::kRefusedConnection;
  if (falls_in(weather.server_error)) {
    static constexpr int kStatuses[] = {500, 503, 429, 408};
    status = kStatuses[random_.next() % 4];
    return Fate::kServerError;
  }
  if (falls_in(weather.lost_before)) return Fate::kLostBefore;
  if (falls_in(weather.lost_after)) return Fate::kLostAfter;
  if (falls_in(weather.slow)) return Fate::kSlow;
  // A platform that forgets keys and carries out what it was asked a minute ago can't be kept right by anybody.
  if (falls_in(weather.late) && platform.shape().honours_keys) return Fate::kLate;
  return garbled_fate_of(platform, request);
}

/// A success that was none tells the truth only where it is looked at, and not just its status.
TestNetwork::Fate TestNetwork::garbled_fate_of(const TestPlatform& platform, const net::ClientRequest& request) {
  if (weather.garbled == 0 || garbling_->unit() >= weather.garbled) return Fate::kGood;
  ++garbled;
  const bool needs_id = platform.shape().id_required && request.target.ends_with("/create");
  const bool is_read = needs_id || request.target.ends_with("/bulk");
  switch (garbling_->next() % 5) {
    case 0:
      return Fate::kGarbled;
    case 1:
      return Fate::kNoId;
    case 2:
      return Fate::kBadGateway;
    case 3:
      return is_read ? Fate::kOnlyGarbage : Fate::kGarbled;
    default:
      return Fate::kOnlyGateway;
  }
}

void TestNetwork::garble(net::ClientResponse& response, Fate fate) {
  if (fate == Fate::kNoId) {
    response.body = without_ids(response.body);
    return;
  }
  response.body = "garbled";
  if (fate == Fate::kBadGateway || fate == Fate::kOnlyGateway) response.status = 502;
}

microseconds TestNetwork::some_delay() {
  const auto most = static_cast<std::uint64_t>(microseconds{weather.delay_max}.count());
  return microseconds{static_cast<std::int64_t>(1 + random_.next() % std::max<std::uint64_t>(most, 1))};
}

void TestNetwork::answer(Call& call, net::ClientResult result) {
  if (call.heard) call.callback(std::move(result));
}

void TestNetwork::run() {
  while (!actions_.empty() && actions_.begin()->first <= clock_.true_now()) {
    auto action = std::move(actions_.begin()->second);
    actions_.erase(actions_.begin());
    action();
  }
}

std::optional<Timestamp> TestNetwork::next() const {
  if (actions_.empty()) return std::nullopt;
  return actions_.begin()->first;
}

void TestNetwork::forget_callers() {
  for (const auto& weak : calls_) {
    const auto call = weak.lock();
    if (!call) continue;
    call->heard = false;
    call->callback.reset();
  }
  calls_.clear();
}

}  // namespace datasync::pipeline
