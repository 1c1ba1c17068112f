#include "tests/sim/play.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <utility>

#include "apiclient/types/events.h"
#include "base/describe.h"
#include "tests/sim/faults.h"
#include "tests/sim/normal_form.h"
#include "tests/sim/world.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// How often it is looked whether the story may go on.
constexpr Duration kGlance = milliseconds(250);

// What a play waits for. All of it is virtual time.
struct Patience {
  Duration story = minutes(10);    // For each beat, and for the end once all is quiet around it.
  Duration rest = seconds(75);     // What was kept for a while goes.
  Duration silence = seconds(45);  // Nothing is written any more.
};

// Carries a scenario's beats out, and sees it to its end.
class Director {
 public:
  // `may_let_down`: it may also end with its candidate rolled back, at any beat.
  Director(World& world, const Scenario& scenario, Patience patience, bool may_let_down)
      : world_(world), scenario_(scenario), patience_(patience), may_let_down_(may_let_down) {}

  // Every beat has had its moment. False when one did not come in time.
  [[nodiscard]] bool plays_beats();
  [[nodiscard]] bool comes_to_end();
  // Time passes, and then nothing may be written.
  void rest(Ending& ending);

  [[nodiscard]] bool is_at_end();
  [[nodiscard]] bool is_let_down();

 private:
  // Asks again only when there may be another answer.
  [[nodiscard]] bool run_until(const std::function<bool()>& is_done);

  World& world_;
  const Scenario& scenario_;
  Patience patience_;
  bool may_let_down_;
};

bool Director::is_at_end() {
  const bool has_phase =
      scenario_.phase ? world_.is_in(*scenario_.phase) : !world_.rollout().has_value();
  return has_phase && world_.is_ready_because(scenario_.ready);
}

bool Director::is_let_down() {
  return may_let_down_ && world_.is_in(api::RolloutPhase::kRolledBack) &&
         world_.is_ready_because("Rejected");
}

bool Director::run_until(const std::function<bool()>& is_done) {
  const MonotonicTime end = world_.loop.now() + patience_.story;
  std::int64_t seen = -1;
  while (world_.loop.now() < end) {
    const std::int64_t version = world_.version();
    if (version != seen && is_done()) {
      return true;
    }
    seen = version;
    world_.loop.run_for(kGlance);
  }
  return is_done();
}

bool Director::plays_beats() {
  for (const Beat& beat : scenario_.beats) {
    if (!run_until([&] { return beat.is_due(world_) || is_let_down(); })) {
      return false;
    }
    if (is_let_down()) {
      return true;
    }
    world_.loop.run_for(beat.then_after);
    beat.act(world_);
  }
  return true;
}

bool Director::comes_to_end() {
  return run_until([this] { return is_at_end() || is_let_down(); });
}

void Director::rest(Ending& ending) {
  world_.data_plane.calm_down();
  world_.loop.run_for(patience_.rest);
  const std::size_t before = world_.writes().size();
  world_.loop.run_for(patience_.silence);
  for (std::size_t i = before; i < world_.writes().size(); ++i) {
    // The end of a series of Events is told minutes after the last one.
    if (!world_.writes()[i].starts_with("PATCH Event ")) {
      ending.wrong.push_back("written when all was done: " + world_.writes()[i]);
    }
  }
}

void look_back(World& world, Ending& ending) {
  ending.cluster = normal_form(world.server, Statuses::kKept);
  ending.objects = normal_form(world.server, Statuses::kLeftOut);
  ending.history = world.witness.history();
  std::ranges::copy(world.witness.wrong(), std::back_inserter(ending.wrong));
  for (const auto& event : world.server.list<kube::Event>(kube::kEventKind)) {
    // The same again soon is one object with a count, unless its recorder died in between.
    const int times = event.series ? event.series->count : 1;
    ending.events.insert(ending.events.end(),
                         static_cast<std::size_t>(times),
                         event.regarding.kind + " " + event.reason);
  }
  std::ranges::sort(ending.events);
  ending.queries = world.data_plane.queries();
  ending.excused = world.data_plane.excused();
  if (world.data_plane.failures() > 0 || ending.queries == 0) {
    ending.wrong.push_back(
        fmt::format("{} of {} queries failed", world.data_plane.failures(), ending.queries));
  }
  if (!ending.has_ended) {
    const auto judged = world.rollout();
    ending.where = (judged ? to_json(judged->status) + "\n" : "") + to_json(world.index().status);
  }
  ending.writes = world.writes();
  world.note(fmt::format("{} queries, {} excused", ending.queries, ending.excused));
  ending.trace_hash = world.trace_hash();
}

Pace draw_pace(Rng& rng) {
  const auto up_to = [&rng](Duration max) { return draw(rng, {max / 20, max}); };
  // Mostly a healthy cluster, now and then a slow one.
  const bool is_slow = rng.below(4) == 0;
  return {.latency = {milliseconds(1) / 4, up_to(is_slow ? milliseconds(300) : milliseconds(30))},
          .watch_delay = {milliseconds(1) / 4, up_to(is_slow ? seconds(2) : milliseconds(50))},
          .pod_start = {milliseconds(300), up_to(seconds(8))},
          .build = {milliseconds(500), up_to(seconds(10))},
          .answer = {milliseconds(1), up_to(milliseconds(60))},
          .queries_per_second = 150 + static_cast<int>(rng.below(150))};
}

}  // namespace

const Scenario& scenario_of(std::uint64_t seed) {
  return all_scenarios()[seed % all_scenarios().size()];
}

Ending play(const Scenario& scenario, Trouble trouble, std::size_t at_write) {
  World world({.policy = policy_of(scenario),
               .has_models = trouble != Trouble::kNoModels,
               .restart_after_loss = {seconds(1), seconds(1)}});
  Ending ending;
  bool is_turn = false;
  world.fault_of_write = [&](const WriteRecord&) {
    is_turn = world.writes().size() == at_write && !ending.had_trouble;
    ending.had_trouble = ending.had_trouble || is_turn;
    return is_turn && trouble == Trouble::kLostReply ? Fault::kLoseReply : Fault::kNone;
  };
  world.after_write = [&](const WriteRecord& write) {
    if (std::exchange(is_turn, false) && trouble == Trouble::kCrash) {
      world.kill_sender(write, Duration{0});
    }
  };
  Director director(world, scenario, {}, false);
  ending.has_ended = director.plays_beats() && director.comes_to_end();
  if (ending.has_ended) {
    director.rest(ending);
  }
  if (world.leases_lost() > 0 && !scenario.loses_lease) {
    ending.wrong.emplace_back("the lease was lost");
  }
  look_back(world, ending);
  return ending;
}

const Ending& undisturbed(const Scenario& scenario) {
  static std::map<std::string, Ending> endings;
  const auto found = endings.find(scenario.name);
  return found != endings.end() ? found->second
                                : endings.emplace(scenario.name, play(scenario)).first->second;
}

Ending play_seed(const Scenario& scenario,
                 std::uint64_t seed,
                 std::function<void(const std::string&)> on_line) {
  Rng rng(seed);
  const FaultPlan plan = draw_faults(rng);
  World world({.seed = rng.next(),
               .pace = draw_pace(rng),
               .staleness = plan.staleness(),
               .policy = policy_of(scenario),
               .operators = rng.below(4) == 0 ? 2U : 1U,
               .restart_after_loss = {seconds(1), seconds(10)},
               .on_line = std::move(on_line)});
  world.note(plan.text());
  if (plan.hurts_workers()) {
    world.witness.excuse_stable();
  }
  Storm storm(world, plan, rng.fork());
  Ending ending{.faults = plan.text()};
  // Blind until a silent watch is given up, and then the whole story may still be to come.
  Director director(world,
                    scenario,
                    {.story = minutes(20), .rest = minutes(4), .silence = minutes(2)},
                    plan.hurts_workers());
  if (director.plays_beats()) {
    while (!storm.is_over()) {
      world.loop.run_for(seconds(1));
    }
    ending.has_ended = director.comes_to_end();
  }
  if (ending.has_ended) {
    director.rest(ending);
    ending.has_ended = director.is_at_end() || director.is_let_down();
  }
  look_back(world, ending);
  const Ending& wanted = undisturbed(scenario);
  if (ending.has_ended && !director.is_let_down() && ending.objects != wanted.objects) {
    ending.wrong.emplace_back("another world is left than when nothing goes wrong");
    ending.where = ending.objects + "\ninstead of\n" + wanted.objects;
  }
  return ending;
}

}  // namespace sluice
