#include "base/rankings/rankings.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/check.h"

namespace sluice::rankings {
namespace {

std::span<const Id> first(std::span<const Id> ranking, std::size_t k) {
  CHECK(k > 0);
  return ranking.first(std::min(k, ranking.size()));
}

double discounted(double gain, std::size_t rank_from_0) {
  return gain / std::log2(static_cast<double>(rank_from_0) + 2.0);
}

double ratio(std::size_t part, std::size_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

Judgements::Judgements(std::vector<Judgement> judged) : by_id_(std::move(judged)) {
  std::sort(by_id_.begin(), by_id_.end(), [](const Judgement& a, const Judgement& b) {
    return a.id != b.id ? a.id < b.id : a.gain > b.gain;
  });
  const auto same = [](const Judgement& a, const Judgement& b) { return a.id == b.id; };
  by_id_.erase(std::unique(by_id_.begin(), by_id_.end(), same), by_id_.end());
  for (const Judgement& judgement : by_id_) {
    if (judgement.gain > 0) {
      ideal_.push_back(judgement.gain);
    }
  }
  std::sort(ideal_.begin(), ideal_.end(), std::greater<>());
}

const Judgement* Judgements::find(Id id) const {
  const auto at =
      std::lower_bound(by_id_.begin(), by_id_.end(), id, [](const Judgement& j, Id wanted) {
        return j.id < wanted;
      });
  return at != by_id_.end() && at->id == id ? &*at : nullptr;
}

double Judgements::gain(Id id) const {
  const Judgement* judgement = find(id);
  return judgement == nullptr ? 0 : judgement->gain;
}

double ndcg_at(std::span<const Id> ranking, const Judgements& judged, std::size_t k) {
  double best = 0;
  for (std::size_t i = 0; i < std::min(k, judged.ideal().size()); ++i) {
    best += discounted(judged.ideal()[i], i);
  }
  const std::span<const Id> top = first(ranking, k);
  double got = 0;
  for (std::size_t i = 0; i < top.size(); ++i) {
    got += discounted(std::max(0.0, judged.gain(top[i])), i);
  }
  return best > 0 ? got / best : 0;
}

double recall_at(std::span<const Id> ranking, const Judgements& judged, std::size_t k) {
  const std::span<const Id> top = first(ranking, k);
  const auto found =
      std::count_if(top.begin(), top.end(), [&](Id id) { return judged.gain(id) > 0; });
  return judged.relevant() == 0 ? 0 : ratio(static_cast<std::size_t>(found), judged.relevant());
}

double reciprocal_rank_at(std::span<const Id> ranking, const Judgements& judged, std::size_t k) {
  const std::span<const Id> top = first(ranking, k);
  const auto hit = std::find_if(top.begin(), top.end(), [&](Id id) { return judged.gain(id) > 0; });
  return hit == top.end() ? 0 : 1.0 / static_cast<double>(hit - top.begin() + 1);
}

double hit_at(std::span<const Id> ranking, const Judgements& judged, std::size_t k) {
  return reciprocal_rank_at(ranking, judged, k) > 0 ? 1 : 0;
}

double judged_at(std::span<const Id> ranking, const Judgements& judged, std::size_t k) {
  const std::span<const Id> top = first(ranking, k);
  const auto known =
      std::count_if(top.begin(), top.end(), [&](Id id) { return judged.is_judged(id); });
  return top.empty() ? 0 : ratio(static_cast<std::size_t>(known), top.size());
}

std::size_t shared_at(std::span<const Id> a, std::span<const Id> b, std::size_t k) {
  const std::span<const Id> left = first(a, k);
  const std::span<const Id> right = first(b, k);
  std::size_t shared = 0;
  for (const Id id : left) {
    shared += std::find(right.begin(), right.end(), id) != right.end() ? 1U : 0U;
  }
  return shared;
}

double overlap_at(std::span<const Id> a, std::span<const Id> b, std::size_t k) {
  const std::size_t most = std::min(k, std::max(a.size(), b.size()));
  return most == 0 ? 1 : ratio(shared_at(a, b, k), most);
}

double rank_biased_overlap_at(std::span<const Id> a,
                              std::span<const Id> b,
                              std::size_t k,
                              double persistence) {
  CHECK(persistence > 0 && persistence < 1);
  const std::size_t depth = std::min(k, std::max(a.size(), b.size()));
  if (depth == 0) {
    return 1;
  }
  double sum = 0;
  double agreement = 0;
  double power = 1;  // persistence^(d - 1).
  for (std::size_t d = 1; d <= depth; ++d) {
    agreement = ratio(shared_at(a, b, d), d);
    sum += agreement * power;
    power *= persistence;
  }
  return (1 - persistence) * sum + agreement * power;
}

}  // namespace sluice::rankings
