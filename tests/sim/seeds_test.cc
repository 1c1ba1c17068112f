// Seeds: each is another world with other faults, and every one must end as its scenario says. More
// of them: sluice-sim. A failure is played again by the line that it prints.

#include <gtest/gtest.h>

#include <fmt/format.h>
#include <string>

#include "base/log.h"
#include "tests/sim/play.h"
#include "tests/sim/verdict.h"

namespace sluice {
namespace {

constexpr std::uint64_t kSeeds = 200;

class EachSeed : public testing::TestWithParam<std::uint64_t> {
 protected:
  static void SetUpTestSuite() { set_up_logging(LogLevel::kError, LogFormat::kText); }
};

TEST_P(EachSeed, EndsAsItsScenarioSays) {
  const Scenario& scenario = scenario_of(GetParam());
  const Ending ending = play_seed(scenario, GetParam());
  const std::string again =
      fmt::format("{}; sluice-sim --trace --seeds 1 --first-seed {} --scenario {}",
                  ending.faults,
                  GetParam(),
                  scenario.name);
  for (const std::string& objection : objections(ending)) {
    ADD_FAILURE() << objection << "\n" << again;
  }
}

std::string name_of(const testing::TestParamInfo<std::uint64_t>& seed) {
  return fmt::format("{:03}_{}", seed.param, scenario_of(seed.param).name);
}

INSTANTIATE_TEST_SUITE_P(Sim, EachSeed, testing::Range(std::uint64_t{1}, kSeeds + 1), name_of);

TEST(Seeds, TheSameOneIsTheSameStory) {
  std::string first;
  std::string second;
  const Scenario& scenario = *find_scenario("GoodChange");
  const Ending one =
      play_seed(scenario, 7, [&first](const std::string& line) { first += line + "\n"; });
  const Ending two =
      play_seed(scenario, 7, [&second](const std::string& line) { second += line + "\n"; });
  EXPECT_EQ(first, second);
  EXPECT_EQ(one.trace_hash, two.trace_hash);
  EXPECT_NE(one.trace_hash, play_seed(scenario, 8).trace_hash);
}

}  // namespace
}  // namespace sluice
