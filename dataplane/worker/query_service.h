#pragma once
// QueryService: POST /query over one index. Requests come from the server's threads into a queue
// that the server's limit of requests in flight bounds; a thread a core takes them out, each with a
// Searcher of its own. Thread-safe.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/http/message.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/rng.h"
#include "base/share.h"
#include "dataplane/retrieval/index.h"
#include "dataplane/retrieval/searcher.h"
#include "dataplane/worker/delayed_replies.h"
#include "dataplane/worker/query_request.h"

namespace sluice::worker {

// A rehearsed failure: this share of the queries fails with 500, and all take longer.
struct DrillOptions {
  Share error_rate = {};
  std::chrono::nanoseconds latency{0};
};

struct QueryServiceOptions {
  std::string revision = {};
  int threads = 1;
  QueryLimits limits = {};
  DrillOptions drill = {};
  std::uint64_t seed = 0;  // Of query ids and of the drill's choices.
};

class QueryService {
 public:
  // The index and the metrics must outlive it.
  [[nodiscard]] static Result<std::unique_ptr<QueryService>> create(
      const retrieval::Index& index, const QueryServiceOptions& options, MetricsRegistry& metrics);
  QueryService(const QueryService&) = delete;
  QueryService& operator=(const QueryService&) = delete;
  // Answers what is queued.
  ~QueryService();

  // Runs queries made of the index's own terms, so that the first user's query is not the one that
  // brings the index into memory. The slowest one's time. Before the first handle().
  [[nodiscard]] Result<std::chrono::microseconds> warm_up();

  void handle(const http::Request& request, http::Reply reply);

 private:
  using Clock = std::chrono::steady_clock;

  struct Job {
    std::string body;
    http::Reply reply;
    Clock::time_point arrived;
  };

  // What a thread needs for itself.
  struct Desk {
    retrieval::Searcher searcher;
    Rng rng;
    std::string ids;  // Of the hits, 8 bytes each.
  };

  QueryService(const retrieval::Index& index,
               QueryServiceOptions options,
               MetricsRegistry& metrics);
  void run(Desk& desk);
  [[nodiscard]] http::Response answer(const Job& job, Desk& desk);
  [[nodiscard]] http::Response search(const QueryRequest& query,
                                      Desk& desk,
                                      Clock::time_point arrived);
  [[nodiscard]] Status append_hits(const std::vector<retrieval::Hit>& hits,
                                   Desk& desk,
                                   std::string& out) const;
  void append_debug(const Desk& desk, std::string& out) const;
  void count(const http::Response& response, Clock::time_point arrived);

  const retrieval::Index& index_;
  QueryServiceOptions options_;
  MetricsRegistry& metrics_;
  Histogram seconds_;
  Histogram hits_;
  Counter empty_;
  std::vector<std::unique_ptr<Desk>> desks_;
  std::unique_ptr<DelayedReplies> delayed_;  // Only in a drill with latency.

  std::mutex mutex_;
  std::condition_variable has_work_;
  std::deque<Job> queue_;
  bool is_ending_ = false;
  std::vector<std::jthread> threads_;  // Last: they use all of the above.
};

}  // namespace sluice::worker
