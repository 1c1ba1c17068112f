#include "controllers/canary_rollout/pod_watch.h"

#include <gtest/gtest.h>

namespace sluice::canary_rollout {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

const kube::ObjectKey kRollout{"default", "packages"};
const WallTime kStart{seconds(1'800'000'000)};

std::shared_ptr<const kube::Pod> a_pod(bool is_ready, std::int32_t restarts, WallTime created) {
  kube::Pod pod;
  pod.metadata.name = "worker-0";
  pod.metadata.uid = "uid-0";
  pod.metadata.creation_timestamp = created;
  pod.status.phase = "Running";
  pod.status.conditions = {
      {.type = "Ready",
       .status = is_ready ? kube::ConditionStatus::kTrue : kube::ConditionStatus::kFalse}};
  pod.status.container_statuses = {
      {.name = "serve",
       .ready = is_ready,
       .restart_count = restarts,
       .state = {.waiting = kube::ContainerWaiting{.reason = "CrashLoopBackOff"}}}};
  return std::make_shared<const kube::Pod>(std::move(pod));
}

TEST(PodWatch, RemembersSinceWhenNoneIsReady) {
  PodWatch watch;
  const auto look = [&](bool is_ready, WallTime now) {
    return watch.look(kRollout, "r1", {a_pod(is_ready, 0, kStart)}, now);
  };
  EXPECT_FALSE(look(true, kStart).none_ready_since.has_value());
  EXPECT_EQ(look(false, kStart + seconds(10)).none_ready_since, kStart + seconds(10));
  EXPECT_EQ(look(false, kStart + seconds(50)).none_ready_since, kStart + seconds(10));
  EXPECT_FALSE(look(true, kStart + seconds(60)).none_ready_since.has_value());
}

TEST(PodWatch, NoPodsAtAllIsNoneReady) {
  PodWatch watch;
  EXPECT_EQ(watch.look(kRollout, "r1", {}, kStart).none_ready_since, kStart);
  // Another revision begins anew.
  EXPECT_EQ(watch.look(kRollout, "r2", {}, kStart + seconds(5)).none_ready_since,
            kStart + seconds(5));
}

TEST(PodWatch, ThreeRestartsWithinFiveMinutesAreACrashLoop) {
  PodWatch watch;
  const WallTime old = kStart + (-std::chrono::hours(9));
  const auto look = [&](std::int32_t restarts, WallTime now) {
    return watch.look(kRollout, "r1", {a_pod(true, restarts, old)}, now).is_crash_looping;
  };
  EXPECT_FALSE(look(7, kStart)) << "what happened before we looked says nothing";
  EXPECT_FALSE(look(8, kStart + minutes(1)));
  EXPECT_FALSE(look(9, kStart + minutes(2)));
  EXPECT_TRUE(look(10, kStart + minutes(3)));
  EXPECT_FALSE(look(10, kStart + minutes(9)));
}

TEST(PodWatch, RestartsThatAreFarApartAreNone) {
  PodWatch watch;
  for (std::int32_t i = 0; i < 20; ++i) {
    const auto pods = watch.look(kRollout, "r1", {a_pod(true, i, kStart)}, kStart + i * minutes(3));
    EXPECT_FALSE(pods.is_crash_looping) << i;
  }
}

TEST(PodWatch, AYoungPodsRestartsAllCount) {
  PodWatch watch;
  const auto pods = watch.look(kRollout, "r1", {a_pod(false, 3, kStart)}, kStart + minutes(2));
  EXPECT_TRUE(pods.is_crash_looping);
  EXPECT_NE(pods.detail.find("CrashLoopBackOff"), std::string::npos);
  watch.forget(kRollout);
  EXPECT_EQ(watch.size(), 0U);
}

}  // namespace
}  // namespace sluice::canary_rollout
