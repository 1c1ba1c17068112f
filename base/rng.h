#pragma once
// Rng: the third seam. A seeded generator with integer helpers of its own, so that the same seed
// gives the same choices with every compiler and library (std distributions do not promise that).

#include <cstdint>

namespace sluice {

// xoshiro256** (Blackman and Vigna), seeded through splitmix64. Not for secrets. One owner each.
class Rng {
 public:
  explicit Rng(std::uint64_t seed);
  [[nodiscard]] std::uint64_t next();
  // Uniform in [0, bound); bound > 0. Unbiased.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);
  // Uniform in [0, 1), 53 bits.
  [[nodiscard]] double unit();
  // A generator of its own, derived from this one.
  [[nodiscard]] Rng fork();

 private:
  std::uint64_t state_[4];
};

}  // namespace sluice
