#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace datasync::net {

template <typename Signature>
class UniqueFunction;

/// A callable that can be moved and not copied, so that it may own a `Responder` or a batch. Callables of up to
/// `kInlineBytes` that move without throwing are stored inside; larger ones cost one allocation.
/// Threads: as the callable that it holds; moving it hands that callable to another thread.
template <typename R, typename... Arguments>
class UniqueFunction<R(Arguments...)> {
 public:
  static constexpr std::size_t kInlineBytes = 48;

  UniqueFunction() noexcept = default;
  UniqueFunction(std::nullptr_t) noexcept {}  // NOLINT(google-explicit-constructor): as std::function

  template <typename F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, UniqueFunction> &&
           std::is_invocable_r_v<R, std::remove_cvref_t<F>&, Arguments...>)
      UniqueFunction(F&& callable) {  // NOLINT(google-explicit-constructor): as std::function
    using Held = std::remove_cvref_t<F>;
    if constexpr (kFitsInline<Held>) {
      ::new (static_cast<void*>(storage_)) Held(std::forward<F>(callable));
      operations_ = &kInlineOperations<Held>;
    } else {
      ::new (static_cast<void*>(storage_)) Held*(new Held(std::forward<F>(callable)));
      operations_ = &kHeapOperations<Held>;
    }
  }

  UniqueFunction(UniqueFunction&& other) noexcept { take(other); }
  UniqueFunction& operator=(UniqueFunction&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  UniqueFunction(const UniqueFunction&) = delete;
  UniqueFunction& operator=(const UniqueFunction&) = delete;
  ~UniqueFunction() { reset(); }

  [[nodiscard]] explicit operator bool() const noexcept { return operations_ != nullptr; }

  /// Undefined for an empty function, as a call through a null pointer is.
  R operator()(Arguments... arguments) { return operations_->call(storage_, std::forward<Arguments>(arguments)...); }

  void reset() noexcept {
    if (operations_ == nullptr) return;
    const Operations* old = std::exchange(operations_, nullptr);
    old->destroy(storage_);
  }

 private:
  struct Operations {
    R (*call)(void*, Arguments&&...);
    void (*relocate)(void* from, void* to) noexcept;
    void (*destroy)(void*) noexcept;
  };

  template <typename Held>
  static constexpr bool kFitsInline =
      sizeof(Held) <= kInlineBytes &&
      alignof(Held) <= alignof(std::max_align_t) && std::is_nothrow_move_constructible_v<Held>;

  template <typename Held>
  static constexpr Operations kInlineOperations{
      [](void* at, Arguments&&... arguments) -> R {
        return (*static_cast<Held*>(at))(std::forward<Arguments>(arguments)...);
      },
      [](void* from, void* to) noexcept {
        ::new (to) Held(std::move(*static_cast<Held*>(from)));
        static_cast<Held*>(from)->~Held();
      },
      [](void* at) noexcept { static_cast<Held*>(at)->~Held(); }};

  template <typename Held>
  static constexpr Operations kHeapOperations{
      [](void* at, Arguments&&... arguments) -> R {
        return (**static_cast<Held**>(at))(std::forward<Arguments>(arguments)...);
      },
      [](void* from, void* to) noexcept { ::new (to) Held*(*static_cast<Held**>(from)); },
      [](void* at) noexcept { delete *static_cast<Held**>(at); }};

  void take(UniqueFunction& other) noexcept {
    operations_ = std::exchange(other.operations_, nullptr);
    if (operations_ != nullptr) operations_->relocate(other.storage_, storage_);
  }

  alignas(std::max_align_t) unsigned char storage_[kInlineBytes];
  const Operations* operations_ = nullptr;
};

}  // namespace datasync::net
