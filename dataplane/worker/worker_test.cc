// The worker's parts over a real server on loopback: queries, drills, artifacts, downloads, specs.

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <optional>

#include "base/http/server.h"
#include "base/metrics.h"
#include "base/sha256.h"
#include "dataplane/retrieval/builder.h"
#include "dataplane/retrieval/scratch_folder.h"
#include "dataplane/worker/artifacts.h"
#include "dataplane/worker/download.h"
#include "dataplane/worker/index_job.h"
#include "dataplane/worker/query_service.h"
#include "dataplane/worker/spec.h"

namespace sluice::worker {
namespace {

using retrieval::ScratchFolder;
using std::chrono::milliseconds;

std::string corpus() {
  return "{\"_id\": \"d1\", \"title\": \"Pets\", \"text\": \"cat \\\"dog\\\" bird\"}\n"
         "{\"_id\": \"d2\", \"title\": \"Fish\", \"text\": \"dog fish\"}\n";
}

struct Service {
  ScratchFolder folder;
  MetricsRegistry metrics;
  std::optional<retrieval::Index> index;
  std::unique_ptr<QueryService> service;

  explicit Service(const QueryServiceOptions& options) {
    const auto built = retrieval::build_index(
        {.corpus_path = folder.write("corpus", corpus()), .out_path = folder.path("index")});
    EXPECT_TRUE(built);
    index.emplace(*retrieval::Index::open(folder.path("index")));
    service = *QueryService::create(*index, options, metrics);
  }

  http::Response ask(const std::string& body) const {
    std::promise<http::Response> answer;
    http::Request request;
    request.body = body;
    service->handle(request, http::Reply([&answer](http::Response response) {
                      answer.set_value(std::move(response));
                    }));
    return answer.get_future().get();
  }
};

std::string header(const http::Response& response, const std::string& name) {
  for (const http::Header& candidate : response.headers) {
    if (candidate.first == name) {
      return candidate.second;
    }
  }
  return "(none)";
}

TEST(QueryService, AnswersWithHitsAndHeaders) {
  const Service s({.revision = "r-1", .seed = 1});
  ASSERT_TRUE(s.service->warm_up());
  const http::Response response = s.ask(R"({"query": "cats", "debug": true})");
  EXPECT_EQ(response.status, 200);
  EXPECT_NE(response.body.find("\"revision\":\"r-1\""), std::string::npos) << response.body;
  EXPECT_NE(response.body.find("\"id\":\"d1\",\"score\":"), std::string::npos) << response.body;
  EXPECT_NE(response.body.find(R"("text":"cat \"dog\" bird")"), std::string::npos);
  EXPECT_NE(response.body.find("{\"term\":\"cat\",\"count\":1,\"chunks\":1}"), std::string::npos);
  EXPECT_EQ(header(response, "X-Sluice-Revision"), "r-1");
  EXPECT_EQ(header(response, "X-Sluice-Hits").size(), 12U);  // Eight bytes.
  EXPECT_NE(header(response, "X-Sluice-Took-Us"), "(none)");
}

TEST(QueryService, AnswersWithoutHitsHaveAnEmptyHitsHeader) {
  const Service s({.revision = "r-1"});
  const http::Response response = s.ask(R"({"query": "zebra"})");
  EXPECT_EQ(response.status, 200);
  EXPECT_NE(response.body.find("\"hits\":[]"), std::string::npos);
  EXPECT_EQ(header(response, "X-Sluice-Hits"), "");
  EXPECT_NE(s.metrics.text().find("sluice_worker_empty_answers_total{revision=\"r-1\"} 1"),
            std::string::npos);
}

TEST(QueryService, RefusesABadFilterAndNamesTheRevision) {
  const Service s({.revision = "r-1"});
  const http::Response response = s.ask(R"({"query": "cat", "filter": {"colour": "red"}})");
  EXPECT_EQ(response.status, 400);
  EXPECT_NE(response.body.find("bad_filter"), std::string::npos);
  EXPECT_EQ(header(response, "X-Sluice-Revision"), "r-1");
}

TEST(QueryService, FailsTheDrilledShareTheSameWayForTheSameSeed) {
  const auto failures = [](std::uint64_t seed) {
    const Service s({.revision = "r", .drill = {.error_rate = Share{2000}}, .seed = seed});
    std::vector<int> failed;
    for (int i = 0; i < 500; ++i) {
      if (s.ask(R"({"query": "cat"})").status == 500) {
        failed.push_back(i);
      }
    }
    return failed;
  };
  const std::vector<int> once = failures(7);
  EXPECT_NEAR(static_cast<double>(once.size()), 100, 35);
  EXPECT_EQ(once, failures(7));
  EXPECT_NE(once, failures(8));
}

TEST(QueryService, DrillsLatencyWithoutHoldingThreads) {
  const Service s({.revision = "r", .threads = 1, .drill = {.latency = milliseconds(50)}});
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::future<http::Response>> answers;
  for (int i = 0; i < 20; ++i) {
    answers.push_back(
        std::async(std::launch::async, [&s] { return s.ask(R"({"query": "cat"})"); }));
  }
  for (std::future<http::Response>& answer : answers) {
    const http::Response response = answer.get();
    EXPECT_EQ(response.status, 200);
    EXPECT_GE(std::stoll(std::string(header(response, "X-Sluice-Took-Us"))), 50'000);
  }
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_GE(took, milliseconds(50));
  EXPECT_LT(took, milliseconds(900));  // One after the other it would be 1,000.
}

TEST(QueryService, AnswersWhatIsQueuedBeforeItEnds) {
  std::atomic<int> answered{0};
  {
    const Service s({.revision = "r", .drill = {.latency = std::chrono::hours(1)}});
    for (int i = 0; i < 50; ++i) {
      http::Request request;
      request.body = R"({"query": "cat"})";
      s.service->handle(request, http::Reply([&answered](http::Response) { ++answered; }));
    }
  }
  EXPECT_EQ(answered, 50);
}

// A server of files by path, whose content a test may change, also between a GET and a HEAD.
struct Site {
  http::Server server{{.address = "127.0.0.1"}};
  std::mutex mutex;
  std::map<std::string, std::string> files;
  bool changes_after_reading = false;
  int version = 0;
  std::atomic<int> requests{0};

  void start() {
    server.route("GET", "/*", [this](const http::Request& request, http::Reply reply) {
      ++requests;
      const std::lock_guard lock(mutex);
      const auto at = files.find(request.path);
      if (at == files.end()) {
        reply(http::error_response(404, "not_found", "no"));
        return;
      }
      if (changes_after_reading && request.method == "GET") {
        ++version;
      }
      const int shown = changes_after_reading ? version + (request.method == "HEAD" ? 1 : 0) : 0;
      reply({.headers = {{"ETag", "\"v" + std::to_string(shown) + "\""}}, .body = at->second});
    });
    ASSERT_TRUE(server.start());
  }

  [[nodiscard]] std::string url(const std::string& path = "") const {
    return "http://127.0.0.1:" + std::to_string(server.port()) + path;
  }
};

TEST(Download, StoresAndDigestsAndChecksThePin) {
  const ScratchFolder folder;
  Site site;
  site.files["/a"] = std::string(1'000'000, 'a');
  site.start();
  const std::string path = folder.path("a");
  const auto got = download({.url = site.url("/a"), .path = path, .checks_for_change = true});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->sha256, sha256_of(site.files["/a"]));
  EXPECT_EQ(folder.read("a"), site.files["/a"]);
  const auto wrong = download({.url = site.url("/a"), .path = folder.path("b"), .sha256 = "0"});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ExitCode::kArtifact);
  EXPECT_EQ(folder.files(), 1U);  // Nothing of b.
}

TEST(Download, SaysWhatWentWrong) {
  const ScratchFolder folder;
  Site site;
  site.files["/a"] = std::string(1000, 'a');
  site.start();
  const auto code = [&](DownloadOptions options) {
    options.path = options.path.empty() ? folder.path("x") : options.path;
    const auto got = download(options);
    return got ? ExitCode::kDone : got.error().code;
  };
  EXPECT_EQ(code({.url = site.url("/none")}), ExitCode::kSource);
  EXPECT_EQ(code({.url = "http://127.0.0.1:1/"}), ExitCode::kSource);
  EXPECT_EQ(code({.url = "file:///etc/passwd"}), ExitCode::kSource);
  EXPECT_EQ(code({.url = site.url("/a"), .bytes_max = 999}), ExitCode::kSource);
  EXPECT_EQ(code({.url = site.url("/a"), .path = "/no/such/folder/x"}), ExitCode::kDisk);
  site.changes_after_reading = true;
  EXPECT_EQ(code({.url = site.url("/a"), .checks_for_change = true}), ExitCode::kSource);
  EXPECT_EQ(folder.files(), 0U);
}

TEST(Artifacts, AreServedByContentAndFetchedFromTheFirstSoundHolder) {
  const ScratchFolder held;
  const ScratchFolder mine;
  const std::string bytes(500'000, 'z');
  const std::string sha256 = sha256_of(bytes);
  held.write(sha256, bytes);
  Artifacts artifacts(held.path(""));
  http::Server good({.address = "127.0.0.1"});
  artifacts.serve(good);
  ASSERT_TRUE(good.start());
  Site liar;
  liar.files["/artifacts/sha256:" + sha256] = "something else";
  liar.start();
  const std::string good_url = "http://127.0.0.1:" + std::to_string(good.port()) + "/";
  const auto fetched = fetch_artifact(
      sha256, {.data_dir = mine.path(""), .holders = {"http://127.0.0.1:1", liar.url(), good_url}});
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_EQ(mine.read(sha256), bytes);
  const int before = liar.requests;
  EXPECT_TRUE(fetch_artifact(sha256, {.data_dir = mine.path(""), .holders = {liar.url()}}));
  EXPECT_EQ(liar.requests, before);  // It was there already.

  const std::string other = sha256_of("other");
  const FetchOptions hasty{
      .data_dir = mine.path(""), .holders = {good_url}, .patience = milliseconds(10)};
  EXPECT_EQ(fetch_artifact(other, hasty).error().code, ExitCode::kSource);
  liar.files["/artifacts/sha256:" + other] = "lies";
  const auto damaged = fetch_artifact(
      other, {.data_dir = mine.path(""), .holders = {liar.url()}, .patience = milliseconds(10)});
  EXPECT_EQ(damaged.error().code, ExitCode::kArtifact);
}

TEST(Artifacts, AreHandedOnlyToWhoeverKnowsTheToken) {
  const ScratchFolder held;
  const ScratchFolder mine;
  const std::string sha256 = sha256_of("bytes");
  held.write(sha256, "bytes");
  held.write("token", "s3cret");
  const http::Bearer bearer(held.path("token"));
  Artifacts artifacts(held.path(""), bearer);
  http::Server holder({.address = "127.0.0.1"});
  artifacts.serve(holder);
  ASSERT_TRUE(holder.start());
  FetchOptions options{.data_dir = mine.path(""),
                       .holders = {"http://127.0.0.1:" + std::to_string(holder.port())},
                       .patience = milliseconds(10)};
  const auto refused = fetch_artifact(sha256, options);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("HTTP 401"), std::string::npos) << refused.error().message;
  options.bearer = bearer;
  EXPECT_TRUE(fetch_artifact(sha256, options));
  api::RagIndexSpec spec;
  EXPECT_TRUE(get_documents(spec,
                            {.path = mine.path("documents"),
                             .holders = options.holders,
                             .documents_digest = sha256,
                             .bearer = bearer}));
  // A holder of an older engine, or one without a token, is not troubled by it.
  Site old;
  old.files["/artifacts/sha256:" + sha256_of("old")] = "old";
  old.start();
  options.holders = {old.url()};
  EXPECT_TRUE(fetch_artifact(sha256_of("old"), options));
}

TEST(Artifacts, NamesThatAreNoDigestsReachNoFile) {
  EXPECT_TRUE(is_sha256(std::string(64, 'a')));
  for (const std::string& bad : {std::string(63, 'a'),
                                 std::string(64, 'A'),
                                 std::string(64, '/'),
                                 std::string("../../etc/passwd"),
                                 std::string()}) {
    EXPECT_FALSE(is_sha256(bad)) << bad;
  }
}

TEST(IndexJob, PrefersHoldersOfThePinnedDocumentsAndRefusesOthers) {
  const ScratchFolder folder;
  Site source;
  source.files["/corpus"] = "new documents";
  source.start();
  Site holder;
  const std::string old_digest = sha256_of("old documents");
  holder.files["/artifacts/sha256:" + old_digest] = "old documents";
  holder.start();
  api::RagIndexSpec spec;
  spec.source.http = api::HttpSource{.url = source.url("/corpus")};
  const auto current = get_documents(spec, {.path = folder.path("d")});
  ASSERT_TRUE(current);
  EXPECT_EQ(*current, sha256_of("new documents"));
  const auto kept = get_documents(
      spec, {.path = folder.path("d"), .holders = {holder.url()}, .documents_digest = old_digest});
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_EQ(folder.read("d"), "old documents");
  const auto lost = get_documents(spec, {.path = folder.path("e"), .documents_digest = old_digest});
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ExitCode::kArtifact);
}

TEST(IndexJob, SeparatesCauses) {
  const ScratchFolder folder;
  const std::string good = folder.write("corpus", corpus());
  EXPECT_EQ(
      build({.corpus_path = folder.write("bad", "x\n"), .out_path = folder.path("i")}).error().code,
      ExitCode::kDocuments);
  EXPECT_EQ(build({.corpus_path = good, .out_path = "/no/such/folder/i"}).error().code,
            ExitCode::kDisk);
  ASSERT_TRUE(build({.corpus_path = good, .out_path = folder.path("index")}));
  EXPECT_EQ(measure(folder.path("index"), folder.write("golden", "x\n")).error().code,
            ExitCode::kGoldenSet);
  EXPECT_EQ(measure(good, folder.path("golden")).error().code, ExitCode::kArtifact);
  const auto measured = measure(
      folder.path("index"),
      folder.write("golden", "{\"id\": \"q\", \"query\": \"cat\", \"relevant\": {\"d1\": 1}}\n"));
  ASSERT_TRUE(measured) << measured.error().message;
  EXPECT_EQ(summary_of(*measured).ndcg_at_10, 1.0);
  EXPECT_EQ(results_of(*measured).ndcg_at_10.at(0), 1);
}

TEST(Spec, ReadsTheClustersYaml) {
  const ScratchFolder folder;
  const auto spec = read_spec(folder.write("index.yaml",
                                           "apiVersion: sluice.dev/v1alpha1\n"
                                           "kind: RagIndex\n"
                                           "metadata: {name: packages}\n"
                                           "spec:\n"
                                           "  source: {http: {url: http://corpus/x.gz}}\n"
                                           "  documents:\n"
                                           "    fields: {text: metadata.section}\n"
                                           "    metadata: [{name: section, type: keyword}]\n"
                                           "    badLinesMax: 3\n"
                                           "  chunking: {strategy: sentence, maxTokens: 50}\n"
                                           "  retrieval: {mode: bm25, bm25: {k1: 1.2, b: 0.5}}\n"));
  ASSERT_TRUE(spec) << spec.error().message;
  const retrieval::BuildOptions options = build_options(*spec);
  EXPECT_EQ(options.format.fields.text, "metadata.section");
  EXPECT_EQ(options.format.fields.id, "_id");
  EXPECT_EQ(options.format.keywords, std::vector<std::string>{"section"});
  EXPECT_EQ(options.bad_lines_max, 3U);
  EXPECT_EQ(options.chunking.strategy, retrieval::ChunkStrategy::kSentence);
  EXPECT_EQ(options.chunking.max_tokens, 50U);
  EXPECT_EQ(options.scoring.k1, 1.2);
  EXPECT_EQ(options.scoring.mode, retrieval::RetrievalMode::kBm25);
}

TEST(Spec, RefusesWhatTheClusterWouldRefuse) {
  const ScratchFolder folder;
  const std::string good = "kind: RagIndex\nspec:\n  source: {http: {url: http://c/x}}\n";
  ASSERT_TRUE(read_spec(folder.write("good", good)));
  for (const std::string& bad : {good + "  retrieval: {mode: magic}\n",
                                 good + "  chunkin: {}\n",
                                 good + "  chunking: {maxTokens: 0}\n",
                                 std::string("kind: Pod\nspec: {}\n"),
                                 std::string("kind: RagIndex\nspec: {}\n"),
                                 std::string("{")}) {
    const auto spec = read_spec(folder.write("bad", bad));
    ASSERT_FALSE(spec) << bad;
    EXPECT_EQ(spec.error().code, ExitCode::kSpec);
  }
  EXPECT_FALSE(read_spec(folder.path("absent")));
  EXPECT_FALSE(parse_spec("{}"));
  EXPECT_TRUE(parse_spec(R"({"source": {"http": {"url": "http://c/x"}}})"));
}

}  // namespace
}  // namespace sluice::worker
