#include "dataplane/worker/query_service.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/base64.h"
#include "base/check.h"
#include "base/json_string.h"

namespace sluice::worker {
namespace {

constexpr int kWarmUpQueries = 64;
constexpr int kWarmUpTerms = 3;
constexpr std::size_t kAnswerBytesMax = 8 * 1024 * 1024;
constexpr std::size_t kHitsInHeader = 100;  // About 1 KiB: clients bound their headers, too.

const std::vector<double>& hit_buckets() {
  static const std::vector<double> buckets = {0, 1, 2, 5, 10, 20, 50, 100, 1000};
  return buckets;
}

template <class Number>
void append_number(std::string& out, Number number) {
  char text[32];
  const auto result = std::to_chars(text, text + sizeof text, number);
  out.append(text, result.ptr);
}

void append_hex(std::string& out, std::uint64_t number) {
  char text[17];
  const auto result = std::to_chars(text, text + sizeof text, number, 16);
  out.append(16 - static_cast<std::size_t>(result.ptr - text), '0');
  out.append(text, result.ptr);
}

}  // namespace

QueryService::QueryService(const retrieval::Index& index,
                           QueryServiceOptions options,
                           MetricsRegistry& metrics)
    : index_(index),
      options_(std::move(options)),
      metrics_(metrics),
      seconds_(metrics.histogram("sluice_worker_query_duration_seconds",
                                 "From the request's arrival to its answer.",
                                 {{"revision", options_.revision}})),
      hits_(metrics.histogram("sluice_worker_query_hits",
                              "Documents in an answer.",
                              {{"revision", options_.revision}},
                              hit_buckets())),
      empty_(metrics.counter("sluice_worker_empty_answers_total",
                             "Answers without a document.",
                             {{"revision", options_.revision}})) {
  if (options_.drill.latency.count() > 0) {
    delayed_ = std::make_unique<DelayedReplies>();
  }
}

Result<std::unique_ptr<QueryService>> QueryService::create(const retrieval::Index& index,
                                                           const QueryServiceOptions& options,
                                                           MetricsRegistry& metrics) {
  CHECK(options.threads > 0);
  std::unique_ptr<QueryService> service(new QueryService(index, options, metrics));
  Rng rng(options.seed);
  for (int i = 0; i < options.threads; ++i) {
    Result<retrieval::Searcher> searcher = retrieval::Searcher::create(index);
    if (!searcher) {
      return fail(searcher.error());
    }
    service->desks_.push_back(std::make_unique<Desk>(
        Desk{.searcher = *std::move(searcher), .rng = rng.fork(), .ids = {}}));
  }
  for (const std::unique_ptr<Desk>& desk : service->desks_) {
    service->threads_.emplace_back([raw = service.get(), mine = desk.get()] { raw->run(*mine); });
  }
  return service;
}

QueryService::~QueryService() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  has_work_.notify_all();
  threads_.clear();  // Joins.
}

Result<std::chrono::microseconds> QueryService::warm_up() {
  Result<retrieval::Searcher> searcher = retrieval::Searcher::create(index_);
  if (!searcher) {
    return fail(searcher.error());
  }
  Rng rng(options_.seed);
  const std::size_t terms = index_.file().terms().size();
  std::chrono::microseconds slowest{0};
  for (int i = 0; i < kWarmUpQueries && terms > 0; ++i) {
    std::string text;
    for (int t = 0; t < kWarmUpTerms; ++t) {
      text += std::string(index_.file().term_name(rng.below(terms))) + " ";
    }
    const Clock::time_point begin = Clock::now();
    const auto hits = searcher->search({.text = text, .top_k = options_.limits.top_k_default});
    if (!hits) {
      return fail(hits.error());
    }
    for (const retrieval::Hit& hit : **hits) {
      if (const auto document = searcher->fetch(hit); !document) {
        return fail(document.error());
      }
    }
    slowest = std::max(slowest,
                       std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin));
  }
  return slowest;
}

void QueryService::handle(const http::Request& request, http::Reply reply) {
  {
    const std::lock_guard lock(mutex_);
    // A drill's answers say that they took the time for which they are kept back, too.
    queue_.push_back({.body = request.body,
                      .reply = std::move(reply),
                      .arrived = Clock::now() - options_.drill.latency});
  }
  has_work_.notify_one();
}

void QueryService::run(Desk& desk) {
  for (;;) {
    std::unique_lock lock(mutex_);
    has_work_.wait(lock, [this] { return is_ending_ || !queue_.empty(); });
    if (queue_.empty()) {
      return;
    }
    Job job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    http::Response response = answer(job, desk);
    response.headers.emplace_back("X-Sluice-Revision", options_.revision);
    count(response, job.arrived);
    if (delayed_ != nullptr) {
      delayed_->add(options_.drill.latency, std::move(job.reply), std::move(response));
    } else {
      job.reply(std::move(response));
    }
  }
}

http::Response QueryService::answer(const Job& job, Desk& desk) {
  const auto drilled = static_cast<std::uint64_t>(options_.drill.error_rate.ten_thousandths);
  if (drilled > 0 && desk.rng.below(static_cast<std::uint64_t>(kWhole.ten_thousandths)) < drilled) {
    return http::error_response(500, "drill", "This failure is a drill.");
  }
  const tl::expected<QueryRequest, Refusal> query = parse_query(job.body, options_.limits);
  if (!query) {
    const Refusal& refusal = query.error();
    return http::error_response(refusal.status, refusal.code, refusal.message);
  }
  return search(*query, desk, job.arrived);
}

http::Response QueryService::search(const QueryRequest& query,
                                    Desk& desk,
                                    Clock::time_point arrived) {
  const auto hits =
      desk.searcher.search({.text = query.text, .top_k = query.top_k, .filter = query.filter});
  if (!hits) {
    return http::error_response(400, "bad_filter", hits.error().message);
  }
  std::string hits_json;
  if (const Status appended = append_hits(**hits, desk, hits_json); !appended) {
    return http::error_response(500, "index_damaged", appended.error().message);
  }
  if (hits_json.size() > kAnswerBytesMax) {
    return http::error_response(
        400, "answer_too_large", "The answer is larger than 8 MiB: ask for a smaller \"top_k\".");
  }
  const auto took =
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - arrived).count();
  http::Response response;
  std::string& body = response.body;
  body.reserve(hits_json.size() + 256);
  body += "{\"query_id\":\"";
  append_hex(body, desk.rng.next());
  body += "\",\"revision\":";
  append_json_string(body, options_.revision);
  body += ",\"took_ms\":";
  append_number(body, static_cast<double>(took) / 1000.0);
  body += ",\"hits\":[";
  body += hits_json;
  body += ']';
  if (query.debug) {
    append_debug(desk, body);
  }
  body += '}';
  response.headers.emplace_back("X-Sluice-Hits", base64_encode(desk.ids));
  response.headers.emplace_back("X-Sluice-Took-Us", std::to_string(took));
  hits_.observe(static_cast<double>((*hits)->size()));
  if ((*hits)->empty()) {
    empty_.add();
  }
  return response;
}

Status QueryService::append_hits(const std::vector<retrieval::Hit>& hits,
                                 Desk& desk,
                                 std::string& out) const {
  desk.ids.clear();
  for (const retrieval::Hit& hit : hits) {
    const Result<retrieval::StoredDocument> document = desk.searcher.fetch(hit);
    if (!document) {
      return fail(document.error());
    }
    const std::uint64_t id = index_.file().document_ids()[hit.document];
    if (desk.ids.size() < kHitsInHeader * sizeof id) {
      desk.ids.append(reinterpret_cast<const char*>(&id), sizeof id);
    }
    out += out.empty() ? "{\"id\":" : ",{\"id\":";
    append_json_string(out, document->id);
    out += ",\"score\":";
    append_number(out, hit.score);
    out += ",\"title\":";
    append_json_string(out, document->title);
    out += ",\"text\":";
    append_json_string(out, document->text);
    out += ",\"metadata\":";
    out += document->metadata_json;
    out += ",\"scores\":{\"lexical\":";
    append_number(out, hit.score);
    out += "}}";
    if (out.size() > kAnswerBytesMax) {
      break;  // The caller refuses it.
    }
  }
  return {};
}

void QueryService::append_debug(const Desk& desk, std::string& out) const {
  out += ",\"debug\":{\"analyzer\":";
  append_json_string(out, index_.manifest().analyzer);
  out += ",\"mode\":";
  append_json_string(out, retrieval::to_string(index_.manifest().scoring.mode));
  out += ",\"terms\":[";
  bool is_first = true;
  for (const retrieval::QueryTerm& term : desk.searcher.terms()) {
    out += is_first ? "{\"term\":" : ",{\"term\":";
    is_first = false;
    append_json_string(out, term.term);
    out += ",\"count\":";
    append_number(out, term.count);
    out += ",\"chunks\":";
    append_number(out, term.chunks);
    out += '}';
  }
  out += "]}";
}

void QueryService::count(const http::Response& response, Clock::time_point arrived) {
  metrics_
      .counter("sluice_worker_queries_total",
               "Answered queries by status.",
               {{"revision", options_.revision}, {"code", std::to_string(response.status)}})
      .add();
  seconds_.observe(std::chrono::duration<double>(Clock::now() - arrived).count());
}

}  // namespace sluice::worker
