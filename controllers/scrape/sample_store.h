#pragma once
// SampleStore: the newest counters of every router of an index. The Scraper writes it; controllers
// read it by const reference and copy what they decide on. Loop thread.
//
// Bounded: 64 routers an index; indexes and routers go when the Scraper's plan drops them.

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controllers/scrape/change_list.h"
#include "controllers/scrape/scrape_plan.h"
#include "controllers/scrape/stamp.h"
#include "dataplane/wire/counters.h"

namespace sluice::scrape {

struct RouterSample {
  std::string router = {};  // Pod name.
  std::string pod_uid = {};
  // The last good answer and when it arrived. It stays while later scrapes fail: its age tells.
  std::optional<wire::Counters> counters = {};
  Stamp arrived = {};
  // The last failure; `error` is empty after a good answer.
  std::string error = {};
  Stamp failed = {};
  int failures = 0;  // In a row.
  bool operator==(const RouterSample&) const = default;
};

class SampleStore {
 public:
  static constexpr std::size_t kRoutersMax = 64;

  // Every router of the index that was scraped so far, in order of pod name. Empty when there are
  // none.
  [[nodiscard]] std::vector<RouterSample> of_index(const kube::ObjectKey& index) const;
  // Null when that router has not been scraped.
  [[nodiscard]] const RouterSample* find(const kube::ObjectKey& index,
                                         const std::string& router) const;

  // Called after every scrape of a router of the index, good or bad.
  void on_change(IndexChanged changed) { changes_.subscribe(std::move(changed)); }

  // The Scraper's side. A sample of another pod UID replaces the old one under that name.
  void put(const kube::ObjectKey& index,
           const PodTarget& router,
           wire::Counters counters,
           Stamp now);
  void put_error(const kube::ObjectKey& index,
                 const PodTarget& router,
                 std::string error,
                 Stamp now);
  void forget(const kube::ObjectKey& index, const PodTarget& router);

 private:
  // Null when the bound is reached.
  RouterSample* slot(const kube::ObjectKey& index, const PodTarget& router);

  std::map<kube::ObjectKey, std::map<std::string, RouterSample>> samples_;
  ChangeList changes_;
};

}  // namespace sluice::scrape
