#include "operator/operator.h"

#include <fmt/format.h>

#include "apiclient/client.h"
#include "controllers/runtime/event_recorder.h"
#include "controllers/runtime/leader_elector.h"
#include "controllers/runtime/manager.h"
#include "controllers/scrape/scraper.h"
#include "operator/caches.h"

namespace sluice {
namespace {

LeaderElectorOptions election(const OperatorConfig& config, Rng& rng) {
  return {.lease = {config.lease_namespace, "sluice-operator"},
          // A restarted process is another holder: nothing of the old one may be assumed.
          .identity = fmt::format("{}_{:016x}", config.pod_name, rng.next())};
}

}  // namespace

struct Operator::Parts {
  Parts(Loop& loop,
        Transport& transport,
        MetricsRegistry& metrics,
        Rng rng,
        const OperatorConfig& config)
      : client(loop, transport, metrics),
        caches(loop, client, metrics, rng.fork(), config.watch_namespace),
        events(loop, client, metrics, "sluice.dev/operator", config.pod_name),
        scraper(loop, transport, metrics, stores),
        elector(config.lease_namespace.empty()
                    ? nullptr
                    : std::make_unique<LeaderElector>(
                          loop, client, metrics, rng.fork(), election(config, rng))),
        manager(loop, elector.get()) {
    if (elector != nullptr) {
      client.set_fence([this] { return elector->is_leader(); });
    }
    caches.add_to(manager);
  }

  Client client;
  Caches caches;
  EventRecorder events;
  scrape::Stores stores;
  scrape::Scraper scraper;
  std::unique_ptr<LeaderElector> elector;
  Manager manager;
};

Operator::Operator(Loop& loop,
                   Transport& transport,
                   MetricsRegistry& metrics,
                   Rng rng,
                   const OperatorConfig& config)
    : parts_(std::make_unique<Parts>(loop, transport, metrics, rng, config)) {}

Operator::~Operator() = default;

void Operator::start(std::function<void()> on_lost) {
  parts_->manager.start(std::move(on_lost));
}

void Operator::stop(std::function<void()> stopped) {
  parts_->manager.stop(std::move(stopped));
}

bool Operator::is_ready() const {
  return parts_->manager.is_ready();
}

bool Operator::is_leading() const {
  return parts_->manager.is_leading();
}

std::vector<std::string> Operator::problems() const {
  return parts_->manager.problems();
}

}  // namespace sluice
