#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

namespace datasync::net {

/// How many bytes all clients of a server together may make it hold. A limit on each alone is none: twenty thousand of
/// them may each send most of a large body and then fall silent, without a token.
/// Threads: any.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t bytes_max) noexcept : bytes_max_(bytes_max) {}

  /// A part of the budget, given back with the lease. Threads: one at a time.
  class Lease {
   public:
    explicit Lease(std::shared_ptr<MemoryBudget> budget) noexcept : budget_(std::move(budget)) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { budget_->held_.fetch_sub(bytes_, std::memory_order_relaxed); }

    /// Holds so many bytes in all; less than before changes nothing. False: they don't fit, and nothing was changed.
    [[nodiscard]] bool grow_to(std::size_t bytes) noexcept {
      if (bytes <= bytes_) return true;
      const std::size_t more = bytes - bytes_;
      if (budget_->held_.fetch_add(more, std::memory_order_relaxed) + more > budget_->bytes_max_) {
        budget_->held_.fetch_sub(more, std::memory_order_relaxed);
        return false;
      }
      bytes_ = bytes;
      return true;
    }

   private:
    const std::shared_ptr<MemoryBudget> budget_;
    std::size_t bytes_ = 0;
  };

 private:
  const std::size_t bytes_max_;
  std::atomic<std::size_t> held_{0};
};

}  // namespace datasync::net
