#include <algorithm>
#include <chrono>
#include <optional>
#include <tuple>
#include <vector>

#include "base/describe.h"
#include "base/mutant.h"
#include "controllers/rag_index/names.h"
#include "controllers/rag_index/turn.h"
#include "crds/names.h"

namespace sluice::rag_index {
namespace {

// Size before weight: more traffic only on as many ready workers as it needs; less at once.
TrafficShares granted_shares(const Turn& turn) {
  TrafficShares asked = asked_shares(turn);
  TrafficShares present = present_shares(turn);
  if (asked.load() <= present.load()) {
    return is_planted(Mutant::kWeightNeverLess) ? present : asked;
  }
  const std::int32_t ready = ready_workers(turn.seen, turn.candidate()->revision);
  const bool has_enough = ready >= std::max(1, workers_for(turn, asked.load())) ||
                          is_planted(Mutant::kWeightBeforeReady);
  return has_enough ? asked : present;
}

// What a table says.
struct RouteContent {
  std::string stable = {};
  std::string candidate = {};  // Empty: none.
  TrafficShares shares = {};   // The candidate's.
};

// While a new stable is watched, the previous one is stable in the table and the new one has most
// of the users: so routers rescue its failures and can take it out of users' way, as in a rollout.
// Without a ready worker of the previous one all is the new one's, and nothing is returned to it.
RouteContent watched_content(const Turn& turn) {
  const api::RagIndexStatus& status = turn.status();
  const std::string& previous = status.previous->revision;
  const bool is_new_ready = ready_workers(turn.seen, status.stable_revision) > 0;
  const bool is_old_ready = ready_workers(turn.seen, previous) > 0;
  const bool is_table_dead = !is_new_ready && status.route->stable_revision != previous;
  if (is_old_ready && (turn.is_returning || is_table_dead)) {
    return {.stable = previous};
  }
  if (!turn.is_returning && is_new_ready) {
    return is_old_ready ? RouteContent{.stable = previous,
                                       .candidate = status.stable_revision,
                                       .shares = watched_shares(turn)}
                        : RouteContent{.stable = status.stable_revision};
  }
  return {.stable = status.route->stable_revision,
          .candidate = status.route->candidate_revision,
          .shares = shares_of(*status.route)};
}

RouteContent wanted_content(const Turn& turn) {
  if (turn.status().previous) {
    return watched_content(turn);
  }
  const TrafficShares shares = granted_shares(turn);
  return {.stable = turn.status().stable_revision,
          .candidate = shares.load() > Share{} ? turn.candidate()->revision : std::string{},
          .shares = shares};
}

// As fulfilled_seq(): weight 0 for the new stable means that the previous one has all.
std::int64_t watched_seq(const Turn& turn, const RouteContent& content, std::int64_t present) {
  const api::DesiredTraffic& desired = turn.rollout->status.desired;
  const bool is_with_old = content.stable == turn.status().previous->revision;
  return is_with_old && content.shares.weight == desired.weight ? desired.seq : present;
}

// Which of the rollout's wishes this table fulfils.
std::int64_t fulfilled_seq(const Turn& turn, const RouteContent& content, std::int64_t present) {
  const TrafficShares& shares = content.shares;
  if (turn.rollout == nullptr || turn.rollout->status.index_uid != turn.index().metadata.uid) {
    return present;
  }
  if (turn.status().previous) {
    return watched_seq(turn, content, present);
  }
  const api::DesiredTraffic& desired = turn.rollout->status.desired;
  if (desired.mode == api::TrafficMode::kNone) {
    return shares == TrafficShares{} ? desired.seq : present;
  }
  const bool is_obeyed = obeyed(turn).mode != api::TrafficMode::kNone;
  return is_obeyed && shares == asked_shares(turn) ? desired.seq : present;
}

// What the candidate is judged by; of the spec while no policy is stored yet.
const std::vector<api::Objective>& objectives_of(const Turn& turn) {
  static const std::vector<api::Objective> kNone;
  const api::ResolvedPolicy* policy = policy_of(turn);
  return policy != nullptr         ? policy->analysis.objectives
         : turn.rollout != nullptr ? turn.rollout->spec.analysis.objectives
                                   : kNone;
}

Share errors_max(const Turn& turn) {
  for (const api::Objective& objective : objectives_of(turn)) {
    if (objective.error_rate && objective.error_rate->max) {
      return *objective.error_rate->max;
    }
  }
  const auto& availability = turn.spec().slo.availability;
  return availability ? Share{kWhole.ten_thousandths - availability->ten_thousandths}
                      : wire::RouteCandidate{}.error_rate_max;
}

std::int32_t latency_max_ms(const Turn& turn) {
  std::optional<Duration> max = turn.spec().slo.latency_p95;
  for (const api::Objective& objective : objectives_of(turn)) {
    if (objective.latency && objective.latency->max) {
      max = objective.latency->max;
    }
  }
  return max ? static_cast<std::int32_t>(std::chrono::ceil<std::chrono::milliseconds>(*max).count())
             : 0;
}

// How far stable agrees with itself is asked for only where something hangs on it: it costs stable
// workers.
Share shadow_stable_of(const Turn& turn) {
  constexpr Share kTwins{1000};
  const api::ResolvedPolicy* policy = policy_of(turn);
  const bool is_gated =
      policy != nullptr &&
      std::ranges::any_of(policy->analysis.objectives, [](const api::Objective& objective) {
        return objective.ranking_overlap && objective.ranking_overlap->expect_equivalent;
      });
  return is_gated ? kTwins : Share{};
}

wire::RouteTable table_of(const Turn& turn) {
  const api::RouteStatus& route = *turn.status().route;
  wire::RouteTable table{.index = turn.index().metadata.name,
                         .uid = turn.index().metadata.uid,
                         .epoch = route.epoch,
                         .generation = route.generation};
  if (!route.stable_revision.empty()) {
    table.stable = wire::RouteTarget{.revision = route.stable_revision};
  }
  if (!route.candidate_revision.empty()) {
    table.candidate = wire::RouteCandidate{.target = {.revision = route.candidate_revision},
                                           .weight = route.weight,
                                           .error_rate_max = errors_max(turn),
                                           .latency_max_ms = latency_max_ms(turn),
                                           .shadow = route.shadow,
                                           .sticky_header = route.sticky_header};
    if (route.shadow > Share{}) {
      table.candidate->shadow_stable = shadow_stable_of(turn);
    }
  }
  return table;
}

// The table in the ConfigMap, if it is one of this very index.
std::optional<wire::RouteTable> stored_table(const Turn& turn) {
  if (!turn.seen.route) {
    return std::nullopt;
  }
  const auto found = turn.seen.route->data.find(std::string(api::kRouteTableKey));
  if (found == turn.seen.route->data.end()) {
    return std::nullopt;
  }
  auto table = from_json<wire::RouteTable>(found->second);
  if (!table || table->uid != turn.index().metadata.uid) {
    return std::nullopt;
  }
  return std::move(*table);
}

// Where status forgot the route: above anything that routers may have taken.
api::RouteStatus lost_route(const Turn& turn, const std::optional<wire::RouteTable>& stored) {
  if (stored) {
    return {.epoch = stored->epoch, .generation = stored->generation};
  }
  std::int64_t epoch = 0;
  for (const scrape::RouterSample& sample : turn.seen.samples) {
    if (sample.counters && sample.counters->table.uid == turn.index().metadata.uid) {
      epoch = std::max(epoch, sample.counters->table.epoch);
    }
  }
  return {.epoch = epoch + 1, .generation = 0};
}

void next_generation(api::RouteStatus& route) {
  route.generation += is_planted(Mutant::kSameGeneration) && route.generation > 0 ? 0 : 1;
  route.confirmed = false;
  route.confirmed_at.reset();
}

std::string description_of(const TrafficShares& shares,
                           const std::string& stable,
                           const std::string& candidate) {
  if (shares.shadow > Share{}) {
    return format_share(shares.shadow) + " of the queries are copied to " + candidate;
  }
  if (candidate.empty()) {
    return "all traffic goes to " + stable;
  }
  const std::string whole = shares.sticky_header ? "users (" + *shares.sticky_header + ") go to "
                                                 : std::string("traffic goes to ");
  return format_share(shares.weight) + " of the " + whole + candidate;
}

void set_content(Turn& turn, api::RouteStatus& route) {
  const RouteContent content = wanted_content(turn);
  const auto& [stable, candidate, shares] = content;
  if (route.generation == 0 || route.stable_revision != stable ||
      route.candidate_revision != candidate || shares_of(route) != shares) {
    if (shares_of(route) != shares) {
      announce(turn, false, "TrafficMoved", description_of(shares, stable, candidate));
    }
    route.stable_revision = stable;
    route.candidate_revision = candidate;
    route.weight = shares.weight;
    route.shadow = shares.shadow;
    route.sticky_header = shares.sticky_header;
    next_generation(route);
  }
  route.desired_seq = fulfilled_seq(turn, content, route.desired_seq);
}

// Break glass: until when a person's edit is honoured. Not one that routers could not read.
std::optional<WallTime> manual_until(const Turn& turn,
                                     const std::optional<wire::RouteTable>& stored) {
  if (!stored) {
    return std::nullopt;
  }
  const auto until = parse_time(turn.seen.route->metadata.annotation(api::kManualAnnotation));
  return until && *until > turn.now ? std::optional(*until) : std::nullopt;
}

// Our own table stays as it is in the status, unconfirmed: so nothing is promoted, retired or
// begun, and what was decided meanwhile is done when the time is over.
void honour_person(Turn& turn, api::RouteStatus& route) {
  const auto* known = kube::find_condition(turn.status().conditions, "ManualRoute");
  if (known == nullptr || known->status != kube::ConditionStatus::kTrue) {
    announce(turn,
             true,
             "RouteManual",
             "a person moves the traffic until " + format_time(*turn.manual_until));
  }
  route.confirmed = false;
  route.confirmed_at.reset();
  route.unconfirmed_routers.clear();
  look_again_in(turn, *turn.manual_until - turn.now);
}

enum class Edit { kNone, kOurs, kForeign };

// What the ConfigMap says beside `manifest`, the present table. One that is behind is our own write
// on its way; only one that bears the present table's hash and yet is not it, or is ahead of it,
// was changed by others.
Edit edit_of(const Turn& turn,
             const Manifest& manifest,
             const std::optional<wire::RouteTable>& stored) {
  if (!turn.seen.route) {
    return Edit::kNone;
  }
  const std::string_view applied = turn.seen.route->metadata.annotation(kAppliedAnnotation);
  if (!stored) {
    return applied == manifest.hash ? Edit::kForeign : Edit::kNone;
  }
  const wire::RouteTable present = table_of(turn);
  const auto age = [](const auto& table) { return std::tuple(table.epoch, table.generation); };
  if (age(*stored) > age(present)) {
    return Edit::kForeign;
  }
  if (age(*stored) < age(present) || *stored == present) {
    return Edit::kNone;
  }
  return applied == manifest.hash || applied.empty() ? Edit::kForeign : Edit::kOurs;
}

// An edit by somebody else is put back above it, so that routers take ours again.
Manifest settle_config_map(Turn& turn,
                           api::RouteStatus& route,
                           const std::optional<wire::RouteTable>& stored) {
  Manifest manifest = render_route(turn.index(), table_of(turn));
  const Edit edit = edit_of(turn, manifest, stored);
  if (edit == Edit::kNone) {
    return manifest;
  }
  if (edit == Edit::kForeign) {
    announce(turn, true, "RouteEdited", "somebody else changed the route; it is put back");
  }
  if (stored) {
    route.epoch = std::max(route.epoch, stored->epoch);
    route.generation = std::max(route.generation, stored->generation);
  }
  next_generation(route);
  return render_route(turn.index(), table_of(turn));
}

bool has_taken(const scrape::RouterSample& sample, const Turn& turn) {
  const wire::TableSeen& table = sample.counters->table;
  const api::RouteStatus& route = *turn.status().route;
  return table.uid == turn.index().metadata.uid &&
         std::tuple(table.epoch, table.generation) >= std::tuple(route.epoch, route.generation);
}

// Ready routers that do not run the table. One that nobody has asked yet counts only as long as the
// table was never confirmed: a router that starts later reads the newest table.
std::vector<std::string> behind(const Turn& turn, bool was_confirmed) {
  std::vector<std::string> names;
  for (const kube::Pod* pod : pods_of(turn.seen, api::kComponentRouter)) {
    if (!kube::is_ready(*pod)) {
      continue;
    }
    const auto sample = std::ranges::find_if(turn.seen.samples, [&](const auto& each) {
      return each.pod_uid == pod->metadata.uid && each.counters.has_value();
    });
    const bool is_known = sample != turn.seen.samples.end();
    const bool has_it = is_known ? has_taken(*sample, turn) || is_planted(Mutant::kConfirmedUnasked)
                                 : was_confirmed || is_planted(Mutant::kRouterUnknown);
    if (!has_it) {
      names.push_back(pod->metadata.name);
    }
  }
  return names;
}

void confirm(Turn& turn, api::RouteStatus& route) {
  constexpr std::size_t kNamesMax = 16;
  const bool was_confirmed = route.confirmed;
  std::vector<std::string> names = behind(turn, was_confirmed);
  const auto routers = pods_of(turn.seen, api::kComponentRouter);
  const bool has_router =
      std::ranges::any_of(routers, [](const kube::Pod* pod) { return kube::is_ready(*pod); });
  // Without a stable revision no router can be ready, and without routers there is no traffic.
  const bool needs_router = !route.stable_revision.empty() && !turn.is_suspended();
  route.confirmed = names.empty() && (has_router || was_confirmed || !needs_router);
  if (!route.confirmed) {
    route.confirmed_at.reset();
  } else if (!was_confirmed) {
    route.confirmed_at = turn.now;
  }
  if (names.size() > kNamesMax) {
    names.resize(kNamesMax);
  }
  route.unconfirmed_routers = std::move(names);
}

}  // namespace

// The table is intent first (status.route), then the ConfigMap, then what the routers say.
void direct_traffic(Turn& turn) {
  const std::optional<wire::RouteTable> stored = stored_table(turn);
  if (!turn.status().route) {
    turn.status().route = lost_route(turn, stored);
  }
  api::RouteStatus& route = *turn.status().route;
  turn.manual_until = manual_until(turn, stored);
  if (turn.manual_until) {
    honour_person(turn, route);
    return;
  }
  set_content(turn, route);
  Manifest manifest = settle_config_map(turn, route, stored);
  confirm(turn, route);
  const bool is_other = stored != table_of(turn);
  apply(turn,
        std::move(manifest),
        turn.seen.route && !is_other ? &turn.seen.route->metadata : nullptr);
}

}  // namespace sluice::rag_index
