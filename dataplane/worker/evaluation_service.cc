#include "dataplane/worker/evaluation_service.h"

#include <sys/resource.h>

#include <filesystem>
#include <functional>
#include <utility>

#include "base/describe.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/utf8.h"
#include "dataplane/retrieval/evaluation.h"
#include "dataplane/retrieval/file_writer.h"
#include "dataplane/retrieval/utf8.h"
#include "dataplane/worker/download.h"
#include "dataplane/worker/index_job.h"

namespace sluice::worker {
namespace {

using Clock = std::chrono::steady_clock;

// Queries come first: a thread of this niceness gets what they leave.
constexpr int kNiceness = 10;
constexpr std::size_t kQueriesMax = 100'000;  // As many as the results may have.
constexpr std::size_t kMessageBytesMax = 2048;
constexpr std::string_view kRetrySeconds = "5";

http::Response response_of(int status, const std::shared_ptr<const std::string>& job) {
  return {.status = status, .shared = http::SharedBytes{.owner = job, .bytes = *job}};
}

}  // namespace

EvaluationService::EvaluationService(const retrieval::Index& index,
                                     EvaluationServiceOptions options,
                                     MetricsRegistry& metrics)
    : index_(index),
      options_(std::move(options)),
      metrics_(metrics),
      running_(metrics.gauge("sluice_worker_evaluation_running",
                             "1 while the index is evaluated on a golden set.")),
      seconds_(metrics.histogram("sluice_worker_evaluation_seconds",
                                 "Time of an evaluation, download included.")),
      process_id_(std::to_string(fresh_seed())) {}

EvaluationService::~EvaluationService() {
  thread_.request_stop();
}

http::Response EvaluationService::ask(const http::Request& request) {
  if (!retrieval::is_utf8(request.body)) {
    return http::error_response(400, "not_utf8", "The body is not UTF-8.");
  }
  const Result<wire::EvaluateRequest> wanted = from_json<wire::EvaluateRequest>(request.body);
  if (!wanted) {
    return http::error_response(400, "bad_request", wanted.error().message);
  }
  const std::lock_guard lock(mutex_);
  if (is_running_ && *wanted != request_) {
    http::Response busy =
        http::error_response(429, "busy", "Another golden set is being evaluated; one at a time.");
    busy.headers.emplace_back("Retry-After", kRetrySeconds);
    return busy;
  }
  if (!is_running_) {
    is_running_ = true;
    request_ = *wanted;
    id_ = process_id_ + "-" + std::to_string(++jobs_);
    job_ = std::make_shared<const std::string>(
        to_json(wire::EvaluationJob{.id = id_, .index_digest = options_.index_digest}));
    // The last job's thread has nothing left to do but to end: it is joined here.
    thread_ =
        std::jthread([this, asked = *wanted](const std::stop_token& token) { run(token, asked); });
  }
  return response_of(202, job_);
}

http::Response EvaluationService::last() const {
  const std::lock_guard lock(mutex_);
  if (job_ == nullptr) {
    return http::error_response(
        404, "no_evaluation", "Nothing has been evaluated here; ask with POST /evaluate.");
  }
  return response_of(200, job_);
}

void EvaluationService::run(const std::stop_token& token, const wire::EvaluateRequest& request) {
  // Of this thread alone on Linux. Without the right to it the evaluation is only less polite.
  static_cast<void>(setpriority(PRIO_PROCESS, 0, kNiceness));
  running_.set(1);
  const Clock::time_point begin = Clock::now();
  const Outcome<wire::EvaluationJob> done = measure(token, request);
  const std::chrono::duration<double> took = Clock::now() - begin;
  seconds_.observe(took.count());
  running_.set(0);
  metrics_
      .counter("sluice_worker_evaluations_total",
               "Evaluations that were asked for with POST /evaluate.",
               {{"result", done ? "done" : "failed"}})
      .add();
  if (done) {
    log_info("evaluated again", {{"golden_set", done->results->golden_digest}});
    publish(*done);
  } else {
    log_warn("an evaluation failed", {{"reason", done.error().message}});
    publish({.state = wire::EvaluationState::kFailed,
             .message = std::string(cut_utf8(done.error().message, kMessageBytesMax))});
  }
}

void EvaluationService::publish(wire::EvaluationJob job) {
  job.index_digest = options_.index_digest;
  const std::lock_guard lock(mutex_);
  job.id = id_;
  job_ = std::make_shared<const std::string>(to_json(job));
  is_running_ = false;
}

Outcome<wire::EvaluationJob> EvaluationService::measure(
    const std::stop_token& token, const wire::EvaluateRequest& request) const {
  const Clock::time_point deadline = Clock::now() + options_.timeout;
  const auto should_stop = [&token, deadline] {
    return token.stop_requested() || Clock::now() >= deadline;
  };
  const auto why = [&](const Failure& failure) {
    if (token.stop_requested()) {
      return failed(ExitCode::kInternal, "the worker is being stopped");
    }
    if (Clock::now() >= deadline) {
      return failed(ExitCode::kInternal,
                    "not done within " + std::to_string(options_.timeout.count()) + " s");
    }
    return tl::make_unexpected(failure);
  };
  const std::string path = options_.scratch_dir + "/golden-" + process_id_;
  const Outcome<void> got = get_golden_set(should_stop, request, path);
  if (!got) {
    return why(got.error());
  }
  const Result<retrieval::GoldenSet> golden = retrieval::read_golden_set(path);
  std::error_code ignored;  // It is overwritten by the next one.
  std::filesystem::remove(path, ignored);
  if (!golden) {
    return failed(ExitCode::kGoldenSet, "the golden set: " + golden.error().message);
  }
  if (golden->queries.size() > kQueriesMax) {
    return failed(ExitCode::kGoldenSet,
                  "the golden set has more than " + std::to_string(kQueriesMax) + " queries");
  }
  // It may have been made for newer documents than this index has.
  const Result<retrieval::Evaluation> evaluation = retrieval::evaluate(
      index_, *golden, {.k = 10, .unknown_max = kMissingMaxOfNew, .should_stop = should_stop});
  if (!evaluation) {
    return why({.code = ExitCode::kGoldenSet, .message = evaluation.error().message});
  }
  return wire::EvaluationJob{.state = wire::EvaluationState::kDone,
                             .summary = summary_of(*evaluation),
                             .results = results_of(*evaluation)};
}

Outcome<void> EvaluationService::get_golden_set(const std::function<bool()>& should_stop,
                                                const wire::EvaluateRequest& request,
                                                const std::string& path) const {
  if (request.url) {
    const bool is_authorized = *request.url == options_.authorized_url;
    const Outcome<Download> got =
        download({.url = *request.url,
                  .path = path,
                  .sha256 = request.sha256,
                  .authorization_file = is_authorized ? options_.authorization_file : std::string(),
                  .bytes_max = options_.golden_bytes_max,
                  .total_timeout = options_.timeout,
                  .checks_for_change = true,
                  .should_stop = should_stop});
    return got ? Outcome<void>{}
               : failed(got.error().code, "the golden set: " + got.error().message);
  }
  Result<retrieval::FileWriter> file = retrieval::FileWriter::create(path);
  Status written = file ? file->append(*request.lines) : fail(file.error());
  written = written ? file->publish() : written;
  return written ? Outcome<void>{} : failed(ExitCode::kDisk, written.error().message);
}

}  // namespace sluice::worker
