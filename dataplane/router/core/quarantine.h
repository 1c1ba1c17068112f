#pragma once
// Quarantine: stops a failing candidate within some twenty of its requests, long before the
// evidence for a verdict is there. Each revision has a CUSUM detector of log-likelihood ratios
// between a tolerable error rate p0 and a clearly broken one p1; the board has the detectors of
// one process, shared by its lanes under the shell's lock. Pure.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/share.h"
#include "base/time.h"
#include "dataplane/wire/counters.h"
#include "dataplane/wire/route_table.h"

namespace sluice::router {

inline constexpr double kQuarantineTrip = 9.2;
inline constexpr double kQuarantineMax = 18.4;

// What one failure and one success add to the level.
struct DetectorSteps {
  double failure = 0;
  double success = 0;
};

// p0 = max(1 %, error_rate_max), p1 = max(20 %, 5 p0), below 95 %.
[[nodiscard]] DetectorSteps detector_steps(Share error_rate_max);

// The level after one more request, within [0, kQuarantineMax].
[[nodiscard]] double next_level(double level, const DetectorSteps& steps, bool has_failed);

class QuarantineBoard {
 public:
  // Whom the present table names. A candidate that gets weight after having none starts afresh.
  void set_table(const wire::RouteTable& table);

  // One attempt of `revision` has ended. Revisions the table does not name are not counted.
  void record(std::string_view revision, bool has_failed, WallTime now);

  // The present candidate is kept from users.
  [[nodiscard]] bool is_active() const;

  // All revisions it remembers, in order of name.
  [[nodiscard]] std::vector<wire::QuarantineState> report() const;

 private:
  struct Detector {
    double level = 0;
    bool is_tripped = false;  // Tripped at kQuarantineTrip and not yet back at 0.
    bool is_active = false;   // Tripped as the candidate.
    std::int64_t trips = 0;
    std::optional<WallTime> first_failure_at = {};
    std::optional<WallTime> tripped_at = {};
  };

  [[nodiscard]] bool stable_is_tripped() const;
  void forget_oldest();

  std::map<std::string, Detector, std::less<>> detectors_;
  std::string stable_;
  std::string candidate_;
  DetectorSteps steps_ = detector_steps(Share{0});
  bool had_weight_ = false;
};

}  // namespace sluice::router
