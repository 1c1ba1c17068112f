#include "bench/load/query_list.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <poll.h>

#include <chrono>
#include <memory>

#include "base/file.h"
#include "base/json_view.h"
#include "base/json_writer.h"

namespace sluice::load {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBytesMax = 64 * 1024 * 1024;
constexpr long kFetchTimeoutMs = 30'000;
constexpr int kRetryMs = 500;

std::size_t collect(const char* data, std::size_t, std::size_t count, std::string* text) {
  if (text->size() + count > kBytesMax) {
    return 0;  // libcurl takes this for an error.
  }
  text->append(data, count);
  return count;
}

Result<std::string> fetch(const std::string& url) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                 &curl_easy_cleanup);
  std::string text;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, kFetchTimeoutMs);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &collect);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &text);
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) {
    return fail(ErrorCode::kUnavailable, fmt::format("{}: {}", url, curl_easy_strerror(code)));
  }
  return text;
}

}  // namespace

Result<std::vector<std::string>> bodies_of(std::string_view json_lines, std::int64_t top_k) {
  std::vector<std::string> bodies;
  std::size_t number = 0;
  while (!json_lines.empty()) {
    const std::size_t end = json_lines.find('\n');
    const std::string_view line = json_lines.substr(0, end);
    json_lines = end == std::string_view::npos ? std::string_view{} : json_lines.substr(end + 1);
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
      continue;
    }
    const auto document = JsonDocument::parse(line);
    if (!document) {
      return fail(document.error().with_context(fmt::format("queries, line {}", number)));
    }
    auto text = document->root().find("query");
    text = text ? text : document->root().find("text");
    const auto query = text ? text->as_string() : std::nullopt;
    if (!query) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("queries, line {}: there is no \"query\" or \"text\"", number));
    }
    JsonWriter writer;
    writer.begin_object().member("query", *query).member("top_k", top_k).end_object();
    bodies.push_back(writer.take());
  }
  if (bodies.empty()) {
    return fail(ErrorCode::kInvalid, "there are no queries");
  }
  return bodies;
}

Result<std::string> read_queries(const std::string& source, Duration wait) {
  if (!source.starts_with("http://")) {
    return read_file(source, kBytesMax);
  }
  const Clock::time_point deadline = Clock::now() + wait;
  for (;;) {
    auto text = fetch(source);
    if (text || Clock::now() >= deadline) {
      return text;
    }
    ::poll(nullptr, 0, kRetryMs);
  }
}

}  // namespace sluice::load
