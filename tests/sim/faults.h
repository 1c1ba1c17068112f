#pragma once
// FaultPlan: what goes wrong in one run, drawn from its seed: a random few of all kinds, for a
// while. Storm: lets it happen to a world. When the storm is over everything works again, and the
// operators must find by themselves what they missed.

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "tests/sim/pace.h"
#include "tests/sim/world.h"

namespace sluice {

enum class FaultKind {
  // Of a share of the operators' requests.
  kLostRequest,
  kLostReply,  // What was written is written.
  kNoReply,    // The same, and the connection stays open.
  kConflict,
  kThrottled,
  kUnavailable,
  kSlow,  // Requests or replies take up to 4 s.
  // Now and then.
  kWatchesCut,
  kWatchesStalled,  // Silent until the client gives them up.
  kGone,            // The server forgets its history: 410.
  kApiAway,
  kOperatorKilled,
  kWorkerKilled,
  kWorkerUnready,
  kRoutersDeaf,  // They take no new table.
  kScrapesLost,
};

[[nodiscard]] std::string_view name_of(FaultKind kind);

struct FaultPlan {
  std::set<FaultKind> kinds = {};
  double request_share = 0;
  Span gap = {};         // Between what happens now and then.
  Duration begins = {};  // After the world's beginning.
  Duration lasts = {};

  [[nodiscard]] bool has(FaultKind kind) const { return kinds.contains(kind); }

  // A candidate may be given up for it.
  [[nodiscard]] bool hurts_workers() const {
    return has(FaultKind::kWorkerKilled) || has(FaultKind::kWorkerUnready);
  }

  // How late an operator may be in seeing a change.
  [[nodiscard]] Duration staleness() const;
  [[nodiscard]] std::string text() const;
};

[[nodiscard]] FaultPlan draw_faults(Rng& rng);

class Storm {
 public:
  // The world outlives it.
  Storm(World& world, FaultPlan plan, Rng rng);
  ~Storm();
  Storm(const Storm&) = delete;
  Storm& operator=(const Storm&) = delete;

  [[nodiscard]] bool is_over() const { return is_over_; }

 private:
  [[nodiscard]] Fault of_request(bool may_conflict);
  void next_blow();
  void strike(FaultKind kind);
  void hurt_a_worker(bool kills);
  void end();
  // A span of up to `max`, but not beyond the storm.
  [[nodiscard]] Duration span(Duration max);

  World& world_;
  FaultPlan plan_;
  Rng rng_;
  std::vector<Fault> request_faults_;
  std::vector<FaultKind> blows_;
  MonotonicTime ends_at_;
  MonotonicTime scrapes_lost_until_ = {};
  TimerId timer_;
  TimerId end_timer_;
  bool is_raging_ = false;
  bool will_kill_sender_ = false;  // Of the next write.
  bool is_over_ = false;
};

}  // namespace sluice
