#include "base/random.h"

#include <array>
#include <bit>
#include <random>

namespace datasync {
namespace {

std::uint64_t split_mix(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31U);
}

class Xoshiro final : public Random {
 public:
  explicit Xoshiro(std::uint64_t seed) {
    for (auto& word : state_) word = split_mix(seed);
  }

  std::uint64_t next() override {
    auto& s = state_;
    const std::uint64_t result = std::rotl(s[0] + s[3], 23) + s[0];
    const std::uint64_t t = s[1] << 17U;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = std::rotl(s[3], 45);
    return result;
  }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace

std::unique_ptr<Random> make_seeded_random(std::uint64_t seed) {
  return std::make_unique<Xoshiro>(seed);
}

std::unique_ptr<Random> make_system_random() {
  std::random_device device;
  return make_seeded_random((static_cast<std::uint64_t>(device()) << 32U) | device());
}

}  // namespace datasync
