#include "tests/scenarios/operator_story.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <utility>

#include "apiclient/types/coordination.h"
#include "apiclient/types/events.h"
#include "base/check.h"
#include "base/describe.h"
#include "crds/canary_rollout.h"
#include "crds/names.h"
#include "crds/rag_index.h"
#include "operator/operator.h"
#include "tests/fake_api/actors.h"
#include "tests/fake_api/fake_api_server.h"
#include "tests/scenarios/data_plane.h"
#include "tests/scenarios/normal_form.h"
#include "tests/scenarios/witness.h"
#include "tests/sim_loop/sim_loop.h"

namespace sluice {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kUser = "operator";
const kube::ObjectKey kKey{"default", "packages"};

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  CHECK(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string change_of(Act act) {
  switch (act) {
    case Act::kGoodChange:
    case Act::kWorseLater:
      return "bm25.yaml";
    case Act::kBadQuality:
      return "wrong-field.yaml";
    case Act::kFailingDrill:
    case Act::kFailingShadow:
      return "failing.yaml";
    case Act::kNewWords:
      return "words.yaml";
  }
  return {};
}

// The policy that the act is played under.
std::string policy_of(Act act) {
  std::string text = text_of(act == Act::kFailingShadow ? "examples/rollout-shadow.yaml"
                                                        : "examples/rollout.yaml");
  if (act == Act::kWorseLater) {
    const std::string last = "keepCandidateFor: 30s";
    const std::size_t at = text.find(last);
    CHECK(at != std::string::npos);
    text.insert(at + last.size(), "\n    watchAfterPromotion: 5m");
  }
  return text;
}

// One life of the operator.
struct Process {
  Process(SimLoop& loop, FakeApiServer& server, std::uint64_t life)
      : transport(server.connect(kUser)),
        op({loop, *transport, Rng(100 + life)},
           metrics,
           {.image = "sluice:1",
            .pod_name = "sluice-operator-0",
            .pod_namespace = "sluice-system",
            .lease_namespace = "default"}) {
    op.start([this] { has_lost_lease = true; });
  }

  std::unique_ptr<Transport> transport;
  MetricsRegistry metrics;
  bool has_lost_lease = false;
  Operator op;
};

class Stage {
 public:
  explicit Stage(Play play) : play_(play) {
    server_.load_crds("config/crd");
    server_.set_forbidden("modelversions", play.trouble == Trouble::kNoModels);
    server_.set_write_fault([this](const WriteRecord& write) { return fault_of(write); });
    server_.on_written([this](const WriteRecord& write) { written(write); });
    apply("examples/packages.yaml");
    CHECK(server_.apply_yaml(policy_of(play_.act)).has_value());
    start();
  }

  Ending run();

 private:
  void apply(const std::string& path) { CHECK(server_.apply_yaml(text_of(path)).has_value()); }

  void start() { process_ = std::make_unique<Process>(loop_, server_, ++lives_); }

  // Renewals of the lease come and go with time; all other writes are counted.
  static bool is_counted(const WriteRecord& write) {
    return write.user == kUser && (write.kind != kube::kLeaseKind.kind || write.method == "POST");
  }

  Fault fault_of(const WriteRecord& write) {
    if (!is_counted(write)) {
      return Fault::kNone;
    }
    ending_.writes.push_back(fmt::format("{} {} {}{}",
                                         write.method,
                                         write.kind,
                                         write.key.text(),
                                         write.is_status ? " status" : ""));
    is_turn_ = ending_.writes.size() == play_.at_write;
    ending_.had_trouble = ending_.had_trouble || is_turn_;
    return is_turn_ && play_.trouble == Trouble::kLostReply ? Fault::kLoseReply : Fault::kNone;
  }

  void written(const WriteRecord& write) {
    witness_.look(write);
    if (play_.act == Act::kWorseLater && write.kind == api::kCanaryRolloutKind.kind) {
      spoil_when_watched();
    }
    if (is_counted(write) && is_turn_ && play_.trouble == Trouble::kCrash) {
      process_.reset();
      start();
    }
  }

  // Only when it has been promoted does the revision turn bad.
  void spoil_when_watched() {
    const api::CanaryRolloutStatus status = rollout().status;
    if (status.phase == api::RolloutPhase::kPromoting && !has_promoted_) {
      has_promoted_ = true;
      ending_.writes_before_change = ending_.writes.size();
    } else if (status.phase == api::RolloutPhase::kWatching && status.step_started_at) {
      data_plane_.spoil(status.candidate_revision);
    }
  }

  api::RagIndex index() { return *server_.get<api::RagIndex>(api::kRagIndexKind, kKey); }

  api::CanaryRollout rollout() {
    return *server_.get<api::CanaryRollout>(api::kCanaryRolloutKind, kKey);
  }

  bool is_ready_because(std::string_view reason) {
    const api::RagIndex present = index();
    const kube::Condition* ready = kube::find_condition(present.status.conditions, "Ready");
    return ready != nullptr && ready->reason == reason &&
           present.status.observed_generation == present.metadata.generation;
  }

  [[nodiscard]] bool run_until(const std::function<bool()>& is_done) {
    const MonotonicTime end = loop_.now() + minutes(10);
    while (!is_done() && loop_.now() < end) {
      loop_.run_for(seconds(1));
    }
    return is_done();
  }

  [[nodiscard]] bool comes_to_rest();
  void finish();

  Play play_;
  SimLoop loop_;
  FakeApiServer server_{loop_, Rng(1)};
  ClusterActors actors_{loop_, server_};
  DataPlane data_plane_{loop_, server_, actors_};
  Witness witness_{server_};
  Ending ending_;
  bool is_turn_ = false;
  bool has_promoted_ = false;
  std::uint64_t lives_ = 0;
  std::unique_ptr<Process> process_;
};

// Nothing is written any more once what was kept for a while is gone.
bool Stage::comes_to_rest() {
  loop_.run_for(seconds(75));
  const std::size_t before = ending_.writes.size();
  loop_.run_for(seconds(45));
  for (std::size_t i = before; i < ending_.writes.size(); ++i) {
    ending_.wrong.push_back("written when all was done: " + ending_.writes[i]);
  }
  return ending_.writes.size() == before;
}

void Stage::finish() {
  ending_.cluster = normal_form(server_);
  ending_.history = witness_.history();
  std::ranges::copy(witness_.wrong(), std::back_inserter(ending_.wrong));
  for (const auto& event : server_.list<kube::Event>(kube::kEventKind)) {
    ending_.events.push_back(event.regarding.kind + " " + event.reason);
  }
  std::ranges::sort(ending_.events);
  if (data_plane_.failures() > 0 || data_plane_.queries() == 0) {
    ending_.wrong.push_back(
        fmt::format("{} of {} queries failed", data_plane_.failures(), data_plane_.queries()));
  }
  if (process_->has_lost_lease) {
    ending_.wrong.push_back("the lease was lost");
  }
  if (!ending_.has_ended) {
    ending_.where = to_json(rollout().status) + "\n" + to_json(index().status);
  }
}

Ending Stage::run() {
  const bool is_good = play_.act == Act::kGoodChange || play_.act == Act::kNewWords;
  if (run_until([this] { return is_ready_because("Serving"); })) {
    loop_.run_for(seconds(5));
    ending_.writes_before_change = ending_.writes.size();
    if (play_.act == Act::kNewWords) {
      apply("examples/words.yaml");
    }
    apply("examples/changes/" + change_of(play_.act));
    const auto phase = is_good ? api::RolloutPhase::kPromoted : api::RolloutPhase::kRolledBack;
    ending_.has_ended = run_until([&] {
                          return rollout().status.phase == phase &&
                                 is_ready_because(is_good ? "Serving" : "Rejected");
                        }) &&
                        comes_to_rest();
  }
  finish();
  return std::move(ending_);
}

}  // namespace

Ending play(const Play& play) {
  return Stage(play).run();
}

}  // namespace sluice
