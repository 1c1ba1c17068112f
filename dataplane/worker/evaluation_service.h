#pragma once
// EvaluationService: POST /evaluate and GET /evaluate: measures the index that is being served on
// another golden set than the one it was built with. One evaluation at a time, on a thread of low
// priority beside the queries, bounded in bytes, queries and time. Thread-safe.

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/http/message.h"
#include "base/metrics.h"
#include "dataplane/retrieval/index.h"
#include "dataplane/wire/evaluation.h"
#include "dataplane/worker/outcome.h"

namespace sluice::worker {

struct EvaluationServiceOptions {
  std::string index_digest = {};
  std::string scratch_dir = {};  // Where a golden set lies while it is used.
  // What the server of this one golden set is told, and nobody else; empty: nothing.
  std::string authorization_file = {};
  std::string authorized_url = {};
  std::chrono::seconds timeout{300};
  std::uint64_t golden_bytes_max = 16ULL * 1024 * 1024;
};

class EvaluationService {
 public:
  // Index and metrics must outlive it.
  EvaluationService(const retrieval::Index& index,
                    EvaluationServiceOptions options,
                    MetricsRegistry& metrics);
  EvaluationService(const EvaluationService&) = delete;
  EvaluationService& operator=(const EvaluationService&) = delete;
  // Stops an evaluation that is running.
  ~EvaluationService();

  // POST: 202 with the job, which runs on; the running job if it is asked for the very same again.
  // 400 for a bad request, 429 with Retry-After while another runs.
  [[nodiscard]] http::Response ask(const http::Request& request);
  // GET: the last job, 404 before the first. Results are kept until the next job.
  [[nodiscard]] http::Response last() const;

 private:
  void run(const std::stop_token& token, const wire::EvaluateRequest& request);
  [[nodiscard]] Outcome<wire::EvaluationJob> measure(const std::stop_token& token,
                                                     const wire::EvaluateRequest& request) const;
  [[nodiscard]] Outcome<void> get_golden_set(const std::function<bool()>& should_stop,
                                             const wire::EvaluateRequest& request,
                                             const std::string& path) const;
  void publish(wire::EvaluationJob job);

  const retrieval::Index& index_;
  EvaluationServiceOptions options_;
  MetricsRegistry& metrics_;
  Gauge running_;
  Histogram seconds_;
  std::string process_id_;

  mutable std::mutex mutex_;
  std::uint64_t jobs_ = 0;
  bool is_running_ = false;
  std::string id_;                          // Of the last job.
  wire::EvaluateRequest request_;           // The same.
  std::shared_ptr<const std::string> job_;  // The same, as JSON; null before the first.
  std::jthread thread_;                     // Last: it uses all of the above.
};

}  // namespace sluice::worker
