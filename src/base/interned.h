#pragma once

#include <compare>
#include <concepts>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace datasync {

/// What every empty `Interned` shares.
inline const std::string kNoText;

/// A text of which there are few different ones and many copies: the name of a field or a platform. Equal texts share
/// one string for as long as the process lives, so to copy one is to copy a pointer, and to compare two is to compare
/// pointers. Since texts come from outside, the shared ones are bounded: one that is long, or comes when there are
/// enough, belongs to its object. That is slower and means the same.
///
/// Threads: as std::string.
class Interned {
 public:
  static constexpr std::size_t kBytesMax = 64;         ///< a longer text is not shared
  static constexpr std::size_t kTextsMax = 16 * 1024;  ///< shared at most

  Interned() noexcept : bits_(bits_of_empty()) {}
  explicit Interned(std::string_view text) : bits_(intern(text)) {}
  Interned(const Interned& other) : bits_(other.is_own() ? copy(other.str()) : other.bits_) {}
  Interned(Interned&& other) noexcept : bits_(std::exchange(other.bits_, bits_of_empty())) {}
  Interned& operator=(Interned other) noexcept {
    std::swap(bits_, other.bits_);
    return *this;
  }
  ~Interned() {
    if (is_own()) destroy();
  }

  [[nodiscard]] const std::string& str() const noexcept {
    return *reinterpret_cast<const std::string*>(bits_ & ~kOwn);  // NOLINT(performance-no-int-to-ptr): a tagged pointer
  }
  [[nodiscard]] bool empty() const noexcept { return str().empty(); }

  /// A shared text never equals one that is not shared: which of both a text is does not change.
  friend bool operator==(const Interned& a, const Interned& b) noexcept {
    return a.bits_ == b.bits_ || (a.is_own() && b.is_own() && a.str() == b.str());
  }
  friend std::strong_ordering operator<=>(const Interned& a, const Interned& b) noexcept {
    return a == b ? std::strong_ordering::equal : a.str() <=> b.str();
  }

 private:
  static constexpr std::uintptr_t kOwn = 1;

  [[nodiscard]] bool is_own() const noexcept { return (bits_ & kOwn) != 0; }
  [[nodiscard]] static std::uintptr_t bits_of_empty() noexcept { return reinterpret_cast<std::uintptr_t>(&kNoText); }
  [[nodiscard]] static std::uintptr_t intern(std::string_view text);
  [[nodiscard]] static std::uintptr_t copy(const std::string& text);
  void destroy() noexcept;

  std::uintptr_t bits_;  // address of the string, and in the lowest bit whether it is this object's own
};

/// As `StringId`, of a kind of which there are few.
template <typename Tag>
class InternedId {
 public:
  InternedId() = default;
  explicit InternedId(std::string_view text) : text_(text) {}
  [[nodiscard]] const std::string& str() const noexcept { return text_.str(); }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  auto operator<=>(const InternedId&) const = default;

 private:
  Interned text_;
};

/// The canonical name of a field. Stands wherever a text is expected, and is made of any.
class FieldName {
 public:
  FieldName() = default;
  FieldName(std::string_view text) : text_(text) {}                   // NOLINT(google-explicit-constructor)
  FieldName(const std::string& text) : text_(text) {}                 // NOLINT(google-explicit-constructor)
  FieldName(const char* text) : text_(text) {}                        // NOLINT(google-explicit-constructor)
  operator std::string_view() const noexcept { return text_.str(); }  // NOLINT(google-explicit-constructor)
  [[nodiscard]] const std::string& str() const noexcept { return text_.str(); }
  [[nodiscard]] std::size_t size() const noexcept { return str().size(); }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }

  friend bool operator==(const FieldName& a, const FieldName& b) noexcept { return a.text_ == b.text_; }
  friend auto operator<=>(const FieldName& a, const FieldName& b) noexcept { return a.text_ <=> b.text_; }
  template <typename Text>
  requires(std::convertible_to<const Text&, std::string_view> && !std::same_as<Text, FieldName>) friend bool operator==(
      const FieldName& a, const Text& b) noexcept {
    return a.str() == std::string_view(b);
  }
  template <typename Text>
  requires(std::convertible_to<const Text&, std::string_view> && !std::same_as<Text, FieldName>) friend auto
  operator<=>(const FieldName& a, const Text& b) noexcept {
    return std::string_view(a.str()) <=> std::string_view(b);
  }

 private:
  Interned text_;
};

}  // namespace datasync

template <typename Tag>
struct std::hash<datasync::InternedId<Tag>> {
  std::size_t operator()(const datasync::InternedId<Tag>& id) const noexcept {
    return std::hash<std::string>{}(id.str());
  }
};
