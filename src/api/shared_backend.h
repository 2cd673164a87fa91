#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "api/backend.h"
#include "api/peer_wire.h"
#include "base/random.h"
#include "base/uuid.h"
#include "net/http_client.h"
#include "net/io_threads.h"
#include "storage/shares.h"

namespace datasync::api {

/// The backend where several instances share a database: what is asked of a tenant goes to the instance that works on
/// it, here or over the network, once and no further. While a tenant's shard changes hands its requests wait, at most
/// `patience`; what is not done by then is `kUnavailable`.
///
/// An event that is passed on has an id, and so is asked for again where the answer was lost. Anything else is not:
/// what became of it the client must look up.
///
/// Lifetime: all is borrowed. `stop` comes before any of it goes.
/// Threads:  as `Backend`.
class SharedBackend final : public Backend {
 public:
  struct Options {
    milliseconds patience{15'000};     ///< longer than it takes until a dead instance's shards have another
    std::size_t waiting_max = 10'000;  ///< requests that wait for others; more is `kOverloaded`
    /// The backend here can keep events of any tenant: those whose instance is gone are not made to wait for another.
    bool accepts_all = false;
  };
  struct Parts {
    Backend& local;
    storage::Shares& shares;
    net::HttpSender& sender;
    net::IoThreads& threads;
    const Clock& clock;
    Random& random;  ///< for nobody else
    std::string token;
  };
  SharedBackend(Parts parts, Options options);
  ~SharedBackend() override;

  void accept(std::vector<pipeline::Submission> submissions, pipeline::AcceptCallback callback) override;
  void redrive(storage::Reader::Tenants tenants, std::string event_id, pipeline::RedriveCallback callback) override;
  void redrive(storage::Reader::EventFilter filter, pipeline::RedriveCallback callback) override;
  void decide(pipeline::ReviewDecision decision, pipeline::ReviewCallback callback) override;
  void undo(pipeline::UndoRequest request, pipeline::UndoCallback callback) override;
  void merge(pipeline::MergeRequest request, pipeline::MergeCallback callback) override;
  [[nodiscard]] Result<pipeline::Preview> preview(storage::Reader& reader, std::shared_ptr<Event> event,
                                                  std::shared_ptr<const pipeline::Catalog> catalog) override {
    return parts_.local.preview(reader, std::move(event), std::move(catalog));
  }
  [[nodiscard]] pipeline::EngineSnapshot snapshot() const override { return parts_.local.snapshot(); }

 private:
  template <typename T>
  struct Errand;
  using Places = std::function<storage::Shares::Place()>;

  template <typename T>
  void send(PeerCall call, Places where, bool repeats, net::UniqueFunction<void(Result<T>)> callback);
  template <typename T>
  void attempt(std::shared_ptr<Errand<T>> errand);
  template <typename T>
  void work_here(std::shared_ptr<Errand<T>> errand);
  template <typename T>
  void nobody_there(std::shared_ptr<Errand<T>> errand);
  template <typename T>
  void ask_peer(std::shared_ptr<Errand<T>> errand, const std::string& address);
  template <typename T>
  void heard(std::shared_ptr<Errand<T>> errand, Result<T> result);
  template <typename T>
  void try_later(std::shared_ptr<Errand<T>> errand);
  template <typename T>
  void finish(Errand<T>& errand, Result<T> result);
  template <typename T>
  void ask_all(const PeerCall& call, net::UniqueFunction<void(Result<T>)> callback);
  template <typename T>
  void route(const storage::Reader::Tenants& tenants, PeerCall call, net::UniqueFunction<void(Result<T>)> callback);

  void accept_parts(std::vector<pipeline::Submission> submissions, pipeline::AcceptCallback callback);
  void accept_one_shard(std::vector<pipeline::Submission> submissions, pipeline::AcceptCallback callback);
  void stamp(pipeline::Submission& submission);

  Parts parts_;
  const Options options_;
  std::atomic<std::size_t> waiting_ = 0;
  std::mutex uuid_mutex_;
  UuidGenerator uuids_;
};

}  // namespace datasync::api
