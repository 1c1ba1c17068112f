#include "tests/sim/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include "apiclient/types/coordination.h"
#include "base/check.h"
#include "crds/names.h"
#include "operator/operator.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kUserPrefix = "operator-";
const kube::ObjectKey kKey{"default", "packages"};

bool is_operators(const WriteRecord& write) {
  return write.user.starts_with(kUserPrefix);
}

// Renewals of the lease come and go with time; all other writes are counted.
bool is_counted(const WriteRecord& write) {
  return is_operators(write) && (write.kind != kube::kLeaseKind.kind || write.method == "POST");
}

std::string user_of(int life) {
  return fmt::format("{}{}", kUserPrefix, life);
}

std::string text_of(const WriteRecord& write) {
  return fmt::format(
      "{} {} {}{}", write.method, write.kind, write.key.text(), write.is_status ? " status" : "");
}

}  // namespace

std::string text_of_file(const std::string& path) {
  std::ifstream file(path);
  CHECK(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

// One life of an operator.
struct World::Process {
  Process(World& world, std::size_t place, int life_arg)
      : life(life_arg),
        transport(world.server.connect(user_of(life))),
        op({world.loop, *transport, world.operator_rng_.fork()},
           metrics,
           {.image = "sluice:1",
            .pod_name = fmt::format("sluice-operator-{}", place),
            .pod_namespace = "sluice-system",
            .lease_namespace = "default"}) {
    op.start([&world, place, id = life] { world.lost_lease(place, id); });
  }

  int life;
  std::unique_ptr<Transport> transport;
  MetricsRegistry metrics;
  Operator op;
};

World::World(WorldOptions options)
    : rng_(options.seed),
      server(loop, rng_.fork()),
      actors(loop, server),
      data_plane({loop, server, actors}, options.pace, rng_.fork()),
      witness({loop, server, data_plane}, options.staleness),
      options_(std::move(options)),
      operator_rng_(rng_.fork()),
      processes_(options_.operators) {
  server.load_crds("config/crd");
  server.set_forbidden("modelversions", !options_.has_models);
  server.set_latency([this] {
    return draw(rng_, options_.pace.latency) + (added_latency ? added_latency() : Duration{0});
  });
  server.set_watch_delay([this] { return draw(rng_, options_.pace.watch_delay); });
  server.set_write_fault([this](const WriteRecord& write) { return fault_of(write); });
  server.set_read_fault([this](const HttpRequest& request) {
    return fault_of_read ? fault_of_read(request) : Fault::kNone;
  });
  server.on_written([this](const WriteRecord& write) { written(write); });
  apply("examples/packages.yaml");
  apply_text(options_.policy);
  for (std::size_t place = 0; place < processes_.size(); ++place) {
    start_operator(place);
  }
}

World::~World() = default;

void World::apply(const std::string& path) {
  note("apply " + path);
  CHECK(server.apply_yaml(text_of_file(path)).has_value());
}

void World::apply_text(const std::string& yaml) {
  note("apply a changed manifest");
  CHECK(server.apply_yaml(yaml).has_value());
}

void World::delete_rollout() {
  note("the rollout's policy is deleted");
  CHECK(server.send(delete_object(api::kCanaryRolloutKind, kKey, {}), "kubectl").has_value());
  witness.rollout_was_deleted();
}

void World::command(std::string_view verb) {
  const std::string text =
      fmt::format("{} {} sim-{}", verb, rollout().value().status.candidate_revision, ++commands_);
  note("command: " + text);
  const std::string patch = fmt::format(
      R"({{"metadata":{{"annotations":{{"{}":"{}"}}}}}})", api::kCommandAnnotation, text);
  CHECK(server.send(merge_patch(api::kCanaryRolloutKind, kKey, patch), "kubectl").has_value());
}

void World::start_operator(std::size_t place) {
  CHECK(processes_[place] == nullptr);
  ++lives_;
  note(user_of(lives_) + " starts");
  processes_[place] = std::make_unique<Process>(*this, place, lives_);
}

void World::kill_operator(std::size_t place, Duration pause) {
  if (processes_[place] == nullptr) {
    return;
  }
  note(user_of(processes_[place]->life) + " is killed");
  processes_[place].reset();
  loop.call_after(pause, [this, place] { start_operator(place); });
}

void World::kill_sender(const WriteRecord& write, Duration pause) {
  for (std::size_t place = 0; place < processes_.size(); ++place) {
    if (processes_[place] != nullptr && user_of(processes_[place]->life) == write.user) {
      kill_operator(place, pause);
    }
  }
}

// A process ends by itself then; not within its own callback.
void World::lost_lease(std::size_t place, int life) {
  ++leases_lost_;
  loop.post([this, place, life] {
    if (processes_[place] != nullptr && processes_[place]->life == life) {
      kill_operator(place, draw(rng_, options_.restart_after_loss));
    }
  });
}

void World::take_api_away(Duration span) {
  note(fmt::format("the API server is away for {} ms",
                   std::chrono::duration_cast<milliseconds>(span).count()));
  server.set_reachable(false);
  loop.call_after(span, [this] {
    note("the API server is back");
    server.set_reachable(true);
  });
}

api::RagIndex World::index() {
  return server.get<api::RagIndex>(api::kRagIndexKind, kKey).value();
}

std::optional<api::CanaryRollout> World::rollout() {
  auto found = server.get<api::CanaryRollout>(api::kCanaryRolloutKind, kKey);
  return found ? std::optional(std::move(*found)) : std::nullopt;
}

bool World::is_ready_because(std::string_view reason) {
  const api::RagIndex present = index();
  const kube::Condition* ready = kube::find_condition(present.status.conditions, "Ready");
  return ready != nullptr && ready->reason == reason &&
         present.status.observed_generation == present.metadata.generation;
}

bool World::is_at(Share weight) {
  const api::RagIndex present = index();
  const auto judged = rollout();
  return judged && judged->status.phase == api::RolloutPhase::kProgressing &&
         judged->status.step_started_at && present.status.route &&
         present.status.route->confirmed && present.status.route->weight == weight;
}

bool World::is_in(api::RolloutPhase phase) {
  const auto judged = rollout();
  return judged && judged->status.phase == phase;
}

std::int64_t World::version() const {
  return std::max(server.revision_of(api::kRagIndexKind),
                  server.revision_of(api::kCanaryRolloutKind));
}

Fault World::fault_of(const WriteRecord& write) {
  if (is_counted(write)) {
    writes_.push_back(text_of(write));
  }
  return is_operators(write) && fault_of_write ? fault_of_write(write) : Fault::kNone;
}

void World::written(const WriteRecord& write) {
  note(fmt::format("{} {}: {}{}",
                   write.user,
                   text_of(write),
                   write.status,
                   write.is_changed ? "" : ", nothing changed"));
  // Keys and tokens are of no seed.
  mix(write.kind == kube::kSecretKind.kind ? "" : write.body);
  witness.look(write);
  if (after_write) {
    after_write(write);
  }
}

void World::note(const std::string& what) {
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(loop.now().since_boot);
  const std::string line =
      fmt::format("{:>12.6f} {}", static_cast<double>(now.count()) / 1e6, what);
  mix(line);
  if (options_.on_line) {
    options_.on_line(line);
  }
}

// FNV-1a.
void World::mix(std::string_view text) {
  for (const char c : text) {
    hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 1099511628211U;
  }
}

}  // namespace sluice
