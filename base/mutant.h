#pragma once

// Mutant: a plausible bug, planted in the code to show that its tests would find it (tests/sim).
// Only in builds with SLUICE_MUTANTS can one be chosen; in all others is_planted() is constantly
// false, and nothing of them is compiled in. One for each trap that the operator is built around,
// and for each bug that was found once.

namespace sluice {

enum class Mutant {
  kNone,
  // The index's controller: traffic.
  kWeightBeforeReady,  // Users are sent to workers that are not ready yet.
  kWeightNeverLess,    // Less weight waits for ready workers, as more does.
  kSameGeneration,     // A changed table keeps its number.
  kConfirmedUnasked,   // A table counts as taken by routers that did not say so.
  kRouterUnknown,      // A ready router that was not asked yet counts as confirming.
  // Its candidates and promotions.
  kVerdictNotAwaited,    // A rejected candidate leaves before the verdict is on record.
  kVerdictUnwritten,     // The verdict is never put on record.
  kCommitUnconfirmed,    // Stable becomes what routers have not confirmed.
  kCommitBeforeWhole,    // Stable becomes what has not all of the traffic.
  kNextAtOnce,           // The next candidate begins while the last one has users.
  kNewerIgnored,         // A candidate that is not wanted any more goes on.
  kLostPolicyForgotten,  // Its CanaryRollout is deleted, and the candidate stays as it is.
  kNeverGrows,           // No more workers for more weight.
  kRetiredAtOnce,        // Workers go while they may have users.
  // After a promotion.
  kNoWatch,            // The old stable is not kept.
  kReturnUnnoted,      // Back to the old stable before that is on record.
  kReturnUnconfirmed,  // Back to the old stable before routers confirm it.
  // The rollout's controller.
  kEvaluationSkipped,    // The golden set is not looked at.
  kEditCountsAtOnce,     // An edit of the policy counts for the rollout in progress.
  kStaleIndexJudged,     // An index as it was before is decided on.
  kTrafficUnconfirmed,   // A step begins before its traffic is there.
  kClockRestarts,        // A step's clock begins anew with each block.
  kEvidenceForgotten,    // Evidence begins anew with each block.
  kRollbackUnconfirmed,  // A rollback ends before routers confirm it.
  kTrafficKept,          // A rollback leaves the traffic where it is.
  kSeqKept,              // Another wish keeps the number of the last one.
  kCommandRepeated,      // A command is carried out whenever it is seen.
  kCommandForgotten,     // A command is acknowledged and not carried out.
  kPauseIgnored,         // Nobody can hold a rollout.
  kStatusUnversioned,    // A status is written over whatever is there.
  // The runtime.
  kLookAgainDropped,  // Nothing happens only because time has passed.
  kDirtyLost,         // A change during a reconcile is lost.
  kRetryForgotten,    // What failed is not tried again.
  kErrorSwallowed,    // A write that failed counts as made.
  kNeverFenced,       // Whoever cannot renew its lease goes on.
  kLeaseTaken,        // Another's lease is taken before it has run out.
  kLeaseIgnored,      // Nobody waits for the lease.
  // The client.
  kGoneResumed,     // A watch goes on where the server has forgotten.
  kDeletedKept,     // What vanished between two lists stays in the cache.
  kFirstEventLost,  // The first event of a watch is dropped.
  // The router.
  kNoRescue,        // A user whom the candidate fails gets its failure.
  kQuarantineDeaf,  // A candidate that fails keeps its users.
};

#ifdef SLUICE_MUTANTS
[[nodiscard]] bool is_planted(Mutant mutant);
// Instead of the one before; kNone takes it out.
void plant(Mutant mutant);
#else
[[nodiscard]] constexpr bool is_planted(Mutant) {
  return false;
}
#endif

}  // namespace sluice
