#pragma once
// ScrapePlan: what is to be read from the pods of one index, and how often. A plain value: the
// rag_index controller computes it with each decision, the Scraper carries it out.

#include <set>
#include <string>
#include <vector>

#include "base/time.h"
#include "crds/rag_index.h"

namespace sluice::scrape {

// A pod that answers HTTP on api::kHttpPort.
struct PodTarget {
  std::string name = {};
  std::string uid = {};
  std::string address = {};  // IP of the pod.
  auto operator<=>(const PodTarget&) const = default;
};

struct EvaluationTarget {
  std::string revision = {};
  std::string digest = {};
  // What the results must sum up to: a pod's address may belong to another pod by now.
  api::EvaluationSummary summary = {};
  std::vector<std::string> addresses = {};  // Tried in turn.
  bool operator==(const EvaluationTarget&) const = default;
};

// A revision to be evaluated again, on another golden set than the one it was built with. Its
// workers are asked to (POST /evaluate), since pods of the operator fetch no URL that a spec names.
struct ReevaluationTarget {
  std::string revision = {};
  api::HttpSource golden_set = {};
  std::string index_digest = {};  // Of what must have been evaluated.
  std::vector<std::string> addresses = {};
  bool operator==(const ReevaluationTarget&) const = default;
};

struct ScrapePlan {
  std::string token = {};  // What the pods are told, as "Authorization: Bearer"; may be empty.
  std::vector<PodTarget> routers = {};
  Duration router_interval = std::chrono::seconds(30);
  std::vector<PodTarget> builders = {};      // Those whose report is still awaited.
  std::set<std::string> builders_kept = {};  // UIDs whose last report is still of use.
  std::vector<EvaluationTarget> evaluations = {};
  std::vector<ReevaluationTarget> reevaluations = {};
  bool operator==(const ScrapePlan&) const = default;
};

}  // namespace sluice::scrape
