#include "controllers/scrape/report_store.h"

namespace sluice::scrape {

const ReportSample* ReportStore::find(const std::string& pod_uid) const {
  const auto found = samples_.find(pod_uid);
  return found == samples_.end() ? nullptr : &found->second;
}

void ReportStore::put(const kube::ObjectKey& index,
                      const std::string& pod_uid,
                      wire::BuildReport report,
                      Stamp now) {
  ReportSample& sample = samples_[pod_uid];
  const bool is_news = sample.report != report;
  sample = {.report = std::move(report), .arrived = now};
  if (is_news) {
    changes_.tell(index);
  }
}

void ReportStore::put_error(const std::string& pod_uid, std::string error) {
  samples_[pod_uid].error = std::move(error);
}

void ReportStore::forget(const std::string& pod_uid) {
  samples_.erase(pod_uid);
}

}  // namespace sluice::scrape
