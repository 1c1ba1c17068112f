#include "controllers/scrape/scraper.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/check.h"
#include "base/describe.h"
#include "crds/names.h"
#include "dataplane/wire/evaluation.h"

namespace sluice::scrape {
namespace {

constexpr Duration kDeadline = std::chrono::seconds(2);
constexpr Duration kReportInterval = std::chrono::milliseconds(500);
// Results are large and wait for nobody in the first seconds; a failed fetch comes again soon.
constexpr Duration kEvaluationDeadline = std::chrono::seconds(10);
constexpr Duration kEvaluationInterval = std::chrono::seconds(2);
// A worker at work is asked how far it is; one that failed is left alone for a while.
constexpr Duration kReevaluationInterval = std::chrono::seconds(1);
constexpr Duration kReevaluationRetry = std::chrono::seconds(10);
constexpr std::size_t kCountersBytesMax = std::size_t{512} * 1024;
constexpr std::size_t kReportBytesMax = std::size_t{64} * 1024;
constexpr std::size_t kEvaluationBytesMax = std::size_t{32} * 1024 * 1024;

std::string url_of(const std::string& address, std::string_view path) {
  const bool is_v6 = address.find(':') != std::string::npos;
  return "http://" + (is_v6 ? "[" + address + "]" : address) + ":" +
         std::to_string(api::kHttpPort) + std::string(path);
}

double mean(const std::vector<double>& values) {
  return values.empty() ? 0
                        : std::accumulate(values.begin(), values.end(), 0.0) /
                              static_cast<double>(values.size());
}

// Whether these results are the ones that the summary was made of.
bool belongs_to(const wire::EvaluationResults& results, const api::EvaluationSummary& summary) {
  return results.golden_digest == summary.golden_digest &&
         results.ids.size() == static_cast<std::size_t>(std::max(0, summary.queries)) &&
         std::abs(mean(results.ndcg_at_10) - summary.ndcg_at_10) < 1e-6;
}

EvaluationKey key_of(const kube::ObjectKey& index, const EvaluationTarget& target) {
  return {index.namespace_name, target.revision, target.digest};
}

EvaluationKey key_of(const kube::ObjectKey& index, const ReevaluationTarget& target) {
  return key_of_reevaluation(index.namespace_name, target.revision, target.golden_set);
}

// The job that a worker speaks of, if it is what was asked for and has not failed.
Result<wire::EvaluationJob> read_job(const ReevaluationTarget& target,
                                     const std::string& known_job,
                                     const Result<HttpResponse>& answer) {
  if (!answer) {
    return fail(answer.error());
  }
  if (answer->status == 429) {
    return fail(ErrorCode::kThrottled, "the worker is evaluating something else");
  }
  if (answer->status == 405 || (answer->status == 404 && known_job.empty())) {
    return fail(ErrorCode::kNotFound, "the worker's engine is too old to evaluate again");
  }
  if (answer->status != 200 && answer->status != 202) {
    return fail(ErrorCode::kUnavailable, "HTTP status " + std::to_string(answer->status));
  }
  auto job = from_json<wire::EvaluationJob>(answer->body);
  if (!job) {
    return job;
  }
  if (job->index_digest != target.index_digest) {
    return fail(ErrorCode::kInvalid, "another index is served at this address");
  }
  if (!known_job.empty() && job->id != known_job) {
    return fail(ErrorCode::kNotFound, "the worker has forgotten it was asked");
  }
  if (job->state == wire::EvaluationState::kFailed) {
    return fail(ErrorCode::kInvalid, job->message);
  }
  const bool is_done = job->state == wire::EvaluationState::kDone;
  if (is_done && !job->results) {
    return fail(ErrorCode::kInvalid, "the worker is done and gives no results");
  }
  const auto& pin = target.golden_set.sha256;
  if (is_done && pin && job->results->golden_digest != *pin) {
    return fail(ErrorCode::kInvalid, "the worker evaluated another golden set");
  }
  return job;
}

}  // namespace

Scraper::Scraper(Loop& loop, Transport& transport, MetricsRegistry& metrics, Stores& stores)
    : loop_(loop),
      transport_(transport),
      stores_(stores),
      failures_(metrics.counter("sluice_scrape_failures_total",
                                "Reads of routers, builders and workers that failed.")) {}

Scraper::~Scraper() {
  for (auto& [key, target] : targets_) {
    loop_.cancel(target.timer);
    transport_.cancel(target.transfer);
  }
}

Stamp Scraper::now() const {
  return {.monotonic = loop_.now(), .wall = loop_.wall_now()};
}

void Scraper::set_plan(const kube::ObjectKey& index, const ScrapePlan& plan) {
  ScrapePlan& known = plans_[index];
  if (known == plan) {
    return;
  }
  std::map<TargetKey, Target> wanted;
  for (const PodTarget& pod : plan.routers) {
    wanted[{index, What::kCounters, pod.uid}] = {.pod = pod, .interval = plan.router_interval};
  }
  for (const PodTarget& pod : plan.builders) {
    wanted[{index, What::kReport, pod.uid}] = {.pod = pod, .interval = kReportInterval};
  }
  std::set<EvaluationKey> results;
  for (const EvaluationTarget& target : plan.evaluations) {
    const EvaluationKey key = key_of(index, target);
    results.insert(key);
    if (stores_.evaluations.find(key) == nullptr && !target.addresses.empty()) {
      wanted[{index, What::kEvaluation, target.revision + "/" + target.digest}] = {
          .evaluation = target, .interval = kEvaluationInterval};
    }
  }
  for (const ReevaluationTarget& target : plan.reevaluations) {
    const EvaluationKey key =
        key_of_reevaluation(index.namespace_name, target.revision, target.golden_set);
    results.insert(key);
    if (stores_.evaluations.find(key) == nullptr && !target.addresses.empty()) {
      wanted[{index, What::kReevaluation, target.revision + "/" + key.digest}] = {
          .reevaluation = target, .interval = kReevaluationInterval};
    }
  }
  stores_.evaluations.retain(index, results);
  std::vector<TargetKey> gone;
  // The targets of one index are neighbours.
  for (auto at = targets_.lower_bound({index, What{}, {}});
       at != targets_.end() && at->first.index == index;
       ++at) {
    if (!wanted.contains(at->first)) {
      gone.push_back(at->first);
    }
  }
  for (const std::string& uid : known.builders_kept) {
    if (!plan.builders_kept.contains(uid)) {
      stores_.reports.forget(uid);
    }
  }
  known = plan;
  for (const TargetKey& key : gone) {
    drop(key);
  }
  for (auto& [key, target] : wanted) {
    want(key, std::move(target));
  }
}

void Scraper::forget(const kube::ObjectKey& index) {
  if (plans_.contains(index)) {
    set_plan(index, ScrapePlan{});
    plans_.erase(index);
  }
}

// A target that is known already keeps its rhythm; a shorter interval counts at once.
void Scraper::want(const TargetKey& key, Target target) {
  const auto [at, is_new] = targets_.try_emplace(key);
  Target& known = at->second;
  const bool has_moved = known.pod.address != target.pod.address;
  const bool is_other_pace = known.interval != target.interval;
  known.pod = std::move(target.pod);
  known.evaluation = std::move(target.evaluation);
  known.reevaluation = std::move(target.reevaluation);
  known.interval = target.interval;
  if (is_new || has_moved || is_other_pace) {
    if (is_new || has_moved) {
      known.was_started = false;
    }
    arm(key, known);
  }
}

void Scraper::arm(const TargetKey& key, Target& target) {
  if (target.transfer.value != 0) {
    return;  // finished() arms it again.
  }
  loop_.cancel(target.timer);
  Duration wait{0};
  if (target.was_started) {
    wait = std::max(Duration{0}, target.last_start + target.interval - loop_.now());
  }
  target.timer = loop_.call_after(wait, [this, key] { start(key); });
}

void Scraper::start(const TargetKey& key) {
  const auto found = targets_.find(key);
  CHECK(found != targets_.end());
  Target& target = found->second;
  target.timer = {};
  target.was_started = true;
  target.last_start = loop_.now();
  HttpRequest request = request_for(target, key.what);
  if (const std::string& token = plans_.at(key.index).token; !token.empty()) {
    request.headers.emplace_back("Authorization", "Bearer " + token);
  }
  target.transfer = transport_.start(
      std::move(request),
      {.on_done = [this, key](const Result<HttpResponse>& answer) { finished(key, answer); }});
}

HttpRequest Scraper::request_for(Target& target, What what) {
  HttpRequest request{.deadline = kDeadline};
  switch (what) {
    case What::kCounters:
      request.url = url_of(target.pod.address, "/counters");
      request.body_bytes_max = kCountersBytesMax;
      break;
    case What::kReport:
      request.url = url_of(target.pod.address, "/report");
      request.body_bytes_max = kReportBytesMax;
      break;
    case What::kEvaluation: {
      const auto& addresses = target.evaluation.addresses;
      request.url = url_of(addresses.at(target.next_address++ % addresses.size()), "/evaluation");
      request.body_bytes_max = kEvaluationBytesMax;
      request.deadline = kEvaluationDeadline;
      break;
    }
    case What::kReevaluation:
      return reevaluation_request(target);
  }
  return request;
}

void Scraper::finished(const TargetKey& key, const Result<HttpResponse>& answer) {
  const auto found = targets_.find(key);
  CHECK(found != targets_.end());
  found->second.transfer = {};
  if (key.what == What::kReevaluation) {
    follow_reevaluation(key, found->second, answer);
    return;
  }
  arm(key, found->second);
  // A subscriber may change the plan while it is told, and with it drop this very target.
  const Target target = found->second;
  if (!answer) {
    take_error(key, target, answer.error().describe());
  } else if (answer->status != 200) {
    take_error(key, target, "HTTP status " + std::to_string(answer->status));
  } else if (key.what == What::kCounters) {
    take_counters(key, target, answer->body);
  } else if (key.what == What::kReport) {
    take_report(key, target, answer->body);
  } else {
    take_evaluation(key, target, answer->body);
  }
}

void Scraper::take_counters(const TargetKey& key, const Target& target, const std::string& body) {
  auto counters = from_json<wire::Counters>(body);
  if (!counters) {
    take_error(key, target, counters.error().message);
  } else if (!counters->router.empty() && counters->router != target.pod.name) {
    take_error(key, target, "another router answers at this address: " + counters->router);
  } else {
    stores_.samples.put(key.index, target.pod, std::move(*counters), now());
  }
}

void Scraper::take_report(const TargetKey& key, const Target& target, const std::string& body) {
  auto report = from_json<wire::BuildReport>(body);
  if (!report) {
    take_error(key, target, report.error().message);
  } else {
    stores_.reports.put(key.index, target.pod.uid, std::move(*report), now());
  }
}

void Scraper::take_evaluation(const TargetKey& key, const Target& target, const std::string& body) {
  auto results = from_json<wire::EvaluationResults>(body);
  if (!results) {
    take_error(key, target, results.error().message);
  } else if (!belongs_to(*results, target.evaluation.summary)) {
    take_error(key, target, "these results do not sum up to what the build reported");
  } else {
    drop(key);
    stores_.evaluations.put(key.index, key_of(key.index, target.evaluation), std::move(*results));
  }
}

HttpRequest Scraper::reevaluation_request(Target& target) {
  HttpRequest request{.deadline = kEvaluationDeadline, .body_bytes_max = kEvaluationBytesMax};
  if (target.job.empty()) {
    const auto& addresses = target.reevaluation.addresses;
    target.asked_at = addresses.at(target.next_address++ % addresses.size());
    request.method = "POST";
    request.headers = {{"Content-Type", "application/json"}};
    const api::HttpSource& golden_set = target.reevaluation.golden_set;
    request.body =
        to_json(wire::EvaluateRequest{.url = golden_set.url, .sha256 = golden_set.sha256});
  }
  request.url = url_of(target.asked_at, "/evaluate");
  return request;
}

// Asks, then looks again until the job is done; after a failure the next worker is asked.
void Scraper::follow_reevaluation(const TargetKey& key,
                                  Target& target,
                                  const Result<HttpResponse>& answer) {
  auto job = read_job(target.reevaluation, target.job, answer);
  if (!job) {
    target.job.clear();
    target.interval = kReevaluationRetry;
    arm(key, target);
    take_error(key, Target(target), job.error().message);
    return;
  }
  if (!job->results) {
    target.job = job->id;
    target.interval = kReevaluationInterval;
    arm(key, target);
    return;
  }
  const kube::ObjectKey index = key.index;
  const EvaluationKey results = key_of(index, target.reevaluation);
  drop(TargetKey(key));  // The target, and with it what was passed in, is gone.
  stores_.evaluations.put(index, results, std::move(*job->results));
}

void Scraper::take_error(const TargetKey& key, const Target& target, const std::string& error) {
  failures_.add();
  switch (key.what) {
    case What::kCounters:
      stores_.samples.put_error(key.index, target.pod, error, now());
      break;
    case What::kReport:
      stores_.reports.put_error(target.pod.uid, error);
      break;
    case What::kEvaluation:
      stores_.evaluations.put_error(key.index, key_of(key.index, target.evaluation), error);
      break;
    case What::kReevaluation:
      stores_.evaluations.put_error(key.index, key_of(key.index, target.reevaluation), error);
      break;
  }
}

void Scraper::drop(const TargetKey& key) {
  const auto found = targets_.find(key);
  if (found == targets_.end()) {
    return;
  }
  loop_.cancel(found->second.timer);
  transport_.cancel(found->second.transfer);
  if (key.what == What::kCounters) {
    stores_.samples.forget(key.index, found->second.pod);
  }
  targets_.erase(found);
}

}  // namespace sluice::scrape
