#include "dataplane/router/core/comparison.h"

#include <algorithm>
#include <cstring>

#include "base/base64.h"

namespace sluice::router {
namespace {

constexpr std::size_t kHitsMax = 1000;
constexpr std::size_t kIdBytes = sizeof(rankings::Id);
constexpr std::size_t kHeaderBytesMax = (kHitsMax * kIdBytes + 2) / 3 * 4;

}  // namespace

std::optional<Ranking> parse_hits(std::string_view header) {
  if (header.size() > kHeaderBytesMax) {
    return std::nullopt;
  }
  const Result<std::string> bytes = base64_decode(header);
  if (!bytes || bytes->size() % kIdBytes != 0) {
    return std::nullopt;
  }
  Ranking ranking{.size = std::min(bytes->size() / kIdBytes, kComparedHits)};
  for (std::size_t i = 0; i < ranking.size; ++i) {
    std::memcpy(&ranking.ids[i], bytes->data() + i * kIdBytes, kIdBytes);
    const auto before = ranking.hits().first(i);
    if (std::ranges::find(before, ranking.ids[i]) != before.end()) {
      return std::nullopt;
    }
  }
  return ranking;
}

Agreement agreement(const Ranking& a, const Ranking& b) {
  return {
      .overlap = rankings::overlap_at(a.hits(), b.hits(), kComparedHits),
      .rbo = rankings::rank_biased_overlap_at(a.hits(), b.hits(), kComparedHits, kRboPersistence)};
}

}  // namespace sluice::router
