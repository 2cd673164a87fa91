#include "api/shared_backend.h"

#include <algorithm>
#include <map>
#include <utility>

#include "api/peer.h"
#include "net/url.h"
#include "pipeline/log_entry.h"

namespace datasync::api {
namespace {

using pipeline::Receipt;
using pipeline::Submission;
using storage::Shares;

constexpr milliseconds kTryAgainAfter{50};
/// What may be asked for again is, when the answer takes so long: the other instance may be frozen.
constexpr milliseconds kAttemptMax{4'000};
constexpr const char* kNobody = "the instance that works on this tenant does not answer; try again later";

Error not_now() {
  return {ErrorCode::kUnavailable, kNobody, {}};
}

Error unknown() {
  return {ErrorCode::kUnavailable,
          "the instance that works on this tenant did not answer; whether it is done must be looked up",
          {},
          Stage::kDuring};
}

/// Runs a call on the backend that is here. The call is kept: it may have to go elsewhere after all.
void run_here(Backend& local, const PeerAccept& call, pipeline::AcceptCallback callback) {
  local.accept(call.submissions, std::move(callback));
}
void run_here(Backend& local, const PeerRedrive& call, pipeline::RedriveCallback callback) {
  if (call.event_id.empty()) return local.redrive(call.filter, std::move(callback));
  local.redrive(call.tenants, call.event_id, std::move(callback));
}
void run_here(Backend& local, const pipeline::ReviewDecision& call, pipeline::ReviewCallback callback) {
  local.decide(call, std::move(callback));
}
void run_here(Backend& local, const pipeline::UndoRequest& call, pipeline::UndoCallback callback) {
  local.undo(call, std::move(callback));
}
void run_here(Backend& local, const pipeline::MergeRequest& call, pipeline::MergeCallback callback) {
  local.merge(call, std::move(callback));
}

/// Which kind of call has an answer of which type.
template <typename T>
struct CallOf;
template <>
struct CallOf<Receipts> {
  using Type = PeerAccept;
};
template <>
struct CallOf<pipeline::Redriven> {
  using Type = PeerRedrive;
};
template <>
struct CallOf<Conflict> {
  using Type = pipeline::ReviewDecision;
};
template <>
struct CallOf<EventId> {
  using Type = pipeline::UndoRequest;
};
template <>
struct CallOf<pipeline::Merged> {
  using Type = pipeline::MergeRequest;
};

/// Whether the answer is one to that call: a receipt for each event.
template <typename T>
bool fits(const PeerCall&, const T&) {
  return true;
}
bool fits(const PeerCall& call, const Receipts& receipts) {
  return receipts.size() == std::get<PeerAccept>(call).submissions.size();
}

void add_up(pipeline::Redriven& sum, const pipeline::Redriven& one) {
  sum.matched += one.matched;
  sum.queued += one.queued;
}
template <typename T>
void add_up(T&, const T&) {}  // of one thing there is one owner

/// Gathers what all instances answer to one question.
template <typename T>
struct Gathered {
  std::mutex mutex;
  std::size_t left = 0;
  net::UniqueFunction<void(Result<T>)> callback;
  std::optional<T> value;
  std::optional<Error> error;  // the one that says most
  bool is_complete = true;     // no tenant is on its way from one instance to another

  void take(Result<T> result) {
    {
      const std::lock_guard lock(mutex);
      if (result && value) {
        add_up(*value, *result);
      } else if (result) {
        value = std::move(*result);
      } else if (!error || error->code == ErrorCode::kNotFound) {
        error = std::move(result).error();
      }
      if (--left > 0) return;
    }
    if (!is_complete && (!error || error->code == ErrorCode::kNotFound)) error = not_now();
    const bool has_value =
        value && (!error || error->code == ErrorCode::kNotFound || !std::is_same_v<T, pipeline::Redriven>);
    if (has_value) return callback(std::move(*value));
    callback(fail(std::move(*error)));
  }
};

/// Gathers the receipts of a batch whose events go to several instances. One that could not be kept spoils no other.
struct GatheredReceipts {
  std::mutex mutex;
  std::size_t left = 0;
  pipeline::AcceptCallback callback;
  Receipts receipts;
  std::optional<Error> error;
  bool any = false;

  void take(const std::vector<std::size_t>& places, Result<Receipts> result) {
    {
      const std::lock_guard lock(mutex);
      for (std::size_t i = 0; i < places.size(); ++i) {
        receipts[places[i]] = result ? std::move((*result)[i]) : Receipt{Receipt::Status::kRefused, {}};
      }
      if (result) any = true;
      if (!result) error = std::move(result).error();
      if (--left > 0) return;
    }
    if (any) return callback(std::move(receipts));
    callback(fail(std::move(*error)));
  }
};

}  // namespace

/// One call on its way, until it is answered or has waited too long.
template <typename T>
struct SharedBackend::Errand {
  PeerCall call;
  Places where;
  bool repeats = false;
  net::UniqueFunction<void(Result<T>)> callback;
  SteadyTime give_up_at{};

  /// Dropped without an answer where the service stops.
  ~Errand() {
    if (callback) callback(fail(not_now()));
  }
};

SharedBackend::SharedBackend(Parts parts, Options options)
    : parts_(std::move(parts)), options_(options), uuids_(parts_.clock, parts_.random) {}

SharedBackend::~SharedBackend() = default;

void SharedBackend::accept(std::vector<Submission> submissions, pipeline::AcceptCallback callback) {
  if (submissions.empty() || !parts_.shares.has_all()) return accept_parts(std::move(submissions), std::move(callback));
  std::vector<Submission> kept = submissions;
  parts_.local.accept(std::move(submissions), [this, kept = std::move(kept),
                                               callback = std::move(callback)](Result<Receipts> receipts) mutable {
    // Another instance has come meanwhile. What may be stored under an id that we don't know is not asked for again.
    const bool moved =
        !receipts && receipts.error().code == ErrorCode::kMoved && receipts.error().stage == Stage::kBefore;
    return moved ? accept_parts(std::move(kept), std::move(callback)) : callback(std::move(receipts));
  });
}

void SharedBackend::accept_parts(std::vector<Submission> submissions, pipeline::AcceptCallback callback) {
  if (submissions.empty()) return parts_.local.accept(std::move(submissions), std::move(callback));
  const TenantId& first = submissions.front().event->tenant;
  const bool one_tenant = std::all_of(submissions.begin(), submissions.end(),
                                      [&](const Submission& one) { return one.event->tenant == first; });
  if (one_tenant) return accept_one_shard(std::move(submissions), std::move(callback));
  std::map<TenantId, std::pair<std::vector<std::size_t>, std::vector<Submission>>> parts;
  for (std::size_t i = 0; i < submissions.size(); ++i) {
    auto& [places, part] = parts[submissions[i].event->tenant];
    places.push_back(i);
    part.push_back(std::move(submissions[i]));
  }
  const auto gathered = std::make_shared<GatheredReceipts>();
  gathered->left = parts.size();
  gathered->callback = std::move(callback);
  gathered->receipts.resize(submissions.size());
  for (auto& [tenant, part] : parts) {
    accept_one_shard(std::move(part.second), [gathered, places = std::move(part.first)](Result<Receipts> result) {
      gathered->take(places, std::move(result));
    });
  }
}

void SharedBackend::stamp(Submission& submission) {
  const std::lock_guard lock(uuid_mutex_);
  submission.event->id =
      options_.accepts_all ? pipeline::id_of_logged(submission, uuids_) : EventId(format_uuid(uuids_.next()));
}

/// An event without an id gets one here, so that it is the same event each time that it is asked for.
void SharedBackend::accept_one_shard(std::vector<Submission> submissions, pipeline::AcceptCallback callback) {
  std::vector<std::pair<std::size_t, EventId>> stamped;
  for (std::size_t i = 0; i < submissions.size(); ++i) {
    if (!submissions[i].event->id.empty()) continue;
    stamp(submissions[i]);
    const bool is_of_key = options_.accepts_all && !submissions[i].idempotency_key.empty();
    if (!is_of_key) stamped.emplace_back(i, submissions[i].event->id);
  }
  auto where = [this, tenant = submissions.front().event->tenant] { return parts_.shares.place_of(tenant); };
  send<Receipts>(PeerAccept{std::move(submissions)}, std::move(where), true,
                 [stamped = std::move(stamped), callback = std::move(callback)](Result<Receipts> receipts) mutable {
                   // Nobody else knows the id: what is there already is what was asked for the time before. What was
                   // not kept has the id as well, and stays so. What never will be kept goes back to its client as it
                   // came.
                   for (const auto& [i, id] : receipts ? stamped : decltype(stamped){}) {
                     Receipt& receipt = (*receipts)[i];
                     const bool is_there = receipt.status == Receipt::Status::kDuplicate;
                     if (is_there && receipt.id == id) receipt.status = Receipt::Status::kCreated;
                     if (receipt.status == Receipt::Status::kTooLarge) receipt.id = {};
                   }
                   callback(std::move(receipts));
                 });
}

void SharedBackend::redrive(storage::Reader::Tenants tenants, std::string event_id,
                            pipeline::RedriveCallback callback) {
  PeerRedrive call{tenants, std::move(event_id), {}};
  route<pipeline::Redriven>(tenants, std::move(call), std::move(callback));
}

void SharedBackend::redrive(storage::Reader::EventFilter filter, pipeline::RedriveCallback callback) {
  const storage::Reader::Tenants tenants = filter.tenants;
  route<pipeline::Redriven>(tenants, PeerRedrive{{}, {}, std::move(filter)}, std::move(callback));
}

void SharedBackend::decide(pipeline::ReviewDecision decision, pipeline::ReviewCallback callback) {
  const storage::Reader::Tenants tenants = decision.tenants;
  route<Conflict>(tenants, std::move(decision), std::move(callback));
}

void SharedBackend::undo(pipeline::UndoRequest request, pipeline::UndoCallback callback) {
  const storage::Reader::Tenants tenants = request.tenants;
  route<EventId>(tenants, std::move(request), std::move(callback));
}

void SharedBackend::merge(pipeline::MergeRequest request, pipeline::MergeCallback callback) {
  const storage::Reader::Tenants tenants{request.tenant};
  route<pipeline::Merged>(tenants, std::move(request), std::move(callback));
}

template <typename T>
void SharedBackend::route(const storage::Reader::Tenants& tenants, PeerCall call,
                          net::UniqueFunction<void(Result<T>)> callback) {
  if (tenants.size() != 1 && !parts_.shares.has_all()) return ask_all<T>(call, std::move(callback));
  auto where = [this, tenants] {
    return tenants.size() == 1 ? parts_.shares.place_of(tenants.front()) : Shares::Place{Shares::Place::Kind::kHere};
  };
  send<T>(std::move(call), std::move(where), false, std::move(callback));
}

/// Of which tenant it is the call does not tell: each instance looks among its own.
template <typename T>
void SharedBackend::ask_all(const PeerCall& call, net::UniqueFunction<void(Result<T>)> callback) {
  std::vector<Shares::Place> places{{Shares::Place::Kind::kHere}};
  std::size_t shards = 0;
  for (const storage::Instance& instance : parts_.shares.instances()) {
    shards += instance.shards;
    if (instance.is_self || instance.shards == 0) continue;
    places.push_back({Shares::Place::Kind::kThere, instance.address});
  }
  const auto gathered = std::make_shared<Gathered<T>>();
  gathered->left = places.size();
  gathered->callback = std::move(callback);
  gathered->is_complete = shards == storage::kShardCount;
  for (Shares::Place& place : places) {
    send<T>(
        call, [place = std::move(place)] { return place; }, false,
        [gathered](Result<T> result) { gathered->take(std::move(result)); });
  }
}

template <typename T>
void SharedBackend::send(PeerCall call, Places where, bool repeats, net::UniqueFunction<void(Result<T>)> callback) {
  auto errand = std::make_shared<Errand<T>>();
  errand->call = std::move(call);
  errand->where = std::move(where);
  errand->repeats = repeats;
  errand->callback = std::move(callback);
  errand->give_up_at = parts_.clock.steady_now() + options_.patience;
  attempt(std::move(errand));
}

template <typename T>
void SharedBackend::attempt(std::shared_ptr<Errand<T>> errand) {
  const Shares::Place place = errand->where();
  switch (place.kind) {
    case Shares::Place::Kind::kNowhere:
      return nobody_there(std::move(errand));
    case Shares::Place::Kind::kThere:
      return ask_peer(std::move(errand), place.address);
    case Shares::Place::Kind::kHere:
      return work_here(std::move(errand));
  }
}

template <typename T>
void SharedBackend::work_here(std::shared_ptr<Errand<T>> errand) {
  const auto& call = std::get<typename CallOf<T>::Type>(errand->call);
  run_here(parts_.local, call, [this, errand](Result<T> result) { heard(errand, std::move(result)); });
}

/// Whoever works on it now or soon, events can be kept for him where there is a log.
template <typename T>
void SharedBackend::nobody_there(std::shared_ptr<Errand<T>> errand) {
  constexpr bool kAccepts = std::is_same_v<typename CallOf<T>::Type, PeerAccept>;
  if (kAccepts && options_.accepts_all) return work_here(std::move(errand));
  try_later(std::move(errand));
}

/// What the engine that works on it says, here or there.
template <typename T>
void SharedBackend::heard(std::shared_ptr<Errand<T>> errand, Result<T> result) {
  if (result || result.error().code != ErrorCode::kMoved) return finish(*errand, std::move(result));
  if (result.error().stage == Stage::kDuring && !errand->repeats) return finish<T>(*errand, fail(unknown()));
  try_later(std::move(errand));
}

template <typename T>
void SharedBackend::ask_peer(std::shared_ptr<Errand<T>> errand, const std::string& address) {
  const auto url = net::parse_url("http://" + address + std::string(kPeerPath));
  if (!url) return finish<T>(*errand, fail(not_now()));
  net::ClientRequest request;
  request.origin = url->origin;
  request.target = url->target;
  request.body = encode_call(errand->call);
  const bool is_header = net::append_header(request.header_block, kPeerHeader, parts_.token) &&
                         net::append_header(request.header_block, kPeerKnowsTooLargeHeader, "1") &&
                         net::append_header(request.header_block, "Content-Type", "application/octet-stream");
  if (!is_header) return finish<T>(*errand, fail(ErrorCode::kInternal, "the instances' token is no header"));
  const auto left = std::chrono::duration_cast<milliseconds>(errand->give_up_at - parts_.clock.steady_now());
  request.deadline = std::max(milliseconds{1}, errand->repeats ? std::min(left, kAttemptMax) : left);
  parts_.sender.send(std::move(request), [this, errand](net::ClientResult answer) {
    if (!answer) {
      if (answer.error().stage == Stage::kBefore || errand->repeats) return nobody_there(errand);
      return finish<T>(*errand, fail(unknown()));
    }
    if (answer->status == 503) return nobody_there(errand);  // it is starting or full
    if (answer->status != 200) return finish<T>(*errand, fail(ErrorCode::kUnavailable, kNobody));
    auto result = decode_answer<T>(answer->body);
    if (result && !fits(errand->call, *result)) result = fail(ErrorCode::kUnavailable, kNobody);
    heard(errand, std::move(result));
  });
}

template <typename T>
void SharedBackend::try_later(std::shared_ptr<Errand<T>> errand) {
  if (parts_.clock.steady_now() + kTryAgainAfter >= errand->give_up_at) return finish<T>(*errand, fail(not_now()));
  if (waiting_.fetch_add(1) >= options_.waiting_max) {
    waiting_.fetch_sub(1);
    return finish<T>(*errand,
                     fail(ErrorCode::kOverloaded, "too many requests wait for another instance; try again later"));
  }
  parts_.threads.next().after(kTryAgainAfter, [this, errand = std::move(errand)]() mutable {
    waiting_.fetch_sub(1);
    attempt(std::move(errand));
  });
}

template <typename T>
void SharedBackend::finish(Errand<T>& errand, Result<T> result) {
  auto callback = std::exchange(errand.callback, nullptr);
  if (callback) callback(std::move(result));
}

}  // namespace datasync::api
