#include "tests/sim/faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "apiclient/types/coordination.h"
#include "base/check.h"
#include "crds/names.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct KindRow {
  FaultKind kind;
  std::string_view name;
  std::optional<Fault> of_request = {};
  bool is_blow = false;
};

constexpr std::array<KindRow, 16> kKinds{{
    {FaultKind::kLostRequest, "lost requests", Fault::kLoseRequest},
    {FaultKind::kLostReply, "lost replies", Fault::kLoseReply},
    {FaultKind::kNoReply, "no replies", Fault::kHang},
    {FaultKind::kConflict, "409", Fault::kConflict},
    {FaultKind::kThrottled, "429", Fault::kThrottle},
    {FaultKind::kUnavailable, "503", Fault::kUnavailable},
    {FaultKind::kSlow, "slow"},
    {FaultKind::kWatchesCut, "watches cut", std::nullopt, true},
    {FaultKind::kWatchesStalled, "watches stalled", std::nullopt, true},
    {FaultKind::kGone, "410", std::nullopt, true},
    {FaultKind::kApiAway, "API server away", std::nullopt, true},
    {FaultKind::kOperatorKilled, "operator killed", std::nullopt, true},
    {FaultKind::kWorkerKilled, "worker killed", std::nullopt, true},
    {FaultKind::kWorkerUnready, "worker unready", std::nullopt, true},
    {FaultKind::kRoutersDeaf, "routers deaf", std::nullopt, true},
    {FaultKind::kScrapesLost, "scrapes lost", std::nullopt, true},
}};

const KindRow& row_of(FaultKind kind) {
  const auto row = std::ranges::find(kKinds, kind, &KindRow::kind);
  CHECK(row != kKinds.end());
  return *row;
}

template <class T>
const T& pick(Rng& rng, const std::vector<T>& some) {
  CHECK(!some.empty());
  return some[rng.below(some.size())];
}

}  // namespace

std::string_view name_of(FaultKind kind) {
  return row_of(kind).name;
}

// Answers and watches that are late, and how long a cache waits before it asks again (up to twice
// 30 s); a silent watch is given up after 150 s.
Duration FaultPlan::staleness() const {
  Duration late = seconds(10);
  const bool is_disturbed = std::ranges::any_of(kinds, [](FaultKind kind) {
    return row_of(kind).of_request || kind == FaultKind::kSlow || kind == FaultKind::kWatchesCut ||
           kind == FaultKind::kGone || kind == FaultKind::kApiAway;
  });
  late += is_disturbed ? seconds(90) : seconds(0);
  return late + (has(FaultKind::kWatchesStalled) ? seconds(150) : seconds(0));
}

std::string FaultPlan::text() const {
  std::string names;
  for (const FaultKind kind : kinds) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", name_of(kind));
  }
  return fmt::format("from {} s for {} s: {}",
                     std::chrono::duration_cast<seconds>(begins).count(),
                     std::chrono::duration_cast<seconds>(lasts).count(),
                     names.empty() ? "nothing" : names);
}

FaultPlan draw_faults(Rng& rng) {
  FaultPlan plan;
  // One run in four has a single kind of trouble, so that each is also met alone.
  const bool is_single = rng.below(4) == 0;
  const std::size_t only = rng.below(kKinds.size());
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    const bool is_drawn = rng.below(4) == 0;
    if (is_single ? i == only : is_drawn) {
      plan.kinds.insert(kKinds[i].kind);
    }
  }
  plan.request_share = 0.02 + 0.2 * rng.unit();
  const Duration gap = draw(rng, {seconds(2), seconds(25)});
  plan.gap = {gap / 4, gap * 2};
  plan.begins = draw(rng, {seconds(0), seconds(30)});
  plan.lasts = draw(rng, {seconds(30), seconds(180)});
  return plan;
}

Storm::Storm(World& world, FaultPlan plan, Rng rng)
    : world_(world), plan_(std::move(plan)), rng_(rng) {
  for (const FaultKind kind : plan_.kinds) {
    if (const auto fault = row_of(kind).of_request) {
      request_faults_.push_back(*fault);
    } else if (row_of(kind).is_blow) {
      blows_.push_back(kind);
    }
  }
  ends_at_ = world_.loop.now() + plan_.begins + plan_.lasts;
  world_.fault_of_write = [this](const WriteRecord& write) {
    return of_request(write.method == "PUT" || write.method == "PATCH");
  };
  world_.fault_of_read = [this](const HttpRequest&) { return of_request(false); };
  world_.after_write = [this](const WriteRecord& write) {
    if (write.kind != kube::kLeaseKind.kind && std::exchange(will_kill_sender_, false)) {
      world_.kill_sender(write, span(seconds(30)));
    }
  };
  world_.added_latency = [this] {
    const bool is_slow = is_raging_ && plan_.has(FaultKind::kSlow) && rng_.below(20) == 0;
    return is_slow ? draw(rng_, {milliseconds(50), seconds(4)}) : Duration{0};
  };
  world_.data_plane.set_scrape_fault(
      [this] { return world_.loop.now() < scrapes_lost_until_ && rng_.below(4) != 0; });
  timer_ = world_.loop.call_after(plan_.begins, [this] {
    is_raging_ = true;
    world_.note("the storm begins");
    next_blow();
  });
  end_timer_ = world_.loop.call_after(plan_.begins + plan_.lasts, [this] { end(); });
}

Storm::~Storm() {
  world_.loop.cancel(timer_);
  world_.loop.cancel(end_timer_);
  world_.fault_of_write = nullptr;
  world_.fault_of_read = nullptr;
  world_.added_latency = nullptr;
  world_.after_write = nullptr;
  world_.data_plane.set_scrape_fault(nullptr);
}

void Storm::end() {
  is_raging_ = false;
  will_kill_sender_ = false;
  is_over_ = true;
  world_.loop.cancel(timer_);
  world_.server.set_gone_as_http(false);
  world_.note("the storm is over");
}

Fault Storm::of_request(bool may_conflict) {
  if (!is_raging_ || request_faults_.empty() || rng_.unit() >= plan_.request_share) {
    return Fault::kNone;
  }
  const Fault fault = pick(rng_, request_faults_);
  return fault == Fault::kConflict && !may_conflict ? Fault::kNone : fault;
}

Duration Storm::span(Duration max) {
  const Duration left = std::max(ends_at_ - world_.loop.now(), Duration{0});
  return std::min(draw(rng_, {milliseconds(500), max}), left);
}

void Storm::next_blow() {
  if (blows_.empty()) {
    return;
  }
  timer_ = world_.loop.call_after(draw(rng_, plan_.gap), [this] {
    strike(pick(rng_, blows_));
    next_blow();
  });
}

void Storm::strike(FaultKind kind) {
  if (kind != FaultKind::kApiAway && kind != FaultKind::kOperatorKilled) {
    world_.note(std::string(name_of(kind)));  // Those two say more themselves.
  }
  if (kind == FaultKind::kWatchesCut) {
    world_.server.cut_watches();
  } else if (kind == FaultKind::kWatchesStalled) {
    world_.server.stall_watches();
  } else if (kind == FaultKind::kGone) {
    world_.server.set_gone_as_http(rng_.below(2) == 0);
    world_.server.compact();
    world_.server.cut_watches();
  } else if (kind == FaultKind::kApiAway) {
    world_.take_api_away(span(seconds(40)));
  } else if (kind == FaultKind::kOperatorKilled) {
    // At any moment, or at the worst.
    will_kill_sender_ = rng_.below(2) == 0;
    if (!will_kill_sender_) {
      world_.kill_operator(rng_.below(world_.operators()), span(seconds(30)));
    }
  } else if (kind == FaultKind::kRoutersDeaf) {
    world_.data_plane.deafen_routers(span(seconds(20)));
  } else if (kind == FaultKind::kScrapesLost) {
    scrapes_lost_until_ = world_.loop.now() + span(seconds(15));
  } else {
    hurt_a_worker(kind == FaultKind::kWorkerKilled);
  }
}

void Storm::hurt_a_worker(bool kills) {
  const auto workers = world_.data_plane.pods(api::kComponentWorker);
  if (workers.empty()) {
    return;
  }
  const kube::ObjectKey& worker = pick(rng_, workers);
  if (kills) {
    world_.data_plane.kill_pod(worker);
  } else {
    world_.data_plane.make_unready(worker, span(seconds(15)));
  }
}

}  // namespace sluice
