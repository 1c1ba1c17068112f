// POST /evaluate over a real golden set and a real server that gives it.

#include "dataplane/worker/evaluation_service.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <optional>

#include "base/describe.h"
#include "base/http/server.h"
#include "base/sha256.h"
#include "dataplane/retrieval/builder.h"
#include "dataplane/retrieval/scratch_folder.h"

namespace sluice::worker {
namespace {

using retrieval::ScratchFolder;
using wire::EvaluationJob;
using wire::EvaluationState;

constexpr std::string_view kCorpus = R"({"_id": "d1", "title": "Pets", "text": "cat dog"}
{"_id": "d2", "title": "Fish", "text": "dog fish"}
)";
constexpr std::string_view kGolden = R"({"id": "q1", "query": "cat", "relevant": {"d1": 1}}
{"id": "q2", "query": "fish", "relevant": {"d2": 1}}
{"id": "q3", "query": "zebra", "relevant": {"d2": 1}}
)";

// A site that gives a golden set; it can be told to keep its visitors waiting.
class Site {
 public:
  Site() : server_({.address = "127.0.0.1"}) {
    server_.route("GET", "/golden", [](const http::Request&, http::Reply reply) {
      reply({.body = std::string(kGolden)});
    });
    server_.route("GET", "/private", [](const http::Request& request, http::Reply reply) {
      const bool is_known = request.header("Authorization") == "Bearer word";
      reply({.status = is_known ? 200 : 401, .body = std::string(kGolden)});
    });
    server_.route("GET", "/large", [](const http::Request&, http::Reply reply) {
      reply({.body = std::string(5000, ' ')});
    });
    server_.route("GET", "/never", [this](const http::Request&, http::Reply reply) {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(reply));
      has_visitor_.notify_all();
    });
    EXPECT_TRUE(server_.start());
  }

  [[nodiscard]] std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(server_.port()) + path;
  }

  void wait_for_visitor() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(has_visitor_.wait_for(
        lock, std::chrono::seconds(20), [this] { return !waiting_.empty(); }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable has_visitor_;
  std::vector<http::Reply> waiting_;
  http::Server server_;
};

class Evaluating : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(
        retrieval::build_index({.corpus_path = folder_.write("corpus", std::string(kCorpus)),
                                .out_path = folder_.path("index")}));
    index_.emplace(*retrieval::Index::open(folder_.path("index")));
    make({});
  }

  void make(EvaluationServiceOptions options) {
    options.index_digest = std::string(64, 'a');
    options.scratch_dir = folder_.path("");
    service_.reset();
    service_ = std::make_unique<EvaluationService>(*index_, options, metrics_);
  }

  http::Response ask(const std::string& body) const {
    http::Request request;
    request.body = body;
    return service_->ask(request);
  }

  static EvaluationJob job_of(const http::Response& response) {
    const std::string text(response.shared ? response.shared->bytes : response.body);
    auto job = from_json<EvaluationJob>(text);
    EXPECT_TRUE(job.has_value()) << text;
    return job.value_or(EvaluationJob{});
  }

  // Until the job has ended: polled, as a client would.
  EvaluationJob end_of_job() const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    for (;;) {
      EvaluationJob job = job_of(service_->last());
      if (job.state != EvaluationState::kRunning || std::chrono::steady_clock::now() > deadline) {
        return job;
      }
      std::this_thread::yield();
    }
  }

  ScratchFolder folder_;
  MetricsRegistry metrics_;
  Site site_;
  std::optional<retrieval::Index> index_;
  std::unique_ptr<EvaluationService> service_;
};

TEST_F(Evaluating, MeasuresTheIndexOnAGoldenSetBehindAUrl) {
  const http::Response accepted =
      ask(R"({"url":")" + site_.url("/golden") + R"(","sha256":")" + sha256_of(kGolden) + R"("})");
  EXPECT_EQ(accepted.status, 202);
  const EvaluationJob job = end_of_job();
  EXPECT_EQ(job.state, EvaluationState::kDone) << job.message;
  EXPECT_EQ(job.id, job_of(accepted).id);
  EXPECT_EQ(job.index_digest, std::string(64, 'a'));
  ASSERT_TRUE(job.results && job.summary);
  EXPECT_EQ(job.results->golden_digest, sha256_of(kGolden));
  EXPECT_EQ(job.results->ids, (std::vector<std::string>{"q1", "q2", "q3"}));
  EXPECT_EQ(job.results->ndcg_at_10, (std::vector<double>{1, 1, 0}));
  EXPECT_EQ(job.summary->queries, 3);
  EXPECT_NEAR(job.summary->ndcg_at_10, 2.0 / 3, 1e-12);
  EXPECT_EQ(folder_.files(), 2U) << "the golden set does not stay";
  EXPECT_NE(metrics_.text().find("sluice_worker_evaluations_total{result=\"done\"} 1"),
            std::string::npos);
}

TEST_F(Evaluating, TellsItsAuthorizationToTheOneUrlThatItIsFor) {
  make({.authorization_file = folder_.write("authorization", "Bearer word"),
        .authorized_url = site_.url("/private")});
  EXPECT_EQ(ask(R"({"url":")" + site_.url("/private") + R"("})").status, 202);
  EXPECT_EQ(end_of_job().state, EvaluationState::kDone);
  EXPECT_EQ(ask(R"({"url":")" + site_.url("/private?again") + R"("})").status, 202);
  const EvaluationJob job = end_of_job();
  EXPECT_EQ(job.state, EvaluationState::kFailed);
  EXPECT_NE(job.message.find("HTTP 401"), std::string::npos) << job.message;
}

TEST_F(Evaluating, TakesLinesAsTheyAre) {
  const std::string line = R"({\"id\":\"q\",\"query\":\"dog fish\",\"relevant\":{\"d2\":1}})";
  EXPECT_EQ(ask(R"({"lines":")" + line + R"("})").status, 202);
  const EvaluationJob job = end_of_job();
  ASSERT_EQ(job.state, EvaluationState::kDone) << job.message;
  EXPECT_EQ(job.results->ndcg_at_10, (std::vector<double>{1}));
}

TEST_F(Evaluating, KnowsNothingBeforeTheFirst) {
  EXPECT_EQ(service_->last().status, 404);
}

TEST_F(Evaluating, RefusesWhatIsNoRequest) {
  for (const std::string& body : {std::string(),
                                  std::string("[]"),
                                  std::string("{}"),
                                  std::string("\xff\xfe"),
                                  std::string(R"({"url":"file:///etc/passwd"})"),
                                  std::string(R"({"url":"http://x/","lines":""})"),
                                  std::string(R"({"url":"http://x/","sha256":"12"})")}) {
    const http::Response refused = ask(body);
    EXPECT_EQ(refused.status, 400) << body;
    EXPECT_NE(refused.body.find("\"error\""), std::string::npos) << refused.body;
  }
  EXPECT_EQ(service_->last().status, 404) << "nothing was begun";
}

struct FailingCase {
  std::string path;  // Of the site; empty: lines.
  std::string rest;
  std::string message;
};

TEST_F(Evaluating, SaysWhyItFailed) {
  make({.golden_bytes_max = 4000});
  const FailingCase cases[] = {
      {"/none", "", "HTTP 404"},
      {"/large", "", "larger than 4000 bytes"},
      {"/golden", R"(,"sha256":")" + std::string(64, 'b') + R"(")", "as pinned"},
      {"", "nonsense", "line 1"},
      {"", R"({\"id\":\"q\",\"query\":\"x\",\"relevant\":{\"other\":1}})", "not in the index"}};
  std::string last_id;
  for (const FailingCase& one : cases) {
    const std::string body = one.path.empty()
                                 ? R"({"lines":")" + one.rest + R"("})"
                                 : R"({"url":")" + site_.url(one.path) + R"(")" + one.rest + "}";
    EXPECT_EQ(ask(body).status, 202) << body;
    const EvaluationJob job = end_of_job();
    EXPECT_EQ(job.state, EvaluationState::kFailed) << body;
    EXPECT_NE(job.message.find(one.message), std::string::npos) << job.message;
    EXPECT_FALSE(job.results.has_value());
    EXPECT_NE(job.id, last_id);
    last_id = job.id;
  }
  EXPECT_NE(metrics_.text().find("sluice_worker_evaluations_total{result=\"failed\"} 5"),
            std::string::npos);
}

TEST_F(Evaluating, RunsOneAtATimeAndTheSameOneOnce) {
  const std::string slow = R"({"url":")" + site_.url("/never") + R"("})";
  const EvaluationJob first = job_of(ask(slow));
  site_.wait_for_visitor();
  EXPECT_EQ(job_of(ask(slow)).id, first.id);
  const http::Response busy = ask(R"({"lines":"{}"})");
  EXPECT_EQ(busy.status, 429);
  EXPECT_EQ(busy.headers.at(0).first, "Retry-After");
  EXPECT_EQ(job_of(service_->last()).state, EvaluationState::kRunning);
}

TEST_F(Evaluating, EndsAtItsDeadlineAndCanBeAskedAgain) {
  make({.timeout = std::chrono::seconds(1)});
  EXPECT_EQ(ask(R"({"url":")" + site_.url("/never") + R"("})").status, 202);
  EXPECT_NE(end_of_job().message.find("not done within 1 s"), std::string::npos);
  EXPECT_EQ(ask(R"({"url":")" + site_.url("/golden") + R"("})").status, 202);
  EXPECT_EQ(end_of_job().state, EvaluationState::kDone);
}

TEST_F(Evaluating, StopsWithTheWorker) {
  EXPECT_EQ(ask(R"({"url":")" + site_.url("/never") + R"("})").status, 202);
  site_.wait_for_visitor();
  const auto begin = std::chrono::steady_clock::now();
  service_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

}  // namespace
}  // namespace sluice::worker
