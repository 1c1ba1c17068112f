#pragma once
// ReportStore: what each builder pod said last, by the pod's UID. Written by the Scraper, read by
// the rag_index controller. Loop thread. Entries go when the Scraper's plan drops their pod.

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "controllers/scrape/change_list.h"
#include "controllers/scrape/stamp.h"
#include "dataplane/wire/build_report.h"

namespace sluice::scrape {

struct ReportSample {
  std::optional<wire::BuildReport> report = {};  // The last good one.
  Stamp arrived = {};
  std::string error = {};  // Of the last attempt; empty after a good one.
  bool operator==(const ReportSample&) const = default;
};

class ReportStore {
 public:
  // Null when the pod has never been asked.
  [[nodiscard]] const ReportSample* find(const std::string& pod_uid) const;

  // Called when a report says something new (not for each one that repeats the last).
  void on_change(IndexChanged changed) { changes_.subscribe(std::move(changed)); }

  // The Scraper's side.
  void put(const kube::ObjectKey& index,
           const std::string& pod_uid,
           wire::BuildReport report,
           Stamp now);
  void put_error(const std::string& pod_uid, std::string error);
  void forget(const std::string& pod_uid);

 private:
  std::map<std::string, ReportSample> samples_;
  ChangeList changes_;
};

}  // namespace sluice::scrape
