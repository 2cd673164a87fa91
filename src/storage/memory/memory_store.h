#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "storage/store.h"

namespace datasync::storage::memory {

/// A disk that lives in memory: what the stores opened on it have written outlives them. For simulations and tests; it
/// keeps copies of everything, looks at every row for every question, and passes the contract tests of the real
/// engines.
///
/// Threads: any; one lock around each call.
class MemoryDisk {
 public:
  struct Options {
    /// False: a disk that lies. A commit is visible at once and says that it is durable, but a crash takes back all
    /// since the last `sync()`. A simulation on such a disk must find lost events, or it could never find any.
    bool sync_each_commit = true;
  };
  /// What becomes of a commit that fails: it left nothing, or it is there and only the answer was lost.
  enum class Fate : std::uint8_t { kNothingWritten, kWritten };

  MemoryDisk() : MemoryDisk(Options{}) {}
  explicit MemoryDisk(Options options);
  ~MemoryDisk();
  MemoryDisk(const MemoryDisk&) = delete;
  MemoryDisk& operator=(const MemoryDisk&) = delete;

  void sync();
  /// The machine stops: what was not synced is gone, and stores opened before can't commit any more.
  void crash();
  /// The next `count` commits fail with `kUnavailable`.
  void fail_commits(int count, Fate fate = Fate::kNothingWritten);
  /// Commits that were made, for tests that crash at each one in turn.
  [[nodiscard]] std::int64_t commits() const;

  struct Shared;

 private:
  friend Result<std::unique_ptr<Store>> open_memory_store(MemoryDisk& disk);
  std::shared_ptr<Shared> shared_;
};

/// Opens a store on the disk; one opened earlier can't commit any more. The disk may go first: the store keeps what it
/// needs.
[[nodiscard]] Result<std::unique_ptr<Store>> open_memory_store(MemoryDisk& disk);

}  // namespace datasync::storage::memory
