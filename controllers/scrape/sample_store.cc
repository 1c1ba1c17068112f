#include "controllers/scrape/sample_store.h"

#include <utility>

namespace sluice::scrape {

std::vector<RouterSample> SampleStore::of_index(const kube::ObjectKey& index) const {
  std::vector<RouterSample> samples;
  if (const auto found = samples_.find(index); found != samples_.end()) {
    for (const auto& [name, sample] : found->second) {
      samples.push_back(sample);
    }
  }
  return samples;
}

const RouterSample* SampleStore::find(const kube::ObjectKey& index,
                                      const std::string& router) const {
  const auto found = samples_.find(index);
  if (found == samples_.end()) {
    return nullptr;
  }
  const auto sample = found->second.find(router);
  return sample == found->second.end() ? nullptr : &sample->second;
}

void SampleStore::put(const kube::ObjectKey& index,
                      const PodTarget& router,
                      wire::Counters counters,
                      Stamp now) {
  if (RouterSample* sample = slot(index, router)) {
    sample->counters = std::move(counters);
    sample->arrived = now;
    sample->error.clear();
    sample->failures = 0;
    changes_.tell(index);
  }
}

void SampleStore::put_error(const kube::ObjectKey& index,
                            const PodTarget& router,
                            std::string error,
                            Stamp now) {
  if (RouterSample* sample = slot(index, router)) {
    sample->error = std::move(error);
    sample->failed = now;
    ++sample->failures;
    changes_.tell(index);
  }
}

void SampleStore::forget(const kube::ObjectKey& index, const PodTarget& router) {
  const auto found = samples_.find(index);
  if (found == samples_.end()) {
    return;
  }
  const auto sample = found->second.find(router.name);
  if (sample != found->second.end() && sample->second.pod_uid == router.uid) {
    found->second.erase(sample);
  }
  if (found->second.empty()) {
    samples_.erase(found);
  }
}

RouterSample* SampleStore::slot(const kube::ObjectKey& index, const PodTarget& router) {
  auto& routers = samples_[index];
  const auto found = routers.find(router.name);
  if (found != routers.end() && found->second.pod_uid == router.uid) {
    return &found->second;
  }
  if (found == routers.end() && routers.size() >= kRoutersMax) {
    return nullptr;
  }
  RouterSample& sample = routers[router.name];
  sample = RouterSample{.router = router.name, .pod_uid = router.uid};
  return &sample;
}

}  // namespace sluice::scrape
