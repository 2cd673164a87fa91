#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace datasync::transform {

/// Mixes the first and the last eight bytes of a name with its length: field names differ there, and it costs two loads
/// where a hash of every byte would cost a call. Not for keys that an outsider chooses: the tables hold configured
/// names only.
struct NameHash {
  using is_transparent = void;
  using is_avalanching = void;

  [[nodiscard]] std::size_t operator()(std::string_view name) const noexcept {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    if (name.size() >= sizeof first) {
      std::memcpy(&first, name.data(), sizeof first);
      std::memcpy(&last, name.data() + name.size() - sizeof last, sizeof last);
    } else {
      for (const char c : name) first = first << 8U | static_cast<unsigned char>(c);
    }
    // The odd constants are those of wyhash; folding the high half down is what spreads the bits.
    __extension__ using Wide = unsigned __int128;
    const Wide product =
        static_cast<Wide>(first ^ 0xa0761d6478bd642fULL ^ name.size()) * (last ^ 0xe7037ed1a0b428dbULL);
    return static_cast<std::size_t>(product) ^ static_cast<std::size_t>(product >> 64U);
  }
};

/// Things by name, made once and then only read.
template <typename Thing>
class NameTable {
 public:
  /// Adds `thing`; where the name is taken already, the thing that was there stays.
  void add(std::string_view name, Thing thing) { things_.try_emplace(std::string(name), std::move(thing)); }

  [[nodiscard]] const Thing* find(std::string_view name) const noexcept {
    if (things_.empty()) return nullptr;  // not even a hash
    const auto at = things_.find(name);
    return at != things_.end() ? &at->second : nullptr;
  }

 private:
  boost::unordered_flat_map<std::string, Thing, NameHash, std::equal_to<>> things_;
};

}  // namespace datasync::transform
