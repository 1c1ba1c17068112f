#pragma once
// Agreement: how far candidate and stable name the same hits, from the comparisons of a shadow
// step. A better index ranks differently, so this is reported; only an objective that expects
// equivalence gates on it, against what two workers of stable have with each other. Internal to the
// core. Pure.

#include <string>

#include "crds/canary_rollout.h"

namespace sluice::canary_rollout {

// Of the budget of false rollbacks the part that the gate may use; the other tests have the rest.
inline constexpr double kAgreementBudget = 0.1;

// The policy's objective gates on the rankings.
[[nodiscard]] bool gates_on_agreement(const api::ResolvedPolicy& policy);

enum class AgreementVerdict { kReported, kKeepLooking, kEquivalent, kDiffers };

struct AgreementAssessment {
  AgreementVerdict verdict = AgreementVerdict::kReported;
  api::ObjectiveStatus row = {};  // For the status; has the message.
  std::string inputs = {};        // JSON, for a decision record.
};

// CHECKs that the policy has such an objective.
[[nodiscard]] AgreementAssessment judge_agreement(const api::ResolvedPolicy& policy,
                                                  const api::RankingAgreement& stored);

// Adds what a block has brought.
void add_agreement(api::RankingAgreement& sum, const api::RankingAgreement& more);

// Answers of the candidate that were compared.
[[nodiscard]] std::int64_t compared_answers(const api::RankingAgreement& compared);

}  // namespace sluice::canary_rollout
