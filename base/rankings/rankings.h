#pragma once
// Measures of rankings, by trec_eval's definitions. Pure functions on ids (64-bit hashes of the
// documents' ids), best first, without duplicates. A query without results scores 0, not nothing.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sluice::rankings {

using Id = std::uint64_t;

struct Judgement {
  Id id = 0;
  double gain = 0;  // Above 0 is relevant; 0 and below is judged and not relevant.
};

// The judged documents of one query. An id that comes twice keeps its highest gain.
class Judgements {
 public:
  explicit Judgements(std::vector<Judgement> judged);

  [[nodiscard]] bool is_judged(Id id) const { return find(id) != nullptr; }

  // 0 for what is not judged.
  [[nodiscard]] double gain(Id id) const;

  [[nodiscard]] std::size_t relevant() const { return ideal_.size(); }

  // The positive gains, best first.
  [[nodiscard]] std::span<const double> ideal() const { return ideal_; }

 private:
  [[nodiscard]] const Judgement* find(Id id) const;

  std::vector<Judgement> by_id_;
  std::vector<double> ideal_;
};

// trec_eval's ndcg_cut.k: linear gains, discount log2(rank + 1), the ideal from all judged
// documents, whether retrieved or not. 0 if nothing is relevant.
[[nodiscard]] double ndcg_at(std::span<const Id> ranking, const Judgements& judged, std::size_t k);
// trec_eval's recall.k: relevant documents in the first k of all relevant ones.
[[nodiscard]] double recall_at(std::span<const Id> ranking,
                               const Judgements& judged,
                               std::size_t k);
// One over the rank of the first relevant document in the first k; 0 if there is none.
[[nodiscard]] double reciprocal_rank_at(std::span<const Id> ranking,
                                        const Judgements& judged,
                                        std::size_t k);
// 1 if one of the first k is relevant (trec_eval's success.k).
[[nodiscard]] double hit_at(std::span<const Id> ranking, const Judgements& judged, std::size_t k);
// The judged part of the first min(k, size): how far the other figures can be trusted.
[[nodiscard]] double judged_at(std::span<const Id> ranking,
                               const Judgements& judged,
                               std::size_t k);

// How many ids the first k of both share.
[[nodiscard]] std::size_t shared_at(std::span<const Id> a, std::span<const Id> b, std::size_t k);
// shared_at over min(k, the longer one's size): 1 for equal sets, also for two empty ones.
[[nodiscard]] double overlap_at(std::span<const Id> a, std::span<const Id> b, std::size_t k);
// Rank-biased overlap (Webber, Moffat and Zobel 2010), extrapolated from depth min(k, the longer
// one's size): the share of agreement met by a reader who goes on to each next rank with
// probability `persistence`, in (0, 1). 1 for equal rankings, also for two empty ones; a rank that
// only one has counts as disagreement.
[[nodiscard]] double rank_biased_overlap_at(std::span<const Id> a,
                                            std::span<const Id> b,
                                            std::size_t k,
                                            double persistence);

}  // namespace sluice::rankings
