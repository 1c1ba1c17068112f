#pragma once
// Scraper: carries out the plans: reads /counters of routers, /report of builders and /evaluation
// of either, has workers evaluate again (POST /evaluate, then GET until it is done), and puts what
// they say into the three stores. Plain HTTP to pod addresses, each
// request with a deadline of 2 s and a bounded answer; at most one request a target at a time. Loop
// thread; loop, transport and stores outlive it. Destroying it cancels all that is under way.

#include <compare>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "apiclient/transport.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "controllers/scrape/evaluation_store.h"
#include "controllers/scrape/report_store.h"
#include "controllers/scrape/sample_store.h"
#include "controllers/scrape/scrape_plan.h"

namespace sluice::scrape {

// The three stores as one thing to own and to pass on.
struct Stores {
  SampleStore samples;
  ReportStore reports;
  EvaluationStore evaluations;
};

class Scraper {
 public:
  Scraper(Loop& loop, Transport& transport, MetricsRegistry& metrics, Stores& stores);
  ~Scraper();
  Scraper(const Scraper&) = delete;
  Scraper& operator=(const Scraper&) = delete;

  // Replaces the index's plan. New targets are read at once, the others keep their rhythm; what is
  // no longer named is dropped, with what the stores hold of it.
  void set_plan(const kube::ObjectKey& index, const ScrapePlan& plan);
  // The index is gone.
  void forget(const kube::ObjectKey& index);

  [[nodiscard]] std::size_t targets() const { return targets_.size(); }

 private:
  enum class What { kCounters, kReport, kEvaluation, kReevaluation };

  struct TargetKey {
    kube::ObjectKey index;
    What what;
    std::string name;  // Pod UID, or revision and digest.
    auto operator<=>(const TargetKey&) const = default;
  };

  struct Target {
    PodTarget pod = {};
    EvaluationTarget evaluation = {};
    ReevaluationTarget reevaluation = {};
    std::string job = {};       // The worker's id of the evaluation; empty: it is yet to be asked.
    std::string asked_at = {};  // That worker's address.
    std::size_t next_address = 0;
    Duration interval{};
    MonotonicTime last_start{};
    bool was_started = false;
    TransferId transfer = {};
    TimerId timer = {};
  };

  void want(const TargetKey& key, Target target);
  void arm(const TargetKey& key, Target& target);
  void start(const TargetKey& key);
  [[nodiscard]] static HttpRequest request_for(Target& target, What what);
  [[nodiscard]] static HttpRequest reevaluation_request(Target& target);
  void finished(const TargetKey& key, const Result<HttpResponse>& answer);
  void take_counters(const TargetKey& key, const Target& target, const std::string& body);
  void take_report(const TargetKey& key, const Target& target, const std::string& body);
  void take_evaluation(const TargetKey& key, const Target& target, const std::string& body);
  void follow_reevaluation(const TargetKey& key,
                           Target& target,
                           const Result<HttpResponse>& answer);
  void take_error(const TargetKey& key, const Target& target, const std::string& error);
  void drop(const TargetKey& key);
  [[nodiscard]] Stamp now() const;

  Loop& loop_;
  Transport& transport_;
  Stores& stores_;
  Counter failures_;
  std::map<TargetKey, Target> targets_;
  std::map<kube::ObjectKey, ScrapePlan> plans_;
};

}  // namespace sluice::scrape
