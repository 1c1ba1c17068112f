// Usage: search_bench INDEX QUERIES.jsonl [ROUNDS]
//
// Queries a second, one thread, in process: search alone, and search with the ten documents fetched
// and unpacked. QUERIES.jsonl is BEIR's ({"_id", "text"}).

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dataplane/retrieval/line_reader.h"
#include "dataplane/retrieval/searcher.h"

namespace {

using namespace sluice;             // NOLINT(google-build-using-namespace): a program.
using namespace sluice::retrieval;  // NOLINT(google-build-using-namespace): a program.
using Clock = std::chrono::steady_clock;

constexpr std::size_t kLineBytesMax = 1024 * 1024;

std::vector<std::string> read_queries(const char* path) {
  std::vector<std::string> queries;
  Result<LineReader> reader = LineReader::open(path, kLineBytesMax);
  if (!reader) {
    return queries;
  }
  for (Result<std::optional<Line>> line = reader->next(); line && *line; line = reader->next()) {
    const auto json = nlohmann::json::parse((*line)->text, nullptr, false);
    if (json.is_object() && json.contains("text")) {
      queries.push_back(json["text"].get<std::string>());
    }
  }
  return queries;
}

struct Run {
  bool fetches = false;
  int rounds = 1;
};

void measure(Searcher& searcher, const std::vector<std::string>& queries, const Run& run) {
  std::vector<double> micros;
  std::size_t hits_seen = 0;
  for (int round = 0; round < run.rounds; ++round) {
    for (const std::string& query : queries) {
      const Clock::time_point begin = Clock::now();
      const auto hits = searcher.search({.text = query, .top_k = 10});
      for (std::size_t i = 0; run.fetches && hits && i < (*hits)->size(); ++i) {
        hits_seen += searcher.fetch((**hits)[i]) ? 1U : 0U;
      }
      micros.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
    }
  }
  double sum = 0;
  for (const double value : micros) {
    sum += value;
  }
  std::sort(micros.begin(), micros.end());
  std::printf("%-16s %8.0f queries/s   p50 %6.1f us   p99 %6.1f us   (%zu hits fetched)\n",
              run.fetches ? "search and fetch" : "search",
              1e6 * static_cast<double>(micros.size()) / sum,
              micros[micros.size() / 2],
              micros[micros.size() * 99 / 100],
              hits_seen);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "search_bench INDEX QUERIES.jsonl [ROUNDS]\n");
    return 2;
  }
  const Clock::time_point begin = Clock::now();
  const Result<Index> index = Index::open(argv[1]);
  const std::vector<std::string> queries = read_queries(argv[2]);
  if (!index || queries.empty()) {
    std::fprintf(stderr, "%s\n", index ? "no queries" : index.error().message.c_str());
    return 1;
  }
  std::printf("opened in %.1f ms: %u documents, %zu queries\n",
              std::chrono::duration<double, std::milli>(Clock::now() - begin).count(),
              index->file().documents(),
              queries.size());
  Result<Searcher> searcher = Searcher::create(*index);
  if (!searcher) {
    return 1;
  }
  const int rounds = argc > 3 ? std::max(1, std::atoi(argv[3])) : 3;
  measure(*searcher, queries, {.fetches = false, .rounds = rounds});
  measure(*searcher, queries, {.fetches = true, .rounds = rounds});
  return 0;
}
