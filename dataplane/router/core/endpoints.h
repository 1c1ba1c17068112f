#pragma once
// EndpointSet: the workers of one revision as one lane sees them: who has how much to do, who
// fails. Picks the one with the least outstanding; leaves failing ones out for a while, unless all
// fail. Pure; its lane's thread.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "dataplane/router/core/plan.h"
#include "dataplane/router/core/tally.h"

namespace sluice::router {

struct Endpoint {
  std::string revision = {};
  EndpointAddress address = {};
  std::shared_ptr<PodCounts> counts = {};
  int outstanding = 0;
  int failures_in_a_row = 0;
  int ejections_in_a_row = 0;
  MonotonicTime ejected_until = {};
  std::atomic<bool> is_removed = false;  // No longer in any set: connections to it are not kept.
  bool is_left_over = false;             // No slice names it, but nothing better is known.

  [[nodiscard]] bool is_ejected(MonotonicTime now) const { return now < ejected_until; }

  void on_end(std::optional<FailureClass> failure, MonotonicTime now);
};

using EndpointPointer = std::shared_ptr<Endpoint>;

class EndpointSet {
 public:
  explicit EndpointSet(std::string revision) : revision_(std::move(revision)) {}

  ~EndpointSet();
  EndpointSet(const EndpointSet&) = delete;
  EndpointSet& operator=(const EndpointSet&) = delete;

  // Keeps the state of those that stay. With `keeps_last` a change to none at all keeps those that
  // we have: when nodes look dead because the API server was away, their workers still answer.
  // Such a left-over goes when it fails.
  void update(const std::vector<EndpointAddress>& addresses, bool keeps_last, Tally& tally);

  // Null when there is none. Not `avoid` if there is another.
  [[nodiscard]] EndpointPointer pick(MonotonicTime now, const Endpoint* avoid = nullptr);

  // Takes out a left-over that has failed.
  void drop_failed_left_overs();

  [[nodiscard]] std::size_t size() const { return endpoints_.size(); }

  // At least one is not ejected.
  [[nodiscard]] bool has_answering(MonotonicTime now) const;

 private:
  std::string revision_;
  std::vector<EndpointPointer> endpoints_;
  std::size_t cursor_ = 0;  // Where ties begin, so that equals take turns.
};

}  // namespace sluice::router
