#pragma once
// Comparison of two answers to one query, by the hits that workers name in X-Sluice-Hits: no body
// is parsed for it. Pure.

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "base/rankings/rankings.h"

namespace sluice::router {

inline constexpr std::size_t kComparedHits = 10;
inline constexpr double kRboPersistence = 0.9;

// The first hits of an answer, best first, none twice.
struct Ranking {
  std::array<rankings::Id, kComparedHits> ids = {};
  std::size_t size = 0;

  [[nodiscard]] std::span<const rankings::Id> hits() const { return std::span(ids).first(size); }
};

// Reads a header's value: base64 of ids of eight bytes each, at most a thousand. Empty for anything
// else, and for hits that come twice: a worker has sent it, but nobody vouches for that worker.
[[nodiscard]] std::optional<Ranking> parse_hits(std::string_view header);

struct Agreement {
  double overlap = 0;  // Of the first ten.
  double rbo = 0;      // At that depth.
};

[[nodiscard]] Agreement agreement(const Ranking& a, const Ranking& b);

}  // namespace sluice::router
