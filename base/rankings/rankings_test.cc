#include "base/rankings/rankings.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sluice::rankings {
namespace {

using Ids = std::vector<Id>;

TEST(Judgements, KeepTheHighestGainAndTheIdealOrder) {
  const Judgements judged({{3, 1}, {1, 2}, {3, 4}, {7, 0}, {8, -1}});
  EXPECT_EQ(judged.gain(3), 4);
  EXPECT_EQ(judged.gain(99), 0);
  EXPECT_TRUE(judged.is_judged(7));
  EXPECT_FALSE(judged.is_judged(99));
  EXPECT_EQ(judged.relevant(), 2U);
  EXPECT_EQ(std::vector<double>(judged.ideal().begin(), judged.ideal().end()),
            (std::vector<double>{4, 2}));
}

// Worked by hand: gains 3 2 3 0 1 2 retrieved, and two more judged (3, 2) that were not. With the
// ideal from all judged, ideal@6 is 3 3 3 2 2 2 (Järvelin and Kekäläinen's example, extended).
TEST(Ndcg, TakesTheIdealFromAllJudgedDocuments) {
  const Judgements judged({{1, 3}, {2, 2}, {3, 3}, {4, 0}, {5, 1}, {6, 2}, {7, 3}, {8, 2}});
  const double got = 3 + 2 / std::log2(3.0) + 3 / 2.0 + 0 + 1 / std::log2(6.0) + 2 / std::log2(7.0);
  const double best = 3 + 3 / std::log2(3.0) + 3 / 2.0 + 2 / std::log2(5.0) + 2 / std::log2(6.0) +
                      2 / std::log2(7.0);
  EXPECT_NEAR(got, 6.861, 1e-3);
  EXPECT_NEAR(best, 8.740, 1e-3);
  EXPECT_NEAR(ndcg_at(Ids{1, 2, 3, 4, 5, 6}, judged, 6), got / best, 1e-12);
}

TEST(Ndcg, HasTheValuesOfItsDefinitionAtTheEdges) {
  const Judgements one({{5, 1}});
  EXPECT_EQ(ndcg_at(Ids{5}, one, 10), 1.0);
  EXPECT_NEAR(ndcg_at(Ids{1, 5}, one, 10), 1 / std::log2(3.0), 1e-12);
  EXPECT_EQ(ndcg_at(Ids{1, 2, 5}, one, 2), 0.0);  // Behind the cut.
  EXPECT_EQ(ndcg_at(Ids{}, one, 10), 0.0);        // No results count as 0.
  EXPECT_EQ(ndcg_at(Ids{5}, Judgements({}), 10), 0.0);
  EXPECT_EQ(ndcg_at(Ids{5}, Judgements({{5, 0}}), 10), 0.0);
  EXPECT_EQ(ndcg_at(Ids{5, 6}, Judgements({{5, -2}, {6, 1}}), 10), 1 / std::log2(3.0));
  EXPECT_EQ(ndcg_at(Ids{1, 2}, Judgements({{1, 1}, {2, 1}, {3, 1}}), 2), 1.0);
}

TEST(Recall, CountsRelevantOnesWithinTheCut) {
  const Judgements judged({{1, 1}, {2, 2}, {3, 0}, {4, 1}});
  EXPECT_NEAR(recall_at(Ids{1, 3, 9, 2}, judged, 4), 2.0 / 3, 1e-12);
  EXPECT_NEAR(recall_at(Ids{1, 3, 9, 2}, judged, 3), 1.0 / 3, 1e-12);
  EXPECT_EQ(recall_at(Ids{}, judged, 3), 0.0);
  EXPECT_EQ(recall_at(Ids{1}, Judgements({}), 3), 0.0);
}

TEST(ReciprocalRank, IsThatOfTheFirstRelevantOne) {
  const Judgements judged({{1, 1}, {2, 2}, {3, 0}});
  EXPECT_EQ(reciprocal_rank_at(Ids{3, 9, 2, 1}, judged, 10), 1.0 / 3);
  EXPECT_EQ(reciprocal_rank_at(Ids{3, 9, 2, 1}, judged, 2), 0.0);
  EXPECT_EQ(hit_at(Ids{3, 9, 2, 1}, judged, 3), 1.0);
  EXPECT_EQ(hit_at(Ids{3, 9, 2, 1}, judged, 2), 0.0);
}

TEST(Judged, IsThePartOfTheTopThatSomebodyLookedAt) {
  const Judgements judged({{1, 1}, {3, 0}});
  EXPECT_EQ(judged_at(Ids{1, 2, 3, 4}, judged, 10), 0.5);
  EXPECT_EQ(judged_at(Ids{1, 2, 3, 4}, judged, 1), 1.0);
  EXPECT_EQ(judged_at(Ids{}, judged, 10), 0.0);
}

TEST(Overlap, ComparesSetsWithinTheCut) {
  EXPECT_EQ(overlap_at(Ids{1, 2, 3}, Ids{3, 1, 2}, 3), 1.0);
  EXPECT_EQ(overlap_at(Ids{1, 2, 3, 4}, Ids{1, 5, 2, 6}, 4), 0.5);
  EXPECT_EQ(overlap_at(Ids{1, 2, 3, 4}, Ids{5, 6, 1, 2}, 2), 0.0);
  EXPECT_EQ(overlap_at(Ids{}, Ids{}, 10), 1.0);
  EXPECT_EQ(overlap_at(Ids{1}, Ids{}, 10), 0.0);
  EXPECT_EQ(overlap_at(Ids{1}, Ids{1, 2}, 10), 0.5);
  EXPECT_EQ(shared_at(Ids{1, 2, 3}, Ids{3, 9, 1}, 10), 2U);
}

// By hand, with persistence 1/2: agreements 1, 1/2 and 1 at depths 1 to 3 give
// 1/2 (1 + 1/2 * 1/2 + 1 * 1/4) + 1 * 1/8.
TEST(RankBiasedOverlap, WeighsTheFirstRanksMost) {
  const auto rbo = [](const Ids& a, const Ids& b, double persistence) {
    return rank_biased_overlap_at(a, b, 10, persistence);
  };
  EXPECT_NEAR(rbo(Ids{1, 2, 3}, Ids{1, 3, 2}, 0.5), 0.875, 1e-12);
  EXPECT_NEAR(rbo(Ids{1, 2, 3}, Ids{1, 2, 3}, 0.9), 1.0, 1e-12);
  EXPECT_EQ(rbo(Ids{1, 2, 3}, Ids{4, 5, 6}, 0.9), 0.0);
  EXPECT_EQ(rbo(Ids{}, Ids{}, 0.9), 1.0);
  EXPECT_EQ(rbo(Ids{1}, Ids{}, 0.9), 0.0);
  // One of two ranks: 1/2 (1 + 1/2 * 1/2) + 1/2 * 1/4.
  EXPECT_NEAR(rbo(Ids{1}, Ids{1, 2}, 0.5), 0.75, 1e-12);
  EXPECT_GT(rbo(Ids{1, 2, 3, 4}, Ids{1, 2, 9, 8}, 0.9), rbo(Ids{1, 2, 3, 4}, Ids{9, 8, 3, 4}, 0.9));
  // Behind the cut nothing counts.
  EXPECT_EQ(rank_biased_overlap_at(Ids{1, 2}, Ids{1, 3}, 1, 0.9), 1.0);
}

}  // namespace
}  // namespace sluice::rankings
