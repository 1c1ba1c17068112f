#pragma once
// Shadow: which of stable's queries are copied, how many copies may run, and what comparing both
// answers gives. A copy has the table's whole deadline, is tried once, and is dropped when its
// query's client leaves; when the user has been answered it goes on. Pure; its lane's thread.

#include <cstddef>
#include <optional>
#include <string>

#include "base/rng.h"
#include "dataplane/router/core/query.h"
#include "dataplane/router/core/split.h"
#include "dataplane/router/core/tally.h"
#include "dataplane/wire/route_table.h"

namespace sluice::router {

// Of one lane. Beyond either a query is not copied, and that is counted: a copy that waits for a
// slow candidate tells more than a new one in its place.
struct ShadowLimits {
  std::size_t copies_max = 256;
  std::size_t bytes_max = std::size_t{8} * 1024 * 1024;  // Of requests kept for their copies.
};

class Shadow {
 public:
  Shadow(Rng rng, ShadowLimits limits);

  void set_table(const wire::RouteTable& table);

  // One more query is stable's: whom its copy asks, if it is to have one.
  [[nodiscard]] std::optional<Arm> sample();

  // There is room for a copy of a request of this size.
  [[nodiscard]] bool has_room(std::size_t bytes) const;

  // The copy of `query` has started, or could not. `query.copy` says what it is.
  void count_start(Query& query, Copy copy, Tally& tally);
  void count_dropped(Arm arm, Tally& tally);

  // Query and copy are over; their pair is counted. The arms' own counts are the caller's.
  void count_end(const Query& query);

 private:
  [[nodiscard]] PairTally& pair_of(Arm arm, Tally& tally) const;
  void compare(PairTally& pair, const Attempt& stable, const Attempt& copy);

  Splitter copies_;
  Splitter twins_;  // Of the copies.
  Rng rng_;
  ShadowLimits limits_;
  std::string stable_;
  std::string candidate_;
  std::size_t running_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace sluice::router
