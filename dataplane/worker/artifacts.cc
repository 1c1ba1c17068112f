#include "dataplane/worker/artifacts.h"

#include <algorithm>
#include <filesystem>

#include "base/log.h"
#include "dataplane/retrieval/digest.h"
#include "dataplane/worker/download.h"

namespace sluice::worker {
namespace {

constexpr std::string_view kPrefix = "/artifacts/sha256:";
constexpr std::chrono::milliseconds kFirstPause{250};
constexpr std::chrono::milliseconds kLongestPause{5000};

bool is_there(const std::string& path, const std::string& sha256) {
  const Result<std::string> digest = retrieval::digest_of_file(path);
  return digest && *digest == sha256;
}

std::string without_slash(std::string url) {
  while (url.ends_with('/')) {
    url.pop_back();
  }
  return url;
}

}  // namespace

bool is_sha256(std::string_view text) {
  return text.size() == kSha256Digits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

void Artifacts::add(const std::string& sha256, const std::string& path) {
  const std::lock_guard lock(mutex_);
  elsewhere_[sha256] = path;
}

std::string Artifacts::path_of(const std::string& sha256) const {
  const std::lock_guard lock(mutex_);
  const auto at = elsewhere_.find(sha256);
  if (at != elsewhere_.end()) {
    return at->second;
  }
  return data_dir_.empty() ? std::string{} : data_dir_ + "/" + sha256;
}

http::Response Artifacts::answer(const http::Request& request) const {
  if (!bearer_.admits(request)) {
    return http::unauthorized();
  }
  const std::string_view path = request.path;
  const std::string name(path.substr(std::min(path.size(), kPrefix.size())));
  if (!path.starts_with(kPrefix) || !is_sha256(name)) {
    return http::error_response(404, "no_artifact", "Artifacts are named sha256:<64 hex digits>.");
  }
  const std::string file = path_of(name);
  std::error_code error;
  const std::uintmax_t size =
      file.empty() ? 0 : std::filesystem::file_size(std::filesystem::path(file), error);
  if (file.empty() || error) {
    return http::error_response(404, "no_artifact", "This holder does not have that artifact.");
  }
  return {.content_type = "application/octet-stream",
          .headers = {{"ETag", "\"" + name + "\""}},
          .file = http::FileSlice{.path = file, .offset = 0, .length = size}};
}

void Artifacts::serve(http::Server& server) {
  // Not limited: a peer that cannot fetch cannot serve.
  server.route("GET",
               "/artifacts/*",
               [this](const http::Request& request, http::Reply reply) { reply(answer(request)); },
               {.exempt_from_limit = true});
}

Outcome<void> fetch_artifact(const std::string& sha256, const FetchOptions& options) {
  const std::string path = options.data_dir + "/" + sha256;
  if (is_there(path, sha256)) {
    return {};
  }
  const auto deadline = std::chrono::steady_clock::now() + options.patience;
  std::chrono::milliseconds pause = kFirstPause;
  for (;;) {
    Failure last{.code = ExitCode::kSource, .message = "no holder is given"};
    for (const std::string& holder : options.holders) {
      const Outcome<Download> got =
          download({.url = without_slash(holder) + std::string(kPrefix) + sha256,
                    .path = path,
                    .sha256 = sha256,
                    .token = options.bearer.word()});
      if (got) {
        return {};
      }
      if (got.error().code == ExitCode::kDisk) {
        return tl::make_unexpected(got.error());
      }
      log_warn("a holder failed", {{"holder", holder}, {"reason", got.error().message}});
      last = got.error();
    }
    if (std::chrono::steady_clock::now() + pause >= deadline) {
      return failed(last.code,
                    "the artifact sha256:" + sha256 + " could not be fetched: " + last.message);
    }
    pause_for(pause);
    pause = std::min(2 * pause, kLongestPause);
  }
}

}  // namespace sluice::worker
